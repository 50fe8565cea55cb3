"""LFP files: the traces of one probe, their times and channels, and its current source density.

The file has all channels of a sample next to each other; a table wants a channel's samples together. So the file is
read in slabs of a few minutes, each turned round in memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vbn_assets.nwb.electrodes import read_channels
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.lfp import CURRENT_SOURCE_DENSITY, LFP
from vbn_assets.tables.model import nan_to_null

_BLOCK_SAMPLES = 1250
"""A second of LFP: little to read beyond the window that was asked for."""
_SLAB_BYTES = 48 << 20
"""Read and turned round at once. A channel's share of it is a row group, half a MB: one channel can be read alone."""
_CACHED_SAMPLES = 256
"""Turned round within the processor's cache: three times as fast as a slab at once."""

_DENSITY = "processing/current_source_density/ecephys_csd"


def read_lfp(file: SessionFile) -> Iterator[pa.Table]:
    """Table `lfp`, a slab of time after the other, at least one piece; a piece is one channel of a slab."""
    data, times = _series(file)
    channels = file.dataset("general/extracellular_ephys/electrodes/id")[:]
    if data.shape[1] != len(channels):
        raise file.error("has LFP of other channels than electrodes", expected=len(channels), found=data.shape[1])
    row_bytes = data.dtype.itemsize * max(len(channels), 1)
    slab = max(_SLAB_BYTES // row_bytes // _BLOCK_SAMPLES, 1) * _BLOCK_SAMPLES
    starts = range(0, len(times), slab)
    for start, traces in zip(starts, _turned_round(data, starts), strict=True):
        blocks, offsets = _blocks(times[start : start + slab], start // _BLOCK_SAMPLES)
        for channel, trace in zip(channels.tolist(), traces, strict=True):
            ids = pa.repeat(pa.scalar(channel, pa.int64()), blocks.num_rows)
            samples = pa.ListArray.from_arrays(offsets, trace)
            yield blocks.add_column(0, "channel_id", ids).append_column("samples", samples)
    if not len(times):
        yield LFP.file_schema.empty_table()


def read_lfp_timestamps(file: SessionFile) -> pa.Table:
    """Table `lfp_timestamps`."""
    times = _series(file)[1]
    blocks, offsets = _blocks(times, 0)
    return blocks.append_column("timestamps", pa.ListArray.from_arrays(offsets, times))


def read_lfp_channels(file: SessionFile) -> pa.Table:
    """Table `lfp_channels`, from the file's electrodes, which are only those with LFP."""
    channels = read_channels(file)
    return channels.append_column("channel_index", pa.array(np.arange(channels.num_rows)))


def read_current_source_density(file: SessionFile) -> pa.Table:
    """Table `current_source_density`, channel by channel; empty where the file has none."""
    if _DENSITY not in file.h5:
        return CURRENT_SOURCE_DENSITY.file_schema.empty_table()
    density = file.dataset(f"{_DENSITY}/current_source_density/data")[:].T
    times = file.dataset(f"{_DENSITY}/current_source_density/timestamps")[:]
    across, along = (
        file.dataset(f"{_DENSITY}/virtual_electrode_{axis}_positions")[:].astype(np.int64) for axis in ("x", "y")
    )
    if density.shape != (len(along), len(times)):
        raise file.error("has a current source density of another shape", expected=(len(along), len(times)))
    return pa.table(
        {
            "virtual_channel_index": np.repeat(np.arange(len(along)), len(times)),
            "time": np.tile(times, len(along)),
            "vertical_position": np.repeat(along, len(times)),
            "horizontal_position": np.repeat(across, len(times)),
            "csd": nan_to_null(density.ravel()),
        }
    )


def _series(file: SessionFile) -> tuple[h5py.Dataset, NDArray[np.float64]]:
    """Samples (time, channel), and when they were taken."""
    name = f"probe_{file.ids['ecephys_probe_id']}_lfp"
    series = f"acquisition/{name}/{name}_data"
    data, times = file.dataset(f"{series}/data"), file.dataset(f"{series}/timestamps")[:]
    if not np.can_cast(data.dtype, np.float32):
        raise file.error("has LFP that float32 cannot hold", expected="float32", found=data.dtype)
    if len(data) != len(times):
        raise file.error("has LFP and times of different length", expected=len(data), found=len(times))
    return data, times


def _turned_round(data: h5py.Dataset, starts: range) -> Iterator[NDArray[np.float32]]:
    """Slabs of samples by channel; while one is in use the next is read."""
    with ThreadPoolExecutor(1, thread_name_prefix="lfp") as pool:
        following = deque(pool.submit(_turn_round, data, start, starts.step) for start in starts[:1])
        for start in starts:
            if start + starts.step in starts:
                following.append(pool.submit(_turn_round, data, start + starts.step, starts.step))
            yield following.popleft().result()


def _turn_round(data: h5py.Dataset, start: int, samples: int) -> NDArray[np.float32]:
    slab = data[start : start + samples]
    turned = np.empty(slab.shape[::-1], slab.dtype)
    for row in range(0, len(slab), _CACHED_SAMPLES):
        turned[:, row : row + _CACHED_SAMPLES] = slab[row : row + _CACHED_SAMPLES].T
    return turned


def _blocks(times: NDArray[np.float64], first: int) -> tuple[pa.Table, NDArray[np.int32]]:
    """The blocks that samples at `times` make, numbered from `first`, and where each begins and ends among them."""
    begins = np.arange(0, len(times), _BLOCK_SAMPLES)
    offsets = np.append(begins, len(times)).astype(np.int32)
    blocks = {
        "block": first + np.arange(len(begins)),
        "start_time": times[offsets[:-1]],
        "end_time": times[offsets[1:] - 1] if len(times) else times,
    }
    return pa.table(blocks), offsets
