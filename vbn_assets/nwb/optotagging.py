"""Light pulses that were to find the units of the mouse's driver line."""

from __future__ import annotations

import pyarrow as pa

from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.ecephys import OPTOTAGGING_TABLE

_STIMULATION = "processing/optotagging/optogenetic_stimulation"


def read_optotagging(file: SessionFile) -> pa.Table:
    """Table `optotagging_table`; empty where there were no pulses, a file that AllenSDK cannot open."""
    if _STIMULATION not in file.h5:
        return OPTOTAGGING_TABLE.file_schema.empty_table()
    pulses = read_dynamic_table(file, _STIMULATION, skip=("tags", "timeseries"))
    return pulses.rename_columns(["stimulus_name" if name == "name" else name for name in pulses.column_names])
