"""Spikes and waveforms by unit: dicts whose arrays are read from the lake when first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

if TYPE_CHECKING:
    from _collections_abc import dict_items, dict_values

Array = NDArray[np.float64]

_UNREAD: Any = object()
"""Stands in a dict for an array that nobody asked for yet."""
_READERS = 2
"""Row groups decoded at a time: two keep up with the page cache, more only cost memory."""


class UnitColumn:
    """A column of a Parquet file whose rows are sorted by `unit_id`, so that a unit's lie in one row group or a few.

    A row group that was read is kept: the other units in it cost nothing more.
    """

    def __init__(self, path: Path, column: str) -> None:
        self._path = path
        self._column = column
        self._read: dict[int, dict[int, Array]] = {}
        self._joined: dict[int, Array] = {}

    def array(self, unit_id: int) -> Array:
        """The unit's values, read-only; a unit without rows has none."""
        groups = [group for group, (first, last) in enumerate(self._units) if first <= unit_id <= last]
        parts = [arrays[unit_id] for arrays in map(self._row_group, groups) if unit_id in arrays]
        return parts[0] if len(parts) == 1 else self._join(unit_id, parts)

    def read_all(self) -> None:
        """Read every row group that was not read yet, several at a time."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="units") as pool:
            list(pool.map(self._row_group, range(len(self._units))))

    @cached_property
    def _footer(self) -> pq.FileMetaData:
        return pq.read_metadata(self._path)

    @cached_property
    def _units(self) -> list[tuple[int, int]]:
        """The first and the last unit of every row group that has rows."""
        column = self._footer.schema.to_arrow_schema().get_field_index("unit_id")
        groups = [self._footer.row_group(group) for group in range(self._footer.num_row_groups)]
        statistics = [group.column(column).statistics for group in groups if group.num_rows]
        return [(of_units.min, of_units.max) for of_units in statistics]

    def _join(self, unit_id: int, parts: list[Array]) -> Array:
        if unit_id not in self._joined:
            array = np.concatenate(parts) if parts else np.empty(0)
            array.setflags(write=False)
            self._joined[unit_id] = array
        return self._joined[unit_id]

    def _row_group(self, group: int) -> dict[int, Array]:
        if group not in self._read:
            with pq.ParquetFile(self._path, metadata=self._footer, memory_map=True) as file:
                rows = file.read_row_group(group, columns=["unit_id", self._column], use_threads=False)
            self._read[group] = _by_unit(rows["unit_id"].to_numpy(), _values(rows[self._column].combine_chunks()))
        return self._read[group]


class UnitArrays(dict[int, Array]):
    """A dict of unit id → array. Its keys are there at once, an array is read when it is asked for.

    `values`, `items` and whatever else needs all of them read what is missing several at a time. The arrays are
    read-only: all such dicts of a session share them.
    """

    def __init__(self, unit_ids: Iterable[int], column: UnitColumn) -> None:
        super().__init__(dict.fromkeys(unit_ids, _UNREAD))
        self._column = column

    def __getitem__(self, unit_id: int) -> Array:
        array = super().__getitem__(unit_id)
        if array is _UNREAD:
            array = self._column.array(unit_id)
            super().__setitem__(unit_id, array)
        return array

    def __iter__(self) -> Iterator[int]:
        """As dict's: where it is overridden, `dict(…)`, `copy` and `|` ask for each array instead of copying."""
        return super().__iter__()

    def get(self, unit_id: int, default: Any = None) -> Any:
        if unit_id in self:
            return self[unit_id]
        return default

    def setdefault(self, unit_id: int, default: Any = None) -> Any:
        return self[unit_id] if unit_id in self else super().setdefault(unit_id, default)

    def pop(self, unit_id: int, *default: Any) -> Any:
        self.get(unit_id)
        return super().pop(unit_id, *default)

    def popitem(self) -> tuple[int, Array]:
        self._read_all()
        return super().popitem()

    def values(self) -> dict_values[int, Array]:
        self._read_all()
        return super().values()

    def items(self) -> dict_items[int, Array]:
        self._read_all()
        return super().items()

    def __eq__(self, other: object) -> bool:
        for arrays in (self, other):
            if isinstance(arrays, UnitArrays):
                arrays._read_all()
        return super().__eq__(other)

    def __repr__(self) -> str:
        self._read_all()
        return super().__repr__()

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self.items()),)

    def _read_all(self) -> None:
        unread = [unit_id for unit_id, array in super().items() if array is _UNREAD]
        if unread:
            self._column.read_all()
            self.update({unit_id: self[unit_id] for unit_id in unread})


def _values(column: pa.Array) -> Array:
    """One value a row; of a column of lists, one row of a matrix."""
    values: Array
    if pa.types.is_list(column.type):
        values = column.flatten().to_numpy(zero_copy_only=False)
        return values.reshape(len(column), -1) if len(column) else values
    values = column.to_numpy(zero_copy_only=False)
    return values


def _by_unit(unit_ids: NDArray[np.int64], values: Array) -> dict[int, Array]:
    """The values of each unit; a few steps for each instead of a look at every row."""
    values.setflags(write=False)
    arrays, begin = {}, 0
    while begin < len(unit_ids):
        end = int(unit_ids.searchsorted(unit_ids[begin], "right"))
        arrays[int(unit_ids[begin])] = values[begin:end]
        begin = end
    return arrays
