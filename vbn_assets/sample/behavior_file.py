"""Write what every generated session's file has, with probes, a microscope or neither: signals, trials and stimuli.

The packaged file's values are repeated, block of stimuli by block, over a session of the planned length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import h5py
import numpy as np

from vbn_assets.sample.datasets import Stretch, laps, repeat, repeat_rows, sized, stretch_to, write

FRAME_RATE = 60.0
"""Frames of the stimulus monitor a second; running is measured once a frame."""
_SERIES = (
    "processing/running/speed",
    "processing/running/speed_unfiltered",
    "processing/running/dx",
    "acquisition/v_in",
    "acquisition/v_sig",
)
_EYE_SERIES = ("eye_tracking", "pupil_tracking", "corneal_reflection_tracking", "likely_blink")
_EVENTS = {"licking/licks": (), "rewards/volume": ("data",), "rewards/autorewarded": ("data",)}
"""Series of events, and what of them is carried along with the times."""
_QUIET_SECONDS = 14.0
"""The monitor stays grey this long after the last presentation."""
_NO_NUMBER = -99


@dataclass(frozen=True)
class BehaviorSizes:
    """How much a session's file says of behavior."""

    running_rows: int
    """Also the number of stimulus, voltage and eye tracking frames; at 60 Hz they say how long the session is."""
    trials: int
    presentations: Mapping[int, int]
    """Of each stimulus block; blocks that are not named keep as many as the template has."""
    image_shape: tuple[int, int] | None = None
    """Rows and columns of the stimulus templates; None leaves the packaged 12 × 20."""


def write_behavior(nwb: h5py.File, sizes: BehaviorSizes, rng: np.random.Generator) -> None:
    """Make the file's signals, trials, stimuli and images those of a session of these sizes."""
    frames = _write_signals(nwb, sizes.running_rows, rng)
    _write_trials_and_stimuli(nwb, sizes, frames)
    if sizes.image_shape:
        _write_images(nwb, sizes.image_shape, rng)


def _write_signals(nwb: h5py.File, count: int, rng: np.random.Generator) -> np.ndarray:
    """Running, voltages, stimulus frames and eye tracking; the times of the stimulus frames, s."""
    start = float(nwb["processing/stimulus/timestamps/timestamps"][0])
    frames: np.ndarray = start + np.arange(count) / FRAME_RATE + rng.uniform(0.0, 1e-4, count)
    for name in ("data", "timestamps"):
        write(nwb["processing/stimulus/timestamps"], name, frames)
    for series in _SERIES:
        write(nwb[series], "timestamps", frames)
        repeat(nwb[series], "data", count)
    if "EyeTracking" in nwb["acquisition"]:
        eyes = nwb["acquisition/EyeTracking"]
        write(eyes["eye_tracking"], "timestamps", frames)
        for series in _EYE_SERIES:
            for name in sorted(set(eyes[series]) - {"timestamps", "reference_frame"}):
                repeat(eyes[series], name, count)
    return frames


def _write_trials_and_stimuli(nwb: h5py.File, sizes: BehaviorSizes, frames: np.ndarray) -> None:
    """Trials with licks and rewards over the active block, and the presentations of every block."""
    tables = [nwb["intervals"][name] for name in nwb["intervals"] if name.endswith("_presentations")]
    extents = _block_extents(tables, sizes.presentations, frames)
    active = min(int(table["stimulus_block"][row]) for table in tables for row in np.flatnonzero(table["active"]))
    trials = nwb["intervals/trials"]
    rows, lap = laps(len(trials["id"]), sizes.trials)
    stretch = stretch_to(trials["start_time"][()], trials["stop_time"][()], sizes.trials, extents[active])
    _write_events(nwb, stretch, frames)
    repeat_rows(trials, rows, lap, stretch)
    write(trials, "trial_length", trials["stop_time"][()] - trials["start_time"][()])
    change = trials["change_time" if "change_time" in trials else "change_time_no_display_delay"][()]
    write(trials, "change_frame", np.where(np.isnan(change), _NO_NUMBER, _frame_at(np.nan_to_num(change), frames)))
    for table in tables:
        _write_presentations(table, sizes.presentations, extents, frames, trials["start_time"][()])
        _write_shown(nwb, table)


def _block_extents(
    tables: list[h5py.Group], counts: Mapping[int, int], frames: np.ndarray
) -> dict[int, tuple[float, float]]:
    """Start and end of every stimulus block, s: as long for each presentation as in the template if there is time."""
    lengths = {
        block: (stop - start) * (counts.get(block, rows) / rows)
        for block, (start, stop, rows) in _template_blocks(tables).items()
    }
    begin = frames[0] + 1.0
    available = max(frames[-1] - _QUIET_SECONDS, (begin + frames[-1]) / 2) - begin
    scale = min(1.0, available / sum(lengths.values()))
    extents: dict[int, tuple[float, float]] = {}
    for block, length in sorted(lengths.items()):
        extents[block] = (begin, begin + length * scale)
        begin += length * scale
    return extents


def _template_blocks(tables: list[h5py.Group]) -> dict[int, tuple[float, float, int]]:
    """First start, last stop and number of presentations of every block."""
    blocks: dict[int, tuple[float, float, int]] = {}
    for table in tables:
        block = table["stimulus_block"][()]
        for number in np.unique(block):
            rows = np.flatnonzero(block == number)
            blocks[int(number)] = (float(table["start_time"][rows[0]]), float(table["stop_time"][rows[-1]]), len(rows))
    return blocks


def _write_events(nwb: h5py.File, stretch: Stretch, frames: np.ndarray) -> None:
    for series, carried in _EVENTS.items():
        group = nwb["processing"][series]
        times = group["timestamps"][()]
        rows, lap = laps(len(times), len(times) * int(np.ceil(stretch.laps)))
        moved = stretch.times(times[rows], lap)
        kept = moved < stretch.target[1]
        write(group, "timestamps", moved[kept])
        for name in carried:
            write(group, name, group[name][()][rows[kept]])
        if not carried:
            write(group, "data", _frame_at(moved[kept], frames))


def _write_presentations(
    table: h5py.Group,
    counts: Mapping[int, int],
    extents: dict[int, tuple[float, float]],
    frames: np.ndarray,
    trial_starts: np.ndarray,
) -> None:
    block = table["stimulus_block"][()]
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number in np.unique(block):
        of_block = np.flatnonzero(block == number)
        rows, lap = laps(len(of_block), counts.get(int(number), len(of_block)))
        starts, stops = table["start_time"][()][of_block], table["stop_time"][()][of_block]
        stretch = stretch_to(starts, stops, len(rows), extents[number])
        times = np.stack([stretch.times(starts[rows], lap), stretch.times(stops[rows], lap)])
        parts.append((of_block[rows], times[0], times[1]))
    rows, starts, stops = (np.concatenate(column) for column in zip(*parts, strict=True))
    repeat_rows(table, rows)
    for name, values in {
        "start_time": starts,
        "stop_time": stops,
        "duration": stops - starts,
        "start_frame": _frame_at(starts, frames),
        "end_frame": _frame_at(stops, frames),
    }.items():
        write(table, name, values)
    if table["active"][()].any():
        trial = np.searchsorted(trial_starts, starts[: len(parts[0][0])], side="left") - 1
        write(table, "trials_id", np.tile(np.where(trial < 0, _NO_NUMBER, trial), len(parts)))


def _write_shown(nwb: h5py.File, table: h5py.Group) -> None:
    """The series that says which image was shown when, where the file has one of these presentations."""
    series = nwb["stimulus"].get(f"presentation/{table.name.split('/')[-1].removesuffix('_presentations')}")
    if series is not None:
        write(series, "data", table["image_index"][()])
        write(series, "timestamps", table["start_time"][()])


def _frame_at(times: np.ndarray, frames: np.ndarray) -> np.ndarray:
    nearest: np.ndarray = np.rint((times - frames[0]) * FRAME_RATE).astype(np.int64)
    return nearest


def _write_images(nwb: h5py.File, image_shape: tuple[int, int], rng: np.random.Generator) -> None:
    for template in nwb["stimulus/templates"].values():
        shape = (len(template["data"]), *image_shape)
        warped, unwarped = sized(template, "data", shape), sized(template, "unwarped", shape)
        for image in range(shape[0]):
            pixels = rng.integers(0, 256, image_shape, dtype=np.uint8)
            warped[image], unwarped[image] = pixels, pixels.astype(np.float64)
