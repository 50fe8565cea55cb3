"""What a generated session holds, as rows of the five metadata CSVs, before any NWB file is written.

Values come from a packaged session's rows, drawn or repeated; ids, counts and rates are the plan's own. The CSVs
and the NWB file are both made from a plan, so they agree. Writing belongs to `session_file` and `generator`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vbn_assets.errors import VbnError
from vbn_assets.projects import VBN
from vbn_assets.sample.behavior_file import FRAME_RATE
from vbn_assets.sample.history import PACKAGED, StoredObject, read_history

if TYPE_CHECKING:
    import pandas as pd

_TEMPLATES = (1100000103, 1100000102, 1100000104)
"""Generated sessions are made after these in turn: with eye tracking, without, and abnormal."""
_PROBES_AT_MOST = 26
_SESSION_IDS, _BEHAVIOR_IDS, _PROBE_IDS, _MOUSE_IDS = 1_300_000_001, 1_310_000_001, 1_320_000_000, 700_001
_CHANNEL_IDS, _UNIT_IDS = 2_000_000_000, 3_000_000_000
_IDS_A_SESSION = 100_000
_HORIZONTAL = (43, 11, 59, 27)
"""Where on the shank the channels are, µm: four columns in turn, two channels a row of 20 µm."""
_SHARE = {"images": 4797, "gabor": 3645, "flash": 150}
"""Presentations of a real session by block; the images are shown twice, the second time passively."""
_SPONTANEOUS = 2
_SCALED = ("amplitude", "recovery_slope", "repolarization_slope")
"""Unit columns proportional to the waveform."""


@dataclass(frozen=True)
class Sizes:
    """How large every session of a release is."""

    probes: int = 2
    channels: int = 24
    """Channels a probe."""
    units: int = 28
    spikes: int = 20_000
    presentations: int = 431
    running_rows: int = 18_825
    """Also the number of stimulus, voltage and eye tracking frames; at 60 Hz they say how long the session is."""
    trials: int = 17
    image_shape: tuple[int, int] | None = None
    """Rows and columns of the stimulus templates; None leaves the packaged 12 × 20."""

    def __post_init__(self) -> None:
        for name, least, most in (
            ("probes", 1, _PROBES_AT_MOST),
            ("channels", 1, _IDS_A_SESSION // _PROBES_AT_MOST),
            ("units", 1, _IDS_A_SESSION),
            ("spikes", self.units, None),
            ("presentations", 100, None),
            ("running_rows", 100, None),
            ("trials", 1, None),
        ):
            value = getattr(self, name)
            if value < least or (most is not None and value > most):
                limit = f"at least {least}" if most is None else f"{least} to {most}"
                raise VbnError(f"a session cannot be made with {value} {name}", expected=limit)

    @property
    def seconds(self) -> float:
        return self.running_rows / FRAME_RATE

    def block_sizes(self) -> dict[str, int]:
        """Presentations of one image block, of the gabors and of the flashes, in a real session's proportions."""
        shown = self.presentations - _SPONTANEOUS
        whole = 2 * _SHARE["images"] + _SHARE["gabor"] + _SHARE["flash"]
        images = round(shown * _SHARE["images"] / whole)
        flash = max(1, round(shown * _SHARE["flash"] / whole))
        return {"images": images, "gabor": shown - 2 * images - flash, "flash": flash}


TRUE_SIZE = Sizes(
    probes=6,
    channels=384,
    units=2_040,
    spikes=97_000_000,
    presentations=13_391,
    running_rows=523_155,
    trials=500,
    image_shape=(1200, 1920),
)
"""A published session: 2.4 GB."""


@dataclass(frozen=True)
class Template:
    """A packaged session of release 0.5.0: its rows of every metadata CSV, and its NWB file."""

    rows: dict[str, pd.DataFrame]
    nwb: StoredObject


@dataclass(frozen=True)
class SessionPlan:
    """One session to be made: its rows of every metadata CSV, and the spikes of each unit."""

    template: Template
    index: int
    rows: dict[str, pd.DataFrame]
    spike_counts: np.ndarray
    """(units,) int64, in the order of the units' rows."""
    amplitude_scale: float
    """What amplitudes were multiplied with; the units' rows are scaled already."""

    @property
    def session_id(self) -> int:
        return _SESSION_IDS + self.index

    @property
    def behavior_session_id(self) -> int:
        return _BEHAVIOR_IDS + self.index

    @property
    def mouse_id(self) -> int:
        return _mouse_id(self.index)


def plan_session(index: int, sizes: Sizes, seed: int, amplitude_scale: float = 1.0) -> SessionPlan:
    """The plan of the `index`-th session; the same for the same arguments.

    `amplitude_scale` stands for a correction like release 0.5.0's: it changes amplitudes and nothing else.
    """
    template = _template(_TEMPLATES[index % len(_TEMPLATES)])
    rng = np.random.default_rng((seed, index))
    spike_counts = _spike_counts(sizes, rng)
    channels = _channels(template.rows["channels"], index, sizes)
    units = _units(template.rows["units"], channels, spike_counts, index, sizes, rng)
    units[list(_SCALED)] *= amplitude_scale
    units_here = channels.ecephys_channel_id.map(units.ecephys_channel_id.value_counts())
    channels["unit_count"] = units_here.fillna(0).astype(int)
    rows = {
        "ecephys_sessions": template.rows["ecephys_sessions"].assign(
            ecephys_session_id=_SESSION_IDS + index,
            behavior_session_id=_BEHAVIOR_IDS + index,
            mouse_id=_mouse_id(index),
            unit_count=sizes.units,
            probe_count=sizes.probes,
            channel_count=sizes.probes * sizes.channels,
            file_id=index,
        ),
        "behavior_sessions": template.rows["behavior_sessions"].assign(
            behavior_session_id=_BEHAVIOR_IDS + index,
            ecephys_session_id=float(_SESSION_IDS + index),
            mouse_id=_mouse_id(index),
        ),
        "probes": _probes(template.rows["probes"], units, index, sizes),
        "channels": channels,
        "units": units,
    }
    return SessionPlan(template, index, rows, spike_counts, amplitude_scale)


@cache
def _template(session_id: int) -> Template:
    from pyarrow import csv, string

    # Arrow reads numbers exactly; pandas' parser may be off by the last bit.
    convert = csv.ConvertOptions(strings_can_be_null=True, column_types={"date_of_acquisition": string()})
    release = read_history(PACKAGED, VBN.bucket)[-1]
    rows: dict[str, pd.DataFrame] = {}
    for table, stored in release.metadata.items():
        with stored.open() as stream:
            frame = csv.read_csv(stream, convert_options=convert).to_pandas()
        rows[table] = frame[frame.ecephys_session_id == session_id].reset_index(drop=True)
    name = f"ecephys_session_{session_id}.nwb"
    return Template(rows, next(stored for stored in release.data.values() if stored.key.endswith(name)))


def _mouse_id(index: int) -> int:
    """Every mouse has two sessions."""
    return _MOUSE_IDS + index // 2


def _spike_counts(sizes: Sizes, rng: np.random.Generator) -> np.ndarray:
    """Firing rates are lognormal, as in the brain; every unit fires at least once."""
    weights = rng.lognormal(0.0, 1.0, sizes.units)
    counts: np.ndarray = 1 + np.floor(weights / weights.sum() * (sizes.spikes - sizes.units)).astype(np.int64)
    counts[counts.argmax()] += sizes.spikes - counts.sum()
    return counts


def _repeated(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    return rows.iloc[np.arange(count) % len(rows)].reset_index(drop=True)


def _probe_ids(index: int, sizes: Sizes) -> np.ndarray:
    return _PROBE_IDS + index * _PROBES_AT_MOST + np.arange(sizes.probes)


def _probes(template: pd.DataFrame, units: pd.DataFrame, index: int, sizes: Sizes) -> pd.DataFrame:
    ids = _probe_ids(index, sizes)
    return _repeated(template, sizes.probes).assign(
        ecephys_probe_id=ids,
        ecephys_session_id=_SESSION_IDS + index,
        name=[f"probe{chr(ord('A') + number)}" for number in range(sizes.probes)],
        has_lfp_data=False,
        unit_count=[int((units.ecephys_probe_id == id).sum()) for id in ids],
        channel_count=sizes.channels,
        file_id=-999,
    )


def _channels(template: pd.DataFrame, index: int, sizes: Sizes) -> pd.DataFrame:
    """Channels probe by probe; a template probe's are stretched along the shank, so that a structure's lie together."""
    import pandas as pd

    probes = [rows for _, rows in template.groupby("ecephys_probe_id")]
    stretched = [_stretched(probes[probe % len(probes)], sizes.channels) for probe in range(sizes.probes)]
    number = np.tile(np.arange(sizes.channels), sizes.probes)
    return pd.concat(stretched, ignore_index=True).assign(
        ecephys_channel_id=_CHANNEL_IDS + index * _IDS_A_SESSION + np.arange(len(number)),
        ecephys_probe_id=np.repeat(_probe_ids(index, sizes), sizes.channels),
        ecephys_session_id=_SESSION_IDS + index,
        probe_channel_number=number,
        probe_vertical_position=20.0 * (1 + number // 2),
        probe_horizontal_position=np.array(_HORIZONTAL, dtype=float)[number % len(_HORIZONTAL)],
    )


def _stretched(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """As many rows as asked for, each as often as its neighbours and beside its like."""
    return rows.iloc[np.arange(count) * len(rows) // count]


def _units(
    template: pd.DataFrame,
    channels: pd.DataFrame,
    spike_counts: np.ndarray,
    index: int,
    sizes: Sizes,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Units probe by probe along the shank; metrics are those of template units drawn at random."""
    peaks = np.sort(rng.integers(len(channels), size=sizes.units))
    peak = channels.iloc[peaks].reset_index(drop=True)
    metrics = template.iloc[rng.integers(len(template), size=sizes.units)].reset_index(drop=True)
    units = metrics.assign(
        unit_id=_UNIT_IDS + index * _IDS_A_SESSION + np.arange(sizes.units),
        firing_rate=spike_counts / sizes.seconds,
        amplitude=metrics.amplitude * rng.uniform(0.7, 1.4, sizes.units),
    )
    shared = [name for name in channels.columns if name in units.columns and name != "unit_count"]
    units[shared] = peak[shared]
    return units.assign(local_index=units.groupby("ecephys_probe_id").cumcount())
