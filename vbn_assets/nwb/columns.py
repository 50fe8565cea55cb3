"""HDF5 datasets as Arrow columns: single ones, ragged ones, and whole NWB tables.

Text is UTF-8, integers of any width are int64, NaN is null. Which columns a table has and what they are called is
for the readers.
"""

from __future__ import annotations

from collections.abc import Collection

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.model import nan_to_null


def read_column(dataset: h5py.Dataset) -> pa.Array:
    """A dataset as an array with an entry for each of its rows; rows of a matrix are lists."""
    if h5py.check_string_dtype(dataset.dtype):
        texts = dataset.asstr()[:]
        return pa.array(texts.tolist()) if texts.ndim > 1 else pa.array(texts, pa.string())
    values = dataset[:]
    if values.ndim > 1:
        return pa.array(list(values.reshape(len(values), -1)))
    if values.dtype.kind in "iu":
        values = values.astype(np.int64)
    return nan_to_null(values)


def read_dynamic_table(file: SessionFile, name: str, *, skip: Collection[str] = ()) -> pa.Table:
    """The NWB table in group `name`: `id`, then its columns in its own order, ragged ones as lists.

    Columns of references, which lead to other objects of the file, are left out.
    """
    group = file.group(name)
    columns = {"id": read_column(file.dataset(f"{name}/id"))}
    for column in (column for column in file.attribute(name, "colnames", list) if column not in skip):
        dataset = file.dataset(f"{name}/{column}")
        if dataset.dtype.fields or h5py.check_ref_dtype(dataset.dtype):
            continue
        columns[column] = _read_ragged(file, name, column) if f"{column}_index" in group else read_column(dataset)
    lengths = {column: len(values) for column, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise file.error(f"/{name} has columns of different length", expected=lengths["id"], found=lengths)
    return pa.table(columns)


def read_row_ends(file: SessionFile, name: str) -> NDArray[np.int64]:
    """Where each row of the ragged dataset `name` ends, from its index."""
    ends: NDArray[np.int64] = file.dataset(f"{name}_index")[:].astype(np.int64)
    length = file.dataset(name).shape[0]
    last = int(ends[-1]) if len(ends) else 0
    if last > length or (np.diff(ends, prepend=0) < 0).any():
        found = f"{last} at its end" if last > length else "one that falls"
        raise file.error(
            f"/{name}_index does not fit /{name}", expected=f"an index that rises to {length}", found=found
        )
    return ends


def _read_ragged(file: SessionFile, name: str, column: str) -> pa.Array:
    """Lists, cut at the index's ends: what a column without any entry holds instead is no value."""
    ends = read_row_ends(file, f"{name}/{column}")
    values = read_column(file.dataset(f"{name}/{column}"))
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, values[: offsets[-1]])


def read_series(file: SessionFile, **datasets: str) -> pa.Table:
    """Datasets that belong together, each as a column. `NwbError` where their lengths differ."""
    columns = {name: read_column(file.dataset(dataset)) for name, dataset in datasets.items()}
    lengths = {datasets[name]: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise file.error("has series of different length", expected="one length", found=lengths)
    return pa.table(columns)
