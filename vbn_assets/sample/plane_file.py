"""Write the NWB files of Visual Behavior Ophys: of an imaging plane with its session, and of a session without one.

A packaged file, its datasets replaced by ones of the planned size. Memory is bounded by the largest series of traces.
"""

from __future__ import annotations

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from vbn_assets.sample.behavior_file import FRAME_RATE, BehaviorSizes, write_behavior
from vbn_assets.sample.datasets import repeat, sized, write
from vbn_assets.sample.history import PACKAGED

_PACKAGED = PACKAGED / "visual-behavior-ophys-data/v0.3.0"
_PLANE = _PACKAGED / "behavior_ophys_experiment_1100009101.nwb.xz"
"""One of two planes of a session in which the mouse did the task, with eye tracking and the natural movie."""
_SESSION = _PACKAGED / "behavior_session_1100009011.nwb.xz"

_OPHYS = "processing/ophys"
_TRACES = ("dff", "corrected_fluorescence", "demixed_trace", "neuropil_trace")
_ROIS = f"{_OPHYS}/image_segmentation/cell_specimen_table"
_TRACE_NOISE = 1e-3
"""What is added to the packaged traces, so that no two are the same: real ones do not compress either."""


@dataclass(frozen=True)
class PlaneIds:
    """What the file of an imaging plane is about."""

    ophys_experiment_id: int
    ophys_session_id: int
    behavior_session_id: int
    ophys_container_id: int
    mouse_id: int


@dataclass(frozen=True)
class PlaneSizes:
    """How large an imaging plane and its session are."""

    cells: int = 9
    field_of_view: tuple[int, int] = (48, 40)
    """Rows and columns of pixels."""
    images: int = 200
    movie_frames: int = 30
    running_rows: int = 10_200
    trials: int = 17
    image_shape: tuple[int, int] | None = None

    @property
    def behavior(self) -> BehaviorSizes:
        """Block 1 is the task and block 3 the natural movie, each with gray before it."""
        shown = {1: self.images, 3: self.movie_frames}
        return BehaviorSizes(self.running_rows, self.trials, shown, self.image_shape)


TRUE_PLANE = PlaneSizes(
    cells=32,
    field_of_view=(512, 512),
    images=4_797,
    movie_frames=9_000,
    running_rows=270_000,
    trials=550,
    image_shape=(1200, 1920),
)
"""A published plane: 300 MB."""


def write_plane(path: Path, ids: PlaneIds, sizes: PlaneSizes, seed: int) -> None:
    """Write the NWB file of an imaging plane. The same arguments write the same values."""
    _unpack(_PLANE, path)
    with h5py.File(path, "r+") as nwb:
        _write_ids(nwb, ids, sizes)
        # The planes of a session were recorded together: their files say the same of its behavior.
        write_behavior(nwb, sizes.behavior, np.random.default_rng((seed, ids.behavior_session_id)))
        _write_ophys(nwb, ids, sizes, np.random.default_rng((seed, ids.ophys_experiment_id)))


def write_training_session(path: Path, behavior_session_id: int, mouse_id: int) -> None:
    """Write the NWB file of a small session without a microscope: the packaged one under another name."""
    _unpack(_SESSION, path)
    with h5py.File(path, "r+") as nwb:
        nwb["identifier"][()] = str(behavior_session_id)
        nwb["general/subject/subject_id"][()] = str(mouse_id)
        nwb["general/metadata"].attrs["behavior_session_id"] = np.int64(behavior_session_id)


def _unpack(packaged: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(packaged) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def _write_ids(nwb: h5py.File, ids: PlaneIds, sizes: PlaneSizes) -> None:
    nwb["identifier"][()] = str(ids.ophys_experiment_id)
    nwb["general/subject/subject_id"][()] = str(ids.mouse_id)
    metadata = nwb["general/metadata"].attrs
    for name in ("ophys_experiment_id", "ophys_session_id", "behavior_session_id", "ophys_container_id"):
        metadata[name] = np.int64(getattr(ids, name))
    for name, pixels in zip(("field_of_view_height", "field_of_view_width"), sizes.field_of_view, strict=True):
        metadata[name] = np.int64(pixels)


def _write_ophys(nwb: h5py.File, ids: PlaneIds, sizes: PlaneSizes, rng: np.random.Generator) -> None:
    ophys = nwb[_OPHYS]
    rate = float(nwb[f"{_ROIS}/imaging_plane/imaging_rate"][()])
    start = float(ophys["dff/traces/timestamps"][0])
    frames = start + np.arange(int(sizes.running_rows / FRAME_RATE * rate)) / rate
    _write_rois(nwb[_ROIS], ids, sizes, rng)
    write(ophys["dff/traces"], "rois", np.arange(sizes.cells))
    for name in _TRACES:
        _write_traces(ophys[name]["traces"], sizes.cells, frames, rng)
    for name in ("r", "RMSE"):
        repeat(ophys["corrected_fluorescence"][name], "data", sizes.cells)
        write(ophys["corrected_fluorescence"][name], "timestamps", np.arange(sizes.cells, dtype=float))
    _write_events(ophys["event_detection"], sizes.cells, frames)
    for name in ("ophys_motion_correction_x", "ophys_motion_correction_y"):
        repeat(ophys[name], "data", len(frames))
        write(ophys[name], "timestamps", frames)
    for name in ophys["images"]:
        write(ophys["images"], name, rng.integers(0, 256, sizes.field_of_view).astype(ophys["images"][name].dtype))


def _write_traces(series: h5py.Group, cells: int, frames: np.ndarray, rng: np.random.Generator) -> None:
    values = _over_and_over(series["data"][()], cells, len(frames))
    values += _TRACE_NOISE * np.abs(values).mean() * rng.standard_normal(values.shape)
    write(series, "data", values)
    write(series, "timestamps", frames)


def _write_events(events: h5py.Group, cells: int, frames: np.ndarray) -> None:
    values = _over_and_over(events["data"][()], cells, len(frames))
    sized(events, "data", values.shape, chunks=True, compression="gzip")[...] = values
    write(events, "timestamps", frames)
    write(events, "rois", np.arange(cells))
    for name in ("lambdas", "noise_stds"):
        repeat(events, name, cells)


def _over_and_over(values: np.ndarray, cells: int, frames: int) -> np.ndarray:
    """(frame, cell) values for as many of both."""
    tiled: np.ndarray = values[np.arange(frames) % len(values)][:, np.arange(cells) % values.shape[1]]
    return tiled


def _write_rois(rois: h5py.Group, ids: PlaneIds, sizes: PlaneSizes, rng: np.random.Generator) -> None:
    """Cells wherever they fall in the field of view; the same cells in all sessions of a container."""
    height, width = sizes.field_of_view
    for name in (name for name in rois if isinstance(rois[name], h5py.Dataset) and name != "image_mask"):
        repeat(rois, name, sizes.cells)
    rois["id"][...] = ids.ophys_experiment_id * 1000 + np.arange(sizes.cells)
    rois["cell_specimen_id"][...] = ids.ophys_container_id * 1000 + np.arange(sizes.cells)
    rois["x"][...] = rng.integers(0, width - rois["width"][...])
    rois["y"][...] = rng.integers(0, height - rois["height"][...])
    masks = sized(rois, "image_mask", (sizes.cells, height, width))
    for cell in range(sizes.cells):
        mask = np.zeros(sizes.field_of_view, bool)
        top, left = int(rois["y"][cell]), int(rois["x"][cell])
        mask[top : top + int(rois["height"][cell]), left : left + int(rois["width"][cell])] = True
        masks[cell] = mask
