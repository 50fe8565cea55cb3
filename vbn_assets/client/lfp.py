"""LFP and current source density of a probe as AllenSDK's xarray arrays, read from the blocks of the lake."""

from __future__ import annotations

from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vbn_assets.client.exceptions import MissingExtra, UnknownProbe
from vbn_assets.tables import Entity
from vbn_assets.warehouse.lake import Lake, Record

if TYPE_CHECKING:
    from xarray import DataArray

_READERS = 2
"""Row groups decoded at a time."""


def read_lfp(
    lake: Lake, record: Record, time_window: tuple[float, float] | None, channels: Sequence[int] | None
) -> DataArray:
    """V, float32, dimensions time (s) and channel (id): all, or those channels, and the times within the window."""
    xarray = _xarray()
    blocks = _read_blocks(lake, record, time_window)
    ids = _channel_ids(lake, record, channels)
    traces = _read_traces(lake.path(record.tables["lfp"]), ids, blocks)
    first, last = blocks.within(time_window)
    lfp: DataArray = xarray.DataArray(
        traces[:, first:last].T, [blocks.times[first:last], ids], ["time", "channel"], name="LFP"
    )
    return lfp


def read_current_source_density(lake: Lake, record: Record) -> DataArray | None:
    """V/cm², float64, dimensions virtual_channel_index and time (s); None where the file has none."""
    xarray = _xarray()
    rows = lake.read(record.tables["current_source_density"])
    if not rows.num_rows:
        return None
    columns = {name: rows[name].to_numpy() for name in rows.column_names}
    channels = int(columns["virtual_channel_index"][-1]) + 1
    grid = {name: values.reshape(channels, -1) for name, values in columns.items()}
    positions = {
        name: ("virtual_channel_index", grid[name][:, 0].copy())
        for name in ("vertical_position", "horizontal_position")
    }
    coordinates = {"virtual_channel_index": np.arange(channels), "time": grid["time"][0].copy(), **positions}
    density: DataArray = xarray.DataArray(
        grid["csd"].copy(), coordinates, ["virtual_channel_index", "time"], name="CSD"
    )
    return density


@dataclass(frozen=True)
class _Blocks:
    """Neighbouring blocks of LFP samples: their numbers, where each one's samples begin, and the samples' times."""

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    times: NDArray[np.float64]

    def within(self, window: tuple[float, float] | None) -> tuple[int, int]:
        """The samples from the first to the second time, both included."""
        if window is None:
            return 0, len(self.times)
        return int(self.times.searchsorted(window[0], "left")), int(self.times.searchsorted(window[1], "right"))


def _read_blocks(lake: Lake, record: Record, window: tuple[float, float] | None) -> _Blocks:
    path = lake.path(record.tables["lfp_timestamps"])
    touched = None
    if window is not None:
        touched = (pc.field("end_time") >= window[0]) & (pc.field("start_time") <= window[1])
    rows = pq.read_table(path, columns=["block", "timestamps"], filters=touched, partitioning=None)
    times = rows["timestamps"].combine_chunks()
    lengths = pc.list_value_length(times).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return _Blocks(rows["block"].to_numpy(), offsets, times.flatten().to_numpy(zero_copy_only=False).copy())


def _channel_ids(lake: Lake, record: Record, asked: Sequence[int] | None) -> NDArray[np.int64]:
    """The ids of the channels asked for, by default of all, in the order of the file."""
    rows = lake.read(record.tables["lfp_channels"]).sort_by("channel_index")
    there = rows["id"].to_numpy().copy()
    ids = there if asked is None else np.array(list(dict.fromkeys(asked)), np.int64)
    if unknown := sorted(set(ids.tolist()) - set(there.tolist())):
        raise UnknownProbe(
            "the probe has no LFP of some channels",
            file=f"LFP of probe {record.source.ids[Entity.ECEPHYS_PROBE]}",
            expected=f"some of the {len(there)} ids of lfp_channels, {there.min()} to {there.max()}",
            found=", ".join(map(str, unknown[:3])),
        )
    return ids


def _read_traces(path: Path, ids: NDArray[np.int64], blocks: _Blocks) -> NDArray[np.float32]:
    """Samples by channel and time. A row group of the lake has neighbouring blocks of one channel."""
    footer = pq.read_metadata(path)
    traces = np.empty((len(ids), len(blocks.times)), np.float32)
    trace_of = dict(zip(ids.tolist(), traces, strict=True))

    def read(group: int) -> None:
        with pq.ParquetFile(path, metadata=footer, memory_map=True) as file:
            rows = file.read_row_group(group, columns=["channel_id", "block", "samples"], use_threads=False)
        trace = trace_of[rows["channel_id"][0].as_py()]
        numbers = rows["block"].to_numpy()
        begin, end = numbers.searchsorted([blocks.numbers[0], blocks.numbers[-1] + 1])
        samples = rows["samples"].combine_chunks()[begin:end].flatten().to_numpy(zero_copy_only=False)
        start = blocks.offsets[numbers[begin] - blocks.numbers[0]]
        trace[start : start + len(samples)] = samples

    with ThreadPoolExecutor(_READERS, thread_name_prefix="lfp") as pool:
        list(pool.map(read, _row_groups(footer, trace_of, blocks)))
    return traces


def _row_groups(footer: pq.FileMetaData, channels: Container[int], blocks: _Blocks) -> list[int]:
    """The row groups that have any of the blocks of any of the channels."""
    columns = {footer.schema.column(leaf).path: leaf for leaf in range(footer.num_columns)}
    groups = []
    for number in range(footer.num_row_groups if len(blocks.numbers) else 0):
        group = footer.row_group(number)
        channel = group.column(columns["channel_id"]).statistics
        block = group.column(columns["block"]).statistics
        if channel.min in channels and block.max >= blocks.numbers[0] and block.min <= blocks.numbers[-1]:
            groups.append(number)
    return groups


def _xarray() -> Any:
    try:
        import xarray
    except ImportError as error:
        raise MissingExtra(
            "LFP and current source density come as xarray arrays, and xarray is not installed",
            remedy="Install it: pip install 'vbn_assets[lfp]'. The warehouse's tables lfp and current_source_density "
            "need nothing.",
        ) from error
    return xarray
