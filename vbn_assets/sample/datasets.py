"""Replace what a packaged NWB file holds by as much of it as a generated one needs.

A dataset keeps its type, its attributes and its layout (contiguous, uncompressed unless said otherwise, ragged indices
in the smallest unsigned integer); a table's rows are repeated and laid over another stretch of time. What the datasets
are about is for the modules that write files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np


@dataclass(frozen=True)
class Stretch:
    """A stretch of the template's time, repeated `laps` times (the last may be cut) and laid over another."""

    source: tuple[float, float]
    laps: float
    target: tuple[float, float]

    def times(self, times: np.ndarray, lap: np.ndarray) -> np.ndarray:
        """Where times of the template, in a lap each, come to lie; NaN stays NaN."""
        length = self.source[1] - self.source[0]
        scale = (self.target[1] - self.target[0]) / (self.laps * length)
        moved: np.ndarray = self.target[0] + (times - self.source[0] + lap * length) * scale
        return moved


def sized(
    group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype | None = None, **layout: Any
) -> h5py.Dataset:
    """The dataset anew with another shape: same type unless given, same attributes, values still to be written."""
    old = group[name]
    attributes, dtype = dict(old.attrs), dtype or old.dtype
    del group[name]
    new = group.create_dataset(name, shape, dtype, **layout)
    for key, value in attributes.items():
        new.attrs[key] = value
    return new


def write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    sized(group, name, np.shape(values))[...] = values


def write_index(group: h5py.Group, name: str, ends: np.ndarray) -> None:
    """The index of a ragged column, pointing at the column's new dataset."""
    index = sized(group, f"{name}_index", ends.shape, np.min_scalar_type(int(ends[-1]) if len(ends) else 0))
    index[...] = ends
    index.attrs["target"] = group[name].ref


def repeat(group: h5py.Group, name: str, count: int) -> None:
    """The dataset anew with so many rows, its own over and over."""
    values = group[name][()]
    write(group, name, values[np.arange(count) % len(values)])


def laps(have: int, want: int) -> tuple[np.ndarray, np.ndarray]:
    """Template row and lap of each wanted row."""
    wanted = np.arange(want)
    return wanted % have, wanted // have


def stretch_to(starts: np.ndarray, stops: np.ndarray, want: int, target: tuple[float, float]) -> Stretch:
    """The stretch in which `want` rows, repeating a table in time order, end exactly where the target ends."""
    rows, lap = laps(len(starts), want)
    source = (float(starts[0]), float(stops[-1]))
    last = (float(stops[rows[-1]]) - source[0]) / (source[1] - source[0])
    return Stretch(source, float(lap[-1]) + last, target)


def repeat_rows(
    table: h5py.Group, rows: np.ndarray, lap: np.ndarray | None = None, stretch: Stretch | None = None
) -> None:
    """Every column of a table anew with these of its rows; times moved with the stretch if there is one."""
    ragged = _ragged_columns(table)
    for name in plain_columns(table):
        values = np.arange(len(rows)) if name == "id" else table[name][()][rows]
        if stretch and lap is not None and _is_time(name):
            values = stretch.times(values, lap)
        write(table, name, values)
    for name in ragged:
        ends = table[f"{name}_index"][()].astype(np.int64)
        lengths = np.diff(ends, prepend=0)
        taken = np.concatenate([np.arange(ends[row] - lengths[row], ends[row]) for row in rows])
        values = table[name][()][taken]
        if stretch and lap is not None and _is_time(name):
            values = stretch.times(values, np.repeat(lap, lengths[rows]))
        write(table, name, values)
        write_index(table, name, np.cumsum(lengths[rows]))


def _ragged_columns(table: h5py.Group) -> list[str]:
    return [name.removesuffix("_index") for name in table if table[name].attrs["neurodata_type"] == "VectorIndex"]


def plain_columns(table: h5py.Group) -> list[str]:
    ragged = _ragged_columns(table)
    return [name for name in table if name not in ragged and name.removesuffix("_index") not in ragged]


def _is_time(column: str) -> bool:
    return "_time" in column
