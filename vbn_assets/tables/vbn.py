"""The tables, views and macros of Visual Behavior Neuropixels, and which of them one file of each kind gives."""

from __future__ import annotations

from vbn_assets.tables import (
    behavior,
    defects,
    ecephys,
    eye_tracking,
    images,
    lfp,
    macros,
    releases,
    task,
    vbn_metadata,
)
from vbn_assets.tables.model import I64, Column, by_name, in_recording

RECORDING = Column("ecephys_session_id", I64, "The ecephys session, where there is one", optional=True)

METADATA = vbn_metadata.TABLES

BEHAVIOR_SESSION = in_recording(RECORDING, (*behavior.TABLES, *eye_tracking.TABLES, *task.TABLES, *images.TABLES))
ECEPHYS_SESSION = (*ecephys.TABLES, *BEHAVIOR_SESSION)
PROBE_LFP = lfp.TABLES

TABLES = by_name(
    (
        *METADATA,
        *ECEPHYS_SESSION,
        *PROBE_LFP,
        *images.SHARED,
        *in_recording(RECORDING, releases.TABLES),
        *defects.TABLES,
    )
)

VIEWS = by_name(
    in_recording(
        RECORDING,
        (
            *vbn_metadata.VIEWS,
            *task.VIEWS,
            *images.VIEWS,
            *ecephys.VIEWS,
            *lfp.VIEWS,
            *defects.VIEWS,
            *defects.VBN_VIEWS,
        ),
    )
)

MACROS = by_name((macros.BIN_COUNT, *macros.SPIKES, *macros.TRACES))
