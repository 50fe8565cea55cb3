"""Write the NWB file of a planned session with probes: a packaged file, its datasets replaced by larger ones.

Memory is bounded by the largest column but the spikes, and by the busiest unit.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from vbn_assets.sample.behavior_file import BehaviorSizes, write_behavior
from vbn_assets.sample.datasets import plain_columns, sized, write, write_index
from vbn_assets.sample.plan import SessionPlan, Sizes

_BLOCKS = {0: "images", 2: "gabor", 4: "flash", 5: "images"}
"""What is shown in each stimulus block; 1 and 3 are spontaneous activity, one row each."""
_AMPLITUDE_NOISE = 0.15
"""Spread of a unit's spike amplitudes relative to their mean."""


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
        write_behavior(nwb, _behavior_sizes(sizes), rng)
        _write_units(nwb, plan, sizes, rng)


def _behavior_sizes(sizes: Sizes) -> BehaviorSizes:
    counts = sizes.block_sizes()
    presentations = {block: counts[shown] for block, shown in _BLOCKS.items()}
    return BehaviorSizes(sizes.running_rows, sizes.trials, presentations, sizes.image_shape)


def _write_identity(nwb: h5py.File, plan: SessionPlan) -> None:
    nwb["identifier"][()] = str(plan.session_id)
    nwb["general/subject/subject_id"][()] = str(plan.mouse_id)
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
        write(electrodes, name, np.asarray(values))


def _write_units(nwb: h5py.File, plan: SessionPlan, sizes: Sizes, rng: np.random.Generator) -> None:
    units, rows = nwb["units"], plan.rows["units"]
    renamed = {"id": "unit_id", "peak_channel_id": "ecephys_channel_id", "cluster_id": "local_index"}
    for name in plain_columns(units):
        write(units, name, rows[renamed.get(name, name)].to_numpy())
    _write_waveforms(units, sizes, rng, plan.amplitude_scale)
    times = sized(units, "spike_times", (sizes.spikes,))
    amplitudes = sized(units, "spike_amplitudes", (sizes.spikes,))
    for where, unit_times, unit_amplitudes in _spikes(plan, sizes, rng):
        times[where] = unit_times
        amplitudes[where] = unit_amplitudes
    for name in ("spike_times", "spike_amplitudes"):
        write_index(units, name, np.cumsum(plan.spike_counts))


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
    written = sized(units, "waveform_mean", (sizes.units * sizes.channels, template.shape[2]))
    for unit in range(sizes.units):
        waveform: Any = template[unit % len(template), channels]
        waveform = waveform + noise * rng.standard_normal(waveform.shape)
        written[unit * sizes.channels : (unit + 1) * sizes.channels] = waveform * amplitude_scale
    write_index(units, "waveform_mean", sizes.channels * np.arange(1, sizes.units + 1))
