"""Probes and channels of a session file."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.model import nan_to_null

_FILTERING = "AP band: 500 Hz high-pass; LFP band: 1000 Hz low-pass"
"""AllenSDK says this of every channel, whatever the file says."""

_NAMES = {
    "x": "anterior_posterior_ccf_coordinate",
    "y": "dorsal_ventral_ccf_coordinate",
    "z": "left_right_ccf_coordinate",
    "local_index": "probe_channel_number",
}
_LEFT_OUT = ("imp", "filtering", "group", "group_name")


def read_channels(file: SessionFile) -> pa.Table:
    """Table `session_channels`, from /general/extracellular_ephys/electrodes: all channels, valid or not."""
    electrodes = read_dynamic_table(file, "general/extracellular_ephys/electrodes", skip=_LEFT_OUT)
    channels = electrodes.rename_columns([_NAMES.get(name, name) for name in electrodes.column_names])
    location = channels["location"]
    location = pc.if_else(pc.is_in(location, pa.array(["", "None"])), None, location)
    acronym = pc.replace_substring_regex(location, "-.*", "")
    filtering = pa.array([_FILTERING] * channels.num_rows, pa.string())
    return (
        channels.set_column(channels.column_names.index("location"), "location", location)
        .append_column("structure_acronym", acronym)
        .append_column("filtering", filtering)
    )


def read_probes(file: SessionFile) -> pa.Table:
    """Table `session_probes`, from the electrode groups and their devices.

    The LFP columns are what the file says; AllenSDK and the warehouse take them from probes.csv.
    """
    groups = list(file.nwb.electrode_groups.values())
    return pa.table(
        {
            "id": pa.array([int(group.probe_id) for group in groups], pa.int64()),
            "name": pa.array([group.name for group in groups], pa.string()),
            "location": pa.array([group.location for group in groups], pa.string()),
            "sampling_rate": pa.array([float(group.device.sampling_rate) for group in groups], pa.float64()),
            "lfp_sampling_rate": nan_to_null(np.array([group.lfp_sampling_rate for group in groups], np.float64)),
            "has_lfp_data": pa.array([bool(group.has_lfp_data) for group in groups], pa.bool_()),
        }
    )
