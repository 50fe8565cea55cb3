"""Write the NWB file of a planned session: a packaged file, its datasets replaced by ones of the planned size.

Types, attributes, links and layout (contiguous, uncompressed, ragged indices in the smallest unsigned integer) stay
as AllenSDK's writer made them. Memory is bounded by the largest column but the spikes, and by the busiest unit.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vbn_assets.sample.plan import FRAME_RATE, SessionPlan, Sizes

_SERIES = (
    "processing/running/speed",
    "processing/running/speed_unfiltered",
    "processing/running/dx",
    "acquisition/v_in",
    "acquisition/v_sig",
)
_EYE_SERIES = ("eye_tracking", "pupil_tracking", "corneal_reflection_tracking", "likely_blink")
_BLOCKS = {0: "images", 2: "gabor", 4: "flash", 5: "images"}
"""What is shown in each stimulus block; 1 and 3 are spontaneous activity, one row each."""
_QUIET_SECONDS = 14.0
"""The monitor stays grey this long after the last presentation."""
_AMPLITUDE_NOISE = 0.15
"""Spread of a unit's spike amplitudes relative to their mean."""


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


def write_session(path: Path, plan: SessionPlan, sizes: Sizes, seed: int) -> None:
    """Write the session's NWB file. The same arguments write the same values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with plan.template.nwb.open() as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)
    rng = np.random.default_rng((seed, plan.index, 1))
    with h5py.File(path, "r+") as nwb:
        _write_identity(nwb, plan)
        _write_probes(nwb, plan)
        _write_electrodes(nwb, plan)
        frames = _write_signals(nwb, sizes, rng)
        _write_behavior(nwb, sizes, frames)
        _write_images(nwb, sizes, rng)
        _write_units(nwb, plan, sizes, rng)


# --- replacing datasets ---------------------------------------------------------------------------------------------


def _sized(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype | None = None) -> h5py.Dataset:
    """The dataset anew with another shape: same type unless given, same attributes, values still to be written."""
    old = group[name]
    attributes, dtype = dict(old.attrs), dtype or old.dtype
    del group[name]
    new = group.create_dataset(name, shape, dtype)
    for key, value in attributes.items():
        new.attrs[key] = value
    return new


def _write(group: h5py.Group, name: str, values: np.ndarray) -> None:
    _sized(group, name, np.shape(values))[...] = values


def _write_index(group: h5py.Group, name: str, ends: np.ndarray) -> None:
    """The index of a ragged column, pointing at the column's new dataset."""
    index = _sized(group, f"{name}_index", ends.shape, np.min_scalar_type(int(ends[-1]) if len(ends) else 0))
    index[...] = ends
    index.attrs["target"] = group[name].ref


def _scalar(nwb: h5py.File, name: str, value: str) -> None:
    nwb[name][()] = value


# --- who and with what ----------------------------------------------------------------------------------------------


def _write_identity(nwb: h5py.File, plan: SessionPlan) -> None:
    _scalar(nwb, "identifier", str(plan.session_id))
    _scalar(nwb, "general/subject/subject_id", str(plan.mouse_id))
    nwb["general/metadata"].attrs["behavior_session_id"] = np.int64(plan.behavior_session_id)


def _write_probes(nwb: h5py.File, plan: SessionPlan) -> None:
    """One device and one electrode group a probe, copies of the template's first."""
    devices, groups = nwb["general/devices"], nwb["general/extracellular_ephys"]
    for parent in (devices, groups):
        first, *others = sorted(name for name in parent if name.startswith("probe"))
        parent.move(first, "template")
        for name in others:
            del parent[name]
    for probe in plan.rows["probes"].to_dict("records"):
        name = probe["name"]
        for parent in (devices, groups):
            parent.copy("template", name, expand_soft=False)
            parent[name].attrs["object_id"] = str(
                uuid.uuid5(uuid.NAMESPACE_OID, f"{plan.session_id}/{parent.name}/{name}")
            )
            parent[name].attrs["probe_id"] = np.int64(probe["ecephys_probe_id"])
        devices[name].attrs["sampling_rate"] = np.float64(probe["sampling_rate"])
        groups[name].attrs["has_lfp_data"] = np.False_
        groups[name].attrs["lfp_sampling_rate"] = np.nan
        del groups[name]["device"]
        groups[name]["device"] = h5py.SoftLink(f"{devices.name}/{name}")
    for parent in (devices, groups):
        del parent["template"]


def _write_electrodes(nwb: h5py.File, plan: SessionPlan) -> None:
    channels, electrodes = plan.rows["channels"], nwb["general/extracellular_ephys/electrodes"]
    names = plan.rows["probes"].set_index("ecephys_probe_id").name
    group_names = channels.ecephys_probe_id.map(names).to_numpy()
    groups = {name: nwb[f"general/extracellular_ephys/{name}"].ref for name in names}
    filtering = electrodes["filtering"][0]
    columns = {
        "id": channels.ecephys_channel_id,
        "x": channels.anterior_posterior_ccf_coordinate,
        "y": channels.dorsal_ventral_ccf_coordinate,
        "z": channels.left_right_ccf_coordinate,
        "location": channels.structure_acronym.fillna("None"),
        "probe_id": channels.ecephys_probe_id,
        "probe_channel_number": channels.probe_channel_number,
        "probe_vertical_position": channels.probe_vertical_position,
        "probe_horizontal_position": channels.probe_horizontal_position,
        "valid_data": channels.valid_data,
        "group": np.array([groups[name] for name in group_names], dtype=h5py.ref_dtype),
        "group_name": group_names,
        "imp": np.full(len(channels), np.nan),
        "filtering": np.array([filtering] * len(channels), dtype=object),
    }
    for name, values in columns.items():
        _write(electrodes, name, np.asarray(values))


# --- signals with one value a frame -----------------------------------------------------------------------------------


def _write_signals(nwb: h5py.File, sizes: Sizes, rng: np.random.Generator) -> np.ndarray:
    """Running, voltages, stimulus frames and eye tracking; the times of the stimulus frames, s."""
    count = sizes.running_rows
    start = float(nwb["processing/stimulus/timestamps/timestamps"][0])
    frames: np.ndarray = start + np.arange(count) / FRAME_RATE + rng.uniform(0.0, 1e-4, count)
    for name in ("data", "timestamps"):
        _write(nwb["processing/stimulus/timestamps"], name, frames)
    for series in _SERIES:
        _write(nwb[series], "timestamps", frames)
        _repeat(nwb[series], "data", count)
    if "EyeTracking" in nwb["acquisition"]:
        eyes = nwb["acquisition/EyeTracking"]
        _write(eyes["eye_tracking"], "timestamps", frames)
        for series in _EYE_SERIES:
            for name in sorted(set(eyes[series]) - {"timestamps", "reference_frame"}):
                _repeat(eyes[series], name, count)
    return frames


def _repeat(group: h5py.Group, name: str, count: int) -> None:
    values = group[name][()]
    _write(group, name, values[np.arange(count) % len(values)])


# --- trials and stimuli ---------------------------------------------------------------------------------------------


def _write_behavior(nwb: h5py.File, sizes: Sizes, frames: np.ndarray) -> None:
    """Trials with licks and rewards over the active block, and the presentations of every block."""
    extents = _block_extents(nwb, sizes, frames)
    trials = nwb["intervals/trials"]
    rows, lap = _laps(len(trials["id"]), sizes.trials)
    stretch = _stretch(trials["start_time"][()], trials["stop_time"][()], sizes.trials, extents[0])
    _write_events(nwb, stretch, frames)
    _repeat_rows(trials, rows, lap, stretch)
    _write(trials, "trial_length", trials["stop_time"][()] - trials["start_time"][()])
    change_time = trials["change_time_no_display_delay"][()]
    _write(trials, "change_frame", np.where(np.isnan(change_time), -99, _frame_at(np.nan_to_num(change_time), frames)))
    for table in [nwb["intervals"][name] for name in nwb["intervals"] if name.endswith("_presentations")]:
        _write_presentations(table, sizes, extents, frames, trials["start_time"][()])


def _block_extents(nwb: h5py.File, sizes: Sizes, frames: np.ndarray) -> dict[int, tuple[float, float]]:
    """Start and end of every stimulus block, s: as long for each presentation as in the template if there is time."""
    sources = _template_blocks(nwb)
    counts = sizes.block_sizes()
    lengths = {
        block: (stop - start) * (counts[_BLOCKS[block]] / rows if block in _BLOCKS else 1)
        for block, (start, stop, rows) in sources.items()
    }
    begin = frames[0] + 1.0
    available = max(frames[-1] - _QUIET_SECONDS, (begin + frames[-1]) / 2) - begin
    scale = min(1.0, available / sum(lengths.values()))
    extents: dict[int, tuple[float, float]] = {}
    for block, length in sorted(lengths.items()):
        extents[block] = (begin, begin + length * scale)
        begin += length * scale
    return extents


def _template_blocks(nwb: h5py.File) -> dict[int, tuple[float, float, int]]:
    """First start, last stop and number of presentations of every block."""
    blocks: dict[int, tuple[float, float, int]] = {}
    for name in [name for name in nwb["intervals"] if name.endswith("_presentations")]:
        table = nwb["intervals"][name]
        block = table["stimulus_block"][()]
        for number in np.unique(block):
            rows = np.flatnonzero(block == number)
            blocks[int(number)] = (float(table["start_time"][rows[0]]), float(table["stop_time"][rows[-1]]), len(rows))
    return blocks


def _laps(have: int, want: int) -> tuple[np.ndarray, np.ndarray]:
    """Template row and lap of each wanted row."""
    wanted = np.arange(want)
    return wanted % have, wanted // have


def _stretch(starts: np.ndarray, stops: np.ndarray, want: int, target: tuple[float, float]) -> Stretch:
    """The stretch in which `want` rows, repeating a table in time order, end exactly where the target ends."""
    rows, lap = _laps(len(starts), want)
    source = (float(starts[0]), float(stops[-1]))
    last = (float(stops[rows[-1]]) - source[0]) / (source[1] - source[0])
    return Stretch(source, float(lap[-1]) + last, target)


def _write_events(nwb: h5py.File, stretch: Stretch, frames: np.ndarray) -> None:
    for series, carried in (("licking/licks", ()), ("rewards/volume", ("data",)), ("rewards/autorewarded", ("data",))):
        group = nwb["processing"][series]
        times = group["timestamps"][()]
        rows, lap = _laps(len(times), len(times) * int(np.ceil(stretch.laps)))
        moved = stretch.times(times[rows], lap)
        kept = moved < stretch.target[1]
        _write(group, "timestamps", moved[kept])
        for name in carried:
            _write(group, name, group[name][()][rows[kept]])
        if not carried:
            _write(group, "data", _frame_at(moved[kept], frames))


def _write_presentations(
    table: h5py.Group,
    sizes: Sizes,
    extents: dict[int, tuple[float, float]],
    frames: np.ndarray,
    trial_starts: np.ndarray,
) -> None:
    block = table["stimulus_block"][()]
    counts = sizes.block_sizes()
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number in np.unique(block):
        of_block = np.flatnonzero(block == number)
        rows, lap = _laps(len(of_block), counts[_BLOCKS[number]] if number in _BLOCKS else 1)
        starts, stops = table["start_time"][()][of_block], table["stop_time"][()][of_block]
        stretch = _stretch(starts, stops, len(rows), extents[number])
        times = np.stack([stretch.times(starts[rows], lap), stretch.times(stops[rows], lap)])
        parts.append((of_block[rows], times[0], times[1]))
    rows, starts, stops = (np.concatenate(column) for column in zip(*parts, strict=True))
    _repeat_rows(table, rows)
    for name, values in {
        "start_time": starts,
        "stop_time": stops,
        "duration": stops - starts,
        "start_frame": _frame_at(starts, frames),
        "end_frame": _frame_at(stops, frames),
    }.items():
        _write(table, name, values)
    if 0 in block:
        active = np.searchsorted(trial_starts, starts[: counts["images"]], side="left") - 1
        _write(table, "trials_id", np.tile(np.where(active < 0, -99, active), 2))


def _frame_at(times: np.ndarray, frames: np.ndarray) -> np.ndarray:
    nearest: np.ndarray = np.rint((times - frames[0]) * FRAME_RATE).astype(np.int64)
    return nearest


def _repeat_rows(
    table: h5py.Group, rows: np.ndarray, lap: np.ndarray | None = None, stretch: Stretch | None = None
) -> None:
    """Every column of a table anew with these of its rows; times moved with the stretch if there is one."""
    ragged = _ragged_columns(table)
    for name in _plain_columns(table):
        values = np.arange(len(rows)) if name == "id" else table[name][()][rows]
        if stretch and lap is not None and _is_time(name):
            values = stretch.times(values, lap)
        _write(table, name, values)
    for name in ragged:
        ends = table[f"{name}_index"][()].astype(np.int64)
        lengths = np.diff(ends, prepend=0)
        taken = np.concatenate([np.arange(ends[row] - lengths[row], ends[row]) for row in rows])
        values = table[name][()][taken]
        if stretch and lap is not None and _is_time(name):
            values = stretch.times(values, np.repeat(lap, lengths[rows]))
        _write(table, name, values)
        _write_index(table, name, np.cumsum(lengths[rows]))


def _ragged_columns(table: h5py.Group) -> list[str]:
    return [name.removesuffix("_index") for name in table if table[name].attrs["neurodata_type"] == "VectorIndex"]


def _plain_columns(table: h5py.Group) -> list[str]:
    ragged = _ragged_columns(table)
    return [name for name in table if name not in ragged and name.removesuffix("_index") not in ragged]


def _is_time(column: str) -> bool:
    return "_time" in column


def _write_images(nwb: h5py.File, sizes: Sizes, rng: np.random.Generator) -> None:
    if sizes.image_shape is None:
        return
    for template in nwb["stimulus/templates"].values():
        shape = (len(template["data"]), *sizes.image_shape)
        warped, unwarped = _sized(template, "data", shape), _sized(template, "unwarped", shape)
        for image in range(shape[0]):
            pixels = rng.integers(0, 256, sizes.image_shape, dtype=np.uint8)
            warped[image], unwarped[image] = pixels, pixels.astype(np.float64)


# --- units ------------------------------------------------------------------------------------------------------------


def _write_units(nwb: h5py.File, plan: SessionPlan, sizes: Sizes, rng: np.random.Generator) -> None:
    units, rows = nwb["units"], plan.rows["units"]
    renamed = {"id": "unit_id", "peak_channel_id": "ecephys_channel_id", "cluster_id": "local_index"}
    for name in _plain_columns(units):
        _write(units, name, rows[renamed.get(name, name)].to_numpy())
    _write_waveforms(units, sizes, rng, plan.amplitude_scale)
    times = _sized(units, "spike_times", (sizes.spikes,))
    amplitudes = _sized(units, "spike_amplitudes", (sizes.spikes,))
    for where, unit_times, unit_amplitudes in _spikes(plan, sizes, rng):
        times[where] = unit_times
        amplitudes[where] = unit_amplitudes
    for name in ("spike_times", "spike_amplitudes"):
        _write_index(units, name, np.cumsum(plan.spike_counts))


def _spikes(
    plan: SessionPlan, sizes: Sizes, rng: np.random.Generator
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Where, when (s, sorted) and how large (V) the spikes of each unit in turn are."""
    rows = plan.rows["units"]
    rates = rows.ecephys_probe_id.map(plan.rows["probes"].set_index("ecephys_probe_id").sampling_rate)
    begin = 0
    for count, volts, rate in zip(plan.spike_counts, rows.amplitude * 1e-6, rates, strict=True):
        times = np.cumsum(rng.standard_exponential(count + 1))
        times *= (sizes.seconds * rate) / times[-1]
        amplitudes = rng.standard_normal(count)
        amplitudes *= _AMPLITUDE_NOISE
        amplitudes += 1.0
        # Spike sorters count samples, so times are whole samples over the probe's sampling rate.
        yield slice(begin, begin + count), np.rint(times[:-1]) / rate, np.abs(amplitudes) * volts
        begin += count


def _write_waveforms(units: h5py.Group, sizes: Sizes, rng: np.random.Generator, amplitude_scale: float) -> None:
    """Mean waveforms, V: units × channels rows of samples, each unit a template unit's with noise."""
    ends = units["waveform_mean_index"][()].astype(np.int64)
    template = units["waveform_mean"][()].reshape(len(ends), -1, units["waveform_mean"].shape[1])
    noise = 0.05 * float(np.abs(template).mean())
    channels = np.arange(sizes.channels) % template.shape[1]
    written = _sized(units, "waveform_mean", (sizes.units * sizes.channels, template.shape[2]))
    for unit in range(sizes.units):
        waveform: Any = template[unit % len(template), channels]
        waveform = waveform + noise * rng.standard_normal(waveform.shape)
        written[unit * sizes.channels : (unit + 1) * sizes.channels] = waveform * amplitude_scale
    _write_index(units, "waveform_mean", sizes.channels * np.arange(1, sizes.units + 1))
