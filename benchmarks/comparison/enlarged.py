"""LFP and behavior session files of true size, made from the packaged ones: traces, channels and images replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vbn_assets.projects import VBN
from vbn_assets.sample.history import PACKAGED, read_history

LFP_CHANNELS = 96
LFP_RATE = 1249.9971609724298
LFP_STEP = np.float32(0.195e-6)
"""V: what the amplifier's least bit is worth. All samples are multiples of it."""
IMAGE_SHAPE = (1200, 1920)
TILE = 20
"""Pixels a side: images have large even areas."""


def lfp_file(folder: Path, samples: int) -> tuple[Path, int, str]:
    """The LFP of a probe, 11.9 million samples in a published file; with the probe's id and name."""
    path = _unpacked(folder, "_lfp.nwb")
    with h5py.File(path, "r+") as nwb:
        (name,) = nwb["general/extracellular_ephys"].keys() - {"electrodes"}
        probe_id = int(nwb[f"general/extracellular_ephys/{name}"].attrs["probe_id"])
        electrodes = nwb["general/extracellular_ephys/electrodes"]
        for column in list(electrodes):
            values = np.resize(electrodes[column][()], LFP_CHANNELS)
            _replace(electrodes, column, [values], values.shape, electrodes[column].dtype)
        electrodes["id"][:] = 1_200_000_000 + 4 * np.arange(LFP_CHANNELS)
        series = nwb[f"acquisition/probe_{probe_id}_lfp/probe_{probe_id}_lfp_data"]
        _replace(series, "electrodes", [np.arange(LFP_CHANNELS)], (LFP_CHANNELS,), np.int64)
        _replace(series, "timestamps", [10 + np.arange(samples) / LFP_RATE], (samples,), np.float64)
        _replace(series, "data", _traces(samples), (samples, LFP_CHANNELS), np.float32)
    return path, probe_id, name


def behavior_session_file(folder: Path) -> Path:
    """A session without probes, 169 MB, of which all but 3 MB are its eight images."""
    path = _unpacked(folder, "behavior_session_1100000213.nwb")
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as nwb:
        for template in nwb["stimulus/templates"].values():
            shape = (len(template["data"]), *IMAGE_SHAPE)
            tiles = [
                rng.integers(0, 256, [1, *(side // TILE for side in IMAGE_SHAPE)], np.uint8) for _ in range(shape[0])
            ]
            for name, dtype in (("data", np.uint8), ("unwarped", np.float64)):
                _replace(template, name, (image.repeat(TILE, 1).repeat(TILE, 2) for image in tiles), shape, dtype)
    return path


def _unpacked(folder: Path, ending: str) -> Path:
    stored = next(file for file in read_history(PACKAGED, VBN.bucket)[-1].data.values() if file.key.endswith(ending))
    path = folder / Path(stored.key).name
    with stored.open() as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    return path


def _traces(samples: int) -> Iterator[np.ndarray]:
    """Slow waves with noise, the same for a minute, then again a step higher."""
    rng = np.random.default_rng(0)
    minute = np.cumsum(rng.standard_normal((75_000, LFP_CHANNELS)), 0)
    minute -= np.linspace(0, 1, len(minute))[:, None] * minute[-1]
    steps = np.round(1000 * minute / minute.std() + 8 * rng.standard_normal(minute.shape)).astype(np.float32)
    for number, start in enumerate(range(0, samples, len(steps))):
        yield (steps[: samples - start] + number) * LFP_STEP


def _replace(group: h5py.Group, name: str, pieces: Iterable[np.ndarray], shape: tuple[int, ...], dtype: Any) -> None:
    """Other values, contiguous as the writer leaves them, with the attributes of those before.

    In pieces: what this process once held counts as the memory of the processes that it starts.
    """
    attributes = dict(group[name].attrs)
    del group[name]
    dataset = group.create_dataset(name, shape, dtype)
    dataset.attrs.update(attributes)
    begin = 0
    for piece in pieces:
        dataset[begin : begin + len(piece)] = piece
        begin += len(piece)
