"""Everything an ecephys session gives is what AllenSDK gives; its filters on units do what they say."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from vbn_assets.client import BehaviorEcephysSession, BehaviorSession
from vbn_assets.client.exceptions import UnknownProbe
from vbn_assets.errors import NwbError
from vbn_assets_tests.client.against_allensdk import ask, assert_array, assert_frame, exactly
from vbn_assets_tests.golden import golden, golden_path

SESSIONS = [
    ("0.3.0", 1100000102),
    ("0.3.0", 1100000103),
    ("0.5.0", 1100000102),
    ("0.5.0", 1100000103),
    ("0.5.0", 1100000104),
]
FRAMES = (
    "get_units",
    "get_channels__all",
    "probes",
    "optotagging_table",
    "licks",
    "rewards",
    "running_speed",
    "raw_running_speed",
    "eye_tracking",
    "trials",
    "stimulus_presentations",
    "get_rolling_performance_df",
)
DICTS = ("metadata", "task_parameters", "get_performance_metrics", "eye_tracking_rig_geometry")
BY_UNIT = ("spike_times", "spike_amplitudes", "mean_waveforms")

Sessions = Callable[[str, int], BehaviorEcephysSession]


def with_goldens(names: tuple[str, ...]) -> list[tuple[str, int, str]]:
    """The sessions and names for which AllenSDK was asked."""
    return [
        (version, id, name)
        for version, id in SESSIONS
        for name in names
        if list(golden_path(version, name, id).parent.glob(f"{name}.*"))
    ]


@pytest.fixture(scope="module")
def session(ecephys_session: Sessions) -> BehaviorEcephysSession:
    return ecephys_session("0.5.0", 1100000104)


@pytest.mark.parametrize(("version", "id", "name"), with_goldens(FRAMES))
def test_frames(ecephys_session: Sessions, version: str, id: int, name: str) -> None:
    assert_frame(ask(ecephys_session(version, id), name), version, name, id, "ecephys_session")


@pytest.mark.parametrize(("version", "id", "name"), with_goldens(DICTS))
@pytest.mark.filterwarnings("ignore:Unable to parse cre_line")
def test_dicts(ecephys_session: Sessions, version: str, id: int, name: str) -> None:
    ours, expected = ask(ecephys_session(version, id), name), golden(version, name, id)
    if name == "metadata":
        ours |= {"date_of_acquisition": ours["date_of_acquisition"].isoformat()}
    assert list(ours) == list(expected)
    assert exactly(ours) == exactly(expected)


@pytest.mark.parametrize(("version", "id", "name"), with_goldens(BY_UNIT))
def test_arrays_by_unit(ecephys_session: Sessions, version: str, id: int, name: str) -> None:
    ours, expected = ask(ecephys_session(version, id), name), golden(version, name, id)
    assert isinstance(ours, dict)
    assert list(ours) == list(expected)
    assert {type(unit_id) for unit_id in ours} == {int}
    for unit_id, array in ours.items():
        assert_array(array, expected[unit_id])


def test_channels_that_are_valid(session: BehaviorEcephysSession) -> None:
    channels, every = session.get_channels(), session.get_channels(filter_by_validity=False)
    assert 0 < len(channels) < len(every)
    pd.testing.assert_frame_equal(channels, every[every["valid_data"]].drop(columns="valid_data"))


def test_units_of_good_quality_on_valid_channels(session: BehaviorEcephysSession) -> None:
    channels, units = session.get_channels(), session.get_units()
    expected = [
        unit.Index for unit in units.itertuples() if unit.quality == "good" and unit.peak_channel_id in channels.index
    ]
    valid = session.get_units(filter_by_validity=True)
    assert 0 < len(valid) < len(units)
    assert valid.index.tolist() == expected
    assert "quality" not in valid


def test_units_in_the_brain(session: BehaviorEcephysSession) -> None:
    acronyms = session.get_channels(filter_by_validity=False)["structure_acronym"]
    units = session.get_units()
    inside = session.get_units(filter_out_of_brain_units=True)
    assert 0 < len(inside) < len(units)
    assert inside.index.tolist() == [
        unit.Index for unit in units.itertuples() if acronyms[unit.peak_channel_id] is not None
    ]


@pytest.mark.parametrize(
    ("limit", "column", "sign"),
    [
        ("amplitude_cutoff_maximum", "amplitude_cutoff", 1),
        ("presence_ratio_minimum", "presence_ratio", -1),
        ("isi_violations_maximum", "isi_violations", 1),
    ],
)
def test_limits_include_their_value_and_zero_is_one(
    session: BehaviorEcephysSession, limit: str, column: str, sign: int
) -> None:
    units = session.get_units()
    for value in (0.0, float(units[column].median())):
        kept = session.get_units(**{limit: value})  # type: ignore[arg-type]
        assert kept.index.tolist() == [id for id, metric in units[column].items() if sign * metric <= sign * value]
    assert len(session.get_units(isi_violations_maximum=0)) < len(units)


def test_units_that_lack_a_limited_metric_are_left_out_but_have_spikes(
    tmp_path: Path, sample_files: dict[tuple[str, str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ecephys_session_1100000104.nwb"
    shutil.copy(sample_files["0.5.0", "ecephys_session", "1100000104"], path)
    with h5py.File(path, "r+") as file:
        for unit, metric in enumerate(("amplitude_cutoff", "presence_ratio", "isi_violations")):
            file[f"units/{metric}"][unit] = np.nan
        lacking = file["units/id"][:3].tolist()
    monkeypatch.setenv("VBN_DATA_DIR", str(tmp_path))
    session = BehaviorEcephysSession.from_nwb_path(path)
    assert set(session.spike_times) - set(session.get_units().index) == set(lacking)


def test_units_are_the_caller_s_own(session: BehaviorEcephysSession) -> None:
    units = session.get_units()
    kept = units.copy()
    units["snr"] = 0.0
    pd.testing.assert_frame_equal(session.get_units(), kept)


def test_lfp_and_current_source_density(ecephys_session: Sessions) -> None:
    for id, probe_id in ((1100000102, 1100000303), (1100000104, 1100000308)):
        session, expected = ecephys_session("0.5.0", id), golden("0.5.0", f"lfp__{probe_id}", id)
        lfp, density = session.get_lfp(probe_id), session.get_current_source_density(probe_id)
        assert lfp is not None
        assert density is not None
        assert (lfp.name, lfp.dims, density.name) == ("LFP", ("time", "channel"), "CSD")
        assert density.dims == ("virtual_channel_index", "time")
        ours = {"time": lfp["time"], "channel": lfp["channel"], "lfp": lfp, "csd": density}
        ours |= {"csd_time": density["time"]}
        ours |= {name: density[name] for name in ("vertical_position", "horizontal_position")}
        for name, array in ours.items():
            assert_array(array.values, expected[name])
        assert density["virtual_channel_index"].to_numpy().tolist() == list(range(len(density)))


def test_a_window_and_some_channels_of_lfp(ecephys_session: Sessions) -> None:
    session = ecephys_session("0.5.0", 1100000104)
    lfp = session.get_lfp(1100000308)
    assert lfp is not None
    times, channels = lfp["time"].to_numpy(), lfp["channel"].to_numpy()
    first, last = float(times[1300]), float(times[4000])
    some = [int(channels[4]), int(channels[1])]
    window = session.get_lfp(1100000308, time_window=(first, last), channels=some)
    assert window is not None
    assert window.equals(lfp.sel(time=slice(first, last), channel=some))
    nothing = session.get_lfp(1100000308, time_window=(times[-1] + 1, times[-1] + 2))
    assert nothing is not None
    assert nothing.shape == (0, len(channels))


def test_a_probe_without_lfp_has_none(ecephys_session: Sessions) -> None:
    old, without = ecephys_session("0.3.0", 1100000102), ecephys_session("0.5.0", 1100000103)
    for session in (old, without):
        for probe_id in session.probes.index:
            assert session.get_lfp(probe_id) is None
            assert session.get_current_source_density(probe_id) is None


def test_an_unknown_probe_or_channel_is_a_value_error_that_names_the_known(session: BehaviorEcephysSession) -> None:
    with pytest.raises(ValueError, match=r"Could not find probe with id 7; expected one of 1100000307 \(probeA\)"):
        session.get_lfp(7)
    with pytest.raises(UnknownProbe, match="Could not find probe"):
        session.get_current_source_density(7)
    with pytest.raises(UnknownProbe, match=r"no LFP of some channels.*found 5"):
        session.get_lfp(1100000308, channels=[5])


def test_without_xarray_it_says_what_to_install(
    session: BehaviorEcephysSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"pip install 'vbn_assets\[lfp\]'"):
        session.get_lfp(1100000308)


def test_a_file_on_disk_is_a_session_of_the_right_class_only(
    tmp_path: Path, sample_files: dict[tuple[str, str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBN_DATA_DIR", str(tmp_path))
    recorded = sample_files["0.5.0", "ecephys_session", "1100000104"]
    trained = sample_files["0.5.0", "behavior_session", "1100000213"]
    session = BehaviorEcephysSession.from_nwb_path(str(recorded))
    assert_frame(session.trials, "0.5.0", "trials", 1100000104, "ecephys_session")
    assert session.get_lfp(1100000308) is None
    half = BehaviorSession.from_nwb_path(recorded)
    assert half.stimulus_presentations["is_change"].dtype == bool
    assert BehaviorSession.from_nwb_path(trained).behavior_session_id == 1100000213
    with pytest.raises(NwbError, match=r"is no file for BehaviorEcephysSession.*found a behavior_session file"):
        BehaviorEcephysSession.from_nwb_path(trained)
    with pytest.raises(NwbError, match="is not HDF5"):
        BehaviorSession.from_nwb_path(__file__)
