"""Trials of the change detection task."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import SessionFile

NO_NUMBER = -99
"""AllenSDK's null for whole numbers."""


def read_trials(file: SessionFile) -> pa.Table:
    """Table `trials`, from /intervals/trials."""
    trials = read_dynamic_table(file, "intervals/trials", skip=("lick_events",))
    names = {"id": "trials_id", "stimulus_change": "is_change"}
    trials = trials.rename_columns([names.get(name, name) for name in trials.column_names])
    change_frame = pc.fill_null(trials["change_frame"].cast(pa.int64()), NO_NUMBER)
    trials = _with_column(trials, "change_frame", change_frame)
    return _with_column(trials, "lick_times", _lick_lists(trials))


def _lick_lists(trials: pa.Table) -> pa.ChunkedArray:
    """The licks of each trial as a list.

    AllenSDK's writer leaves the index out where there happen to be as many licks as trials, and AllenSDK then
    returns the nth lick for the nth trial. A lick on the boundary belongs to the trial that ends there.
    """
    lick_times = trials["lick_times"]
    if pa.types.is_list(lick_times.type):
        return lick_times.cast(pa.list_(pa.float64()))
    ends = np.searchsorted(lick_times, trials["start_time"][1:], side="right")
    offsets = np.concatenate([[0], ends, [len(lick_times)]]).astype(np.int32)
    return pa.chunked_array([pa.ListArray.from_arrays(offsets, lick_times.combine_chunks())])


def _with_column(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)
