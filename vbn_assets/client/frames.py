"""Tables of the lake as pandas frames with AllenSDK's dtypes.

What an Arrow type is in pandas stands here; which columns an accessor has is for the session objects.

Text is `object`, as it was before pandas 3, with NaN for null. Truth values are `bool`, and the nullable `boolean`
where the file has them as numbers. Lists are arrays, read-only because they are shared with what was read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.client.source import SessionSource
from vbn_assets.projects import PROJECTS
from vbn_assets.tables import Entity
from vbn_assets.tables.model import PRESENT_COLUMNS, STORED_AS, STORED_AS_NUMBER

_IDS = frozenset(entity.value for entity in Entity if entity.is_column) | {p.recording_id for p in PROJECTS.values()}
"""Columns by which the lake tells files apart, and recordings: a session object is about one of them."""


def read_rows(source: SessionSource, table: str) -> pa.Table:
    """A table of the session's file: the columns that the file has, in the order of the table's description."""
    rows = source.lake.read(source.record.tables[table])
    present = _present(rows)
    return rows.select([name for name in rows.column_names if name in present and name not in _IDS])


def in_file_order(rows: pa.Table) -> pa.Table:
    """What `read_rows` gives, with its columns in the order of the file."""
    return rows.select([name for name in _present(rows) if name in rows.column_names])


def to_frame(rows: pa.Table, *, index: str | None = None) -> pd.DataFrame:
    """The rows with AllenSDK's dtypes, by the column `index` or numbered."""
    columns = {field.name: to_series(field, rows[field.name]) for field in rows.schema}
    frame = pd.DataFrame(columns)
    return frame if index is None else frame.set_index(index)


def to_series(field: pa.Field, values: pa.ChunkedArray) -> pd.Series[Any]:
    """One column."""
    if pa.types.is_string(field.type):
        return pd.Series(_without_none(values.to_pylist()), dtype=object)
    if pa.types.is_boolean(field.type):
        return _truth_values(field, values)
    if pa.types.is_list(field.type):
        return pd.Series(_arrays(field, values.combine_chunks()), dtype=object)
    return pd.Series(values.to_numpy())


def with_truth_values(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with what AllenSDK takes for truth values: columns of floats that are all 0, 1 or NaN."""
    truths: dict[str, pd.Series[Any]] = {
        str(name): values.astype("boolean")
        for name, values in frame.select_dtypes("float64").items()
        if set(values.dropna().unique()) <= {0.0, 1.0} and not str(name).endswith("_index")
    }
    return frame.assign(**truths)


def _present(rows: pa.Table) -> Sequence[str]:
    present: list[str] = json.loads(rows.schema.metadata[PRESENT_COLUMNS])
    return present


def _truth_values(field: pa.Field, values: pa.ChunkedArray) -> pd.Series[Any]:
    if STORED_AS_NUMBER.items() <= (field.metadata or {}).items():
        return pd.Series(values.to_numpy(), dtype="boolean")
    if values.null_count:
        return pd.Series(_without_none(values.to_pylist()), dtype=object)
    return pd.Series(values.to_numpy())


def _without_none(values: list[Any]) -> list[Any]:
    return [np.nan if value is None else value for value in values]


def as_stored(field: pa.Field, values: NDArray[Any]) -> NDArray[Any]:
    """Values in the type that the file has them in, where the lake has another."""
    stored = (field.metadata or {}).get(STORED_AS)
    return values.astype(stored.decode(), copy=False) if stored else values


def _arrays(field: pa.Field, lists: pa.ListArray) -> list[NDArray[Any]]:
    values = as_stored(field, lists.values.to_numpy(zero_copy_only=False))
    values.setflags(write=False)
    return [values[begin:end] for begin, end in pairwise(lists.offsets.to_pylist())]
