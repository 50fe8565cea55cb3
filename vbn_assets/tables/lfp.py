"""Tables of a probe's LFP file: its traces in blocks, their times, their channels, and the current source density.

A block is about a second of one channel, so a window of time reads only the blocks that touch it, and a channel only
its own. Each is keyed by `ecephys_probe_id`.
"""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.tables.ecephys import CHANNEL_COLUMNS
from vbn_assets.tables.model import F64, I64, Column, Entity, Storage, Table, View

_KEYS = (
    Column("ecephys_session_id", I64, "The ecephys session; null for a file of no release", optional=True),
    Column("ecephys_probe_id", I64, "The probe: `probes.ecephys_probe_id`", nullable=False, source="/identifier"),
)
_SERIES = "/acquisition/probe_<id>_lfp/probe_<id>_lfp_data"
_BLOCK = (
    Column("block", I64, "Number of the block of 1250 samples; the last one is shorter", nullable=False),
    Column("start_time", F64, "Time of the block's first sample", "s", source=f"{_SERIES}/timestamps"),
    Column("end_time", F64, "Time of the block's last sample", "s", source=f"{_SERIES}/timestamps"),
)

LFP = Table(
    name="lfp",
    description="Local field potential: one row a channel and block. `lfp_samples` has a row a sample.",
    entity=Entity.ECEPHYS_PROBE,
    key=("ecephys_probe_id", "channel_id", "block"),
    allensdk="session.get_lfp(probe_id)",
    storage=Storage.VIEW,
    row_groups_as_read=True,
    columns=(
        *_KEYS,
        Column(
            "channel_id",
            I64,
            "Channel: `lfp_channels.id`",
            nullable=False,
            source="/general/extracellular_ephys/electrodes/id",
        ),
        *_BLOCK,
        Column("samples", pa.list_(pa.float32()), "The potential at the block's times", "V", source=f"{_SERIES}/data"),
    ),
)

LFP_TIMESTAMPS = Table(
    name="lfp_timestamps",
    description="When the samples of a block were taken, the same for all channels of a probe.",
    entity=Entity.ECEPHYS_PROBE,
    key=("ecephys_probe_id", "block"),
    allensdk="session.get_lfp(probe_id).time",
    storage=Storage.VIEW,
    columns=(
        *_KEYS,
        *_BLOCK,
        Column("timestamps", pa.list_(F64), "Time of each sample", "s", source=f"{_SERIES}/timestamps"),
    ),
)

LFP_CHANNELS = Table(
    name="lfp_channels",
    description="The channels that have LFP, about every fourth, in the order of AllenSDK's array.",
    entity=Entity.ECEPHYS_PROBE,
    key=("ecephys_probe_id", "id"),
    allensdk="session.get_lfp(probe_id).channel",
    columns=(
        *_KEYS,
        Column("channel_index", I64, "Column of AllenSDK's (time, channel) array", nullable=False),
        *CHANNEL_COLUMNS,
    ),
)

_DENSITY = "/processing/current_source_density/ecephys_csd"

CURRENT_SOURCE_DENSITY = Table(
    name="current_source_density",
    reader_version=2,
    description="Mean current source density around a flash, one row a virtual channel and time.",
    entity=Entity.ECEPHYS_PROBE,
    key=("ecephys_probe_id", "virtual_channel_index", "time"),
    allensdk="session.get_current_source_density(probe_id)",
    storage=Storage.VIEW,
    columns=(
        *_KEYS,
        Column("virtual_channel_index", I64, "Row of AllenSDK's (channel, time) array", nullable=False),
        Column("time", F64, "From the flash", "s", source=f"{_DENSITY}/current_source_density/timestamps"),
        Column(
            "vertical_position",
            I64,
            "Of the virtual channel, from the tip",
            "µm",
            source=f"{_DENSITY}/virtual_electrode_y_positions",
        ),
        Column(
            "horizontal_position",
            I64,
            "Of the virtual channel, from the shank's edge",
            "µm",
            source=f"{_DENSITY}/virtual_electrode_x_positions",
        ),
        Column("csd", F64, "Current source density", "V/cm²", source=f"{_DENSITY}/current_source_density/data"),
    ),
)

TABLES = (LFP, LFP_TIMESTAMPS, LFP_CHANNELS, CURRENT_SOURCE_DENSITY)

VIEWS = (
    View(
        name="lfp_samples",
        description="LFP, one row a sample; reads only the probe, channel and blocks (start_time, end_time) asked for.",
        sql="lfp_samples.sql",
        own_columns=(
            *_KEYS,
            LFP.column("channel_id"),
            *_BLOCK[1:],
            Column("time", F64, "When the sample was taken", "s", source=f"{_SERIES}/timestamps"),
            Column("lfp", pa.float32(), "The potential", "V", source=f"{_SERIES}/data"),
        ),
        allensdk="session.get_lfp(probe_id)",
    ),
)
