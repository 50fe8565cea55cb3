"""The tables, views and macros of Visual Behavior Ophys, and which of them one file of each kind gives."""

from __future__ import annotations

from vbn_assets.tables import behavior, defects, eye_tracking, images, macros, ophys, releases, task, vbo_metadata
from vbn_assets.tables.model import I64, Column, by_name, in_recording

RECORDING = Column("ophys_session_id", I64, "The ophys session, where there is one", optional=True)

METADATA = vbo_metadata.TABLES

BEHAVIOR_SESSION = in_recording(RECORDING, (*behavior.TABLES, *eye_tracking.TABLES, *task.TABLES, *images.TABLES))
OPHYS_EXPERIMENT = (*ophys.TABLES, *BEHAVIOR_SESSION)

TABLES = by_name(
    (
        *METADATA,
        *OPHYS_EXPERIMENT,
        *images.SHARED,
        *in_recording(RECORDING, releases.TABLES),
        *defects.TABLES,
    )
)

VIEWS = by_name(in_recording(RECORDING, (*task.VIEWS, *images.VIEWS, *ophys.VIEWS, *defects.VIEWS)))

MACROS = by_name((macros.BIN_COUNT, *macros.TRACES, *macros.OPHYS_TRACES))
