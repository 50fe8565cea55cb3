"""Metadata tables of the lake as the pandas frames that AllenSDK makes of their CSVs: types, nulls, order and index.

AllenSDK's frames are `pandas.read_csv` of pandas 1.5 and a few casts, so a column's type follows from its values: whole
numbers with gaps are floats, text with gaps has NaN, a column of nothing is floats. What the tables mean is described
in `vbn_assets.tables`.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.tables.model import PRESENT_COLUMNS, WRITTEN_AS

if TYPE_CHECKING:
    import pandas as pd


def metadata_frame(
    table: pa.Table, index: str, integers: Collection[str] = (), *, as_described: bool = False
) -> pd.DataFrame:
    """A CSV's frame: the columns it really had, in its order, without `index`, which is the index.

    `integers` are the columns that AllenSDK casts to Int64, null where there is no value; the index may be one. Others
    are int64, float64, bool, datetime64[ns, UTC] or object (text, lists, or bool with NaN). `as_described` gives the
    order of the table's description instead of the CSV's. The frame is the caller's own.
    """
    import pandas as pd

    metadata = table.schema.metadata or {}
    names = json.loads(metadata[PRESENT_COLUMNS]) if PRESENT_COLUMNS in metadata else table.column_names
    if as_described:
        names = [name for name in table.column_names if name in names]
    # Of a list of ids nothing is cast: the same name may be a number in one table and a list in another.
    values = {name: _values(_as_written(table, name), cast=name in integers) for name in names}
    key = pd.Index(values.pop(index), name=index)
    # Each with its own type: left to itself, pandas 3 makes text of its own kind of every column of texts.
    columns = {name: pd.Series(column, key, column.dtype, copy=True) for name, column in values.items()}
    return pd.DataFrame(columns, key, pd.Index(list(columns), dtype=object))


def _as_written(table: pa.Table, name: str) -> pa.ChunkedArray:
    """A column with the type that its text in the CSV looks like."""
    written = (table.schema.field(name).metadata or {}).get(WRITTEN_AS)
    return table[name].cast(written.decode()) if written else table[name]


def _values(column: pa.ChunkedArray, *, cast: bool) -> NDArray[Any] | pd.api.extensions.ExtensionArray:
    """A column as `read_csv` infers it, or as AllenSDK casts it then."""
    if pa.types.is_list(column.type):
        return _objects(column)
    if pa.types.is_timestamp(column.type):
        return _times(column)
    if cast:
        return _integers(column)
    if column.null_count == len(column) and len(column):
        return np.full(len(column), np.nan)
    if column.null_count and pa.types.is_integer(column.type):
        column = column.cast(pa.float64(), safe=False)  # beyond 2⁵³ the nearest, as pandas
    values: NDArray[Any] = column.to_numpy()
    if column.null_count and not pa.types.is_floating(column.type):
        values = values.astype(object)
        values[column.is_null().to_numpy()] = np.nan
    return values


def _objects(column: pa.ChunkedArray) -> NDArray[Any]:
    """Python's lists, and NaN for none."""
    values = np.empty(len(column), object)
    values[:] = [np.nan if value is None else value for value in column.to_pylist()]
    return values


def _times(column: pa.ChunkedArray) -> pd.arrays.DatetimeArray:
    import pandas as pd

    return pd.DatetimeIndex(column.cast(pa.timestamp("ns", "UTC")).to_numpy(), tz="UTC").array


def _integers(column: pa.ChunkedArray) -> pd.arrays.IntegerArray:
    import pandas as pd

    values = column.cast(pa.int64())
    return pd.arrays.IntegerArray(values.fill_null(1).to_numpy().copy(), values.is_null().to_numpy().copy())
