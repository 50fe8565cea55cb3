"""Every stimulus that was shown, joined from the file's tables of one stimulus each.

The order of the steps is AllenSDK's and matters: text and truth values first, then the sort by time, then what is
derived from trials for files that lack it (`replay`).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.nwb import replay
from vbn_assets.nwb.changes import flashes_since_change, is_change
from vbn_assets.nwb.columns import read_dynamic_table
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.nwb.trials import NO_NUMBER, read_trials
from vbn_assets.tables.behavior import STIMULUS_PRESENTATIONS
from vbn_assets.tables.model import STORED_AS_NUMBER

_SUFFIX = "_presentations"
_LEFT_OUT = ("tags", "timeseries", "image_set", "index")
_WHOLE_NUMBERS = (
    "flashes_since_change",
    "image_index",
    "movie_repeat",
    "movie_frame_index",
    "repeat",
    "stimulus_index",
)  # fmt: skip
"""Columns in which AllenSDK writes -99 for null."""


def read_stimulus_presentations(file: SessionFile) -> pa.Table:
    """Table `stimulus_presentations`, from all /intervals/*_presentations, in order of start."""
    names = [name for name in file.group("intervals") if name.endswith(_SUFFIX)]
    shown = [read_dynamic_table(file, f"intervals/{name}", skip=_LEFT_OUT).drop_columns("id") for name in names]
    if not shown:
        raise file.error("has no stimulus presentations", expected=f"/intervals/*{_SUFFIX}", found="none")
    table = pa.concat_tables(_with_like_columns(shown), promote_options="permissive")
    table = _with_allensdk_values(file, table)
    table = table.take(pa.array(np.argsort(table["start_time"].to_numpy(), kind="stable")))
    table = _with_trials(table.combine_chunks(), read_trials(file))
    table = _with_computed_changes(file, table)
    table = table.rename_columns(["end_time" if name == "stop_time" else name for name in table.column_names])
    return table.append_column("stimulus_presentations_id", pa.array(np.arange(table.num_rows)))


def _with_like_columns(tables: list[pa.Table]) -> list[pa.Table]:
    """The tables, but for columns that are text in one and numbers in another: those are text in all."""
    fields = {field for table in tables for field in table.schema}
    texts, others = ({f.name for f in fields if pa.types.is_string(f.type) is is_text} for is_text in (True, False))
    mixed = texts & others
    as_text = [[f.with_type(pa.string()) if f.name in mixed else f for f in table.schema] for table in tables]
    return [table.cast(pa.schema(fields)) for table, fields in zip(tables, as_text, strict=True)]


def _with_allensdk_values(file: SessionFile, table: pa.Table) -> pa.Table:
    """`table` with AllenSDK's nulls and truth values; those of the latter that were numbers are marked."""
    columns = [_as_allensdk(file, name, table[name]) for name in table.column_names]
    became_truth = [
        pa.types.is_floating(before.type) and pa.types.is_boolean(after.type)
        for before, after in zip(table.columns, columns, strict=True)
    ]
    fields = [
        pa.field(name, values.type, metadata=STORED_AS_NUMBER if number else None)
        for name, values, number in zip(table.column_names, columns, became_truth, strict=True)
    ]
    return pa.table(columns, pa.schema(fields))


def _as_allensdk(file: SessionFile, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column with AllenSDK's nulls and truth values, which NWB stores as "N/A", and as 0, 1 and NaN."""
    if pa.types.is_string(values.type):
        return pc.if_else(pc.equal(values, "N/A"), "", values)
    if name in _WHOLE_NUMBERS:
        return pc.fill_null(values.cast(pa.int64()), NO_NUMBER)
    if not pa.types.is_floating(values.type):
        return values
    described = STIMULUS_PRESENTATIONS
    known = described.column(name).type if name in described.column_names else None
    other = set(pc.unique(values.drop_null()).to_pylist()) - {0.0, 1.0}
    if known == pa.bool_() and other:
        raise file.error(f"stimulus presentations have {name} that is neither 0 nor 1", expected="0 or 1", found=other)
    if known not in (None, pa.bool_()) or other or name.endswith("_index"):
        return values
    return values.cast(pa.bool_())


def _with_computed_changes(file: SessionFile, table: pa.Table) -> pa.Table:
    """`table` with AllenSDK's computed changes beside those of the file, or in their place if it has no probes."""
    changes = is_change(table)
    computed = {"is_change": changes, "flashes_since_change": flashes_since_change(table, changes)}
    for name, values in computed.items():
        if "ecephys_session_id" not in file.ids:
            table = table.drop_columns(name) if name in table.column_names else table
            table = table.append_column(name, pa.array(values))
        table = table.append_column(f"{name}_in_behavior_session", pa.array(values))
    return table


def _with_trials(table: pa.Table, trials: pa.Table) -> pa.Table:
    """`table` with `active`, `trials_id` and `is_sham_change`, derived where the file, as before 0.4.0, lacks them.

    AllenSDK finds no sham changes in files without blocks, and neither does this.
    """
    if "active" not in table.column_names:
        table = table.append_column("active", replay.active(table, trials))
    if "trials_id" not in table.column_names:
        table = table.append_column("trials_id", replay.trials_id(table, trials))
    if "is_sham_change" not in table.column_names and "stimulus_block" in table.column_names:
        table = table.append_column("is_sham_change", replay.is_sham_change(table, trials))
    return table
