"""Probes and channels of a session file."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import EPHYS, SessionFile, as_text
from vbn_assets.tables.ecephys import SESSION_PROBES

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
    electrodes = read_dynamic_table(file, f"{EPHYS}/electrodes", skip=_LEFT_OUT)
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
    rows = [_probe(file, name) for name in file.electrode_groups()]
    return pa.Table.from_pylist(rows, SESSION_PROBES.file_schema)


def _probe(file: SessionFile, name: str) -> dict[str, Any]:
    group = f"{EPHYS}/{name}"
    lfp_sampling_rate = file.attribute(group, "lfp_sampling_rate", float)
    return {
        "id": file.attribute(group, "probe_id", int),
        "name": name,
        "location": file.attribute(group, "location", as_text),
        "sampling_rate": file.attribute(f"{group}/device", "sampling_rate", float),
        "lfp_sampling_rate": None if math.isnan(lfp_sampling_rate) else lfp_sampling_rate,
        "has_lfp_data": file.attribute(group, "has_lfp_data", bool),
    }
