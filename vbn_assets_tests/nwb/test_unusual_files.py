"""What session files may be without being wrong: older, newer, emptier, in another order."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.nwb import eye_tracking, lfp, units
from vbn_assets_tests.nwb.conftest import Change, ReadTables, drop_columns, replace

Changed = Callable[[Change], Path]


def presentations(file: h5py.File) -> list[h5py.Group]:
    return [group for name, group in file["intervals"].items() if name.endswith("_presentations")]


@pytest.fixture(scope="module")
def unchanged(sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables) -> dict[str, pa.Table]:
    return read_tables(sample_files["0.5.0", "ecephys_session", "1100000104"])


@pytest.mark.parametrize(
    "lacking", [("is_sham_change",), ("trials_id", "is_sham_change"), ("active", "trials_id", "is_sham_change")]
)
def test_what_older_files_lack_is_derived_as_newer_ones_have_it(
    lacking: tuple[str, ...], changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    path = changed(lambda file: [drop_columns(group, *lacking) for group in presentations(file)])
    assert read_tables(path)["stimulus_presentations"] == unchanged["stimulus_presentations"]
    stored = unchanged["stimulus_presentations"].to_pydict()
    assert len(set(stored["trials_id"])) > 2
    assert set(stored["active"]) == set(stored["is_sham_change"]) == {True, False}


def test_replay_that_differs_has_no_trials(changed: Changed, read_tables: ReadTables) -> None:
    def differ(file: h5py.File) -> None:
        for group in presentations(file):
            drop_columns(group, "trials_id", "is_sham_change")
            if "image_name" in group:
                group["image_name"][-1] = "im000"

    shown = read_tables(changed(differ))["stimulus_presentations"].to_pydict()
    replay = [trial for trial, active in zip(shown["trials_id"], shown["active"], strict=True) if not active]
    assert set(replay) == {-99}


def test_passive_session_has_no_licks_and_no_rewards(changed: Changed, read_tables: ReadTables) -> None:
    def silence(file: h5py.File) -> None:
        del file["processing/licking"], file["processing/rewards"]
        trials = file["intervals/trials"]
        replace(trials, "lick_times", [""], dtype=h5py.string_dtype())
        replace(trials, "lick_times_index", np.zeros(len(trials["id"]), np.uint8))
        trials["lick_times_index"].attrs["target"] = trials["lick_times"].ref

    tables = read_tables(changed(silence))
    assert tables["licks"].num_rows == tables["rewards"].num_rows == 0
    assert set(map(len, tables["trials"]["lick_times"].to_pylist())) == {0}


def test_licks_without_an_index_go_to_their_trials(
    changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    """As the writer leaves it when there are as many licks as trials."""
    start = unchanged["trials"]["start_time"].to_numpy()
    licks = np.sort(np.concatenate([start[2] + np.arange(1, len(start)) / 1000, start[5:6]]))

    def flatten(file: h5py.File) -> None:
        trials = file["intervals/trials"]
        replace(trials, "lick_times", licks)
        del trials["lick_times_index"]

    lists = read_tables(changed(flatten))["trials"]["lick_times"].to_pylist()
    assert [time for times in lists for time in times] == licks.tolist()
    assert {trial: len(times) for trial, times in enumerate(lists) if times} == {2: len(start) - 1, 4: 1}


def test_session_without_units(changed: Changed, read_tables: ReadTables) -> None:
    def empty(file: h5py.File) -> None:
        group = file["units"]
        for name in list(group):
            kept = group[name][:0]
            how = {"dtype": group[name].dtype} if group[name].dtype.kind == "O" else {}
            replace(group, name, kept, **how)
        for name in ("spike_times", "spike_amplitudes", "waveform_mean"):
            group[f"{name}_index"].attrs["target"] = group[name].ref

    tables = read_tables(changed(empty))
    assert [tables[name].num_rows for name in ("session_units", "spike_times", "mean_waveforms")] == [0, 0, 0]
    assert tables["trials"].num_rows > 0


@pytest.mark.parametrize("width", ["u1", "u8", "i8"])
def test_index_of_any_width(
    width: str, changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    def widen(file: h5py.File) -> None:
        trials, group = file["intervals/trials"], file["units"]
        replace(trials, "lick_times_index", trials["lick_times_index"][:].astype(width))
        if width != "u1":
            for name in ("spike_times_index", "spike_amplitudes_index", "waveform_mean_index"):
                replace(group, name, group[name][:].astype(width))

    tables = read_tables(changed(widen))
    assert tables == unchanged


def add_column(group: h5py.Group, name: str, values: object) -> None:
    column = group.create_dataset(name, data=values)
    column.attrs.update(description="new", namespace="hdmf-common", neurodata_type="VectorData")
    group.attrs["colnames"] = [*group.attrs["colnames"], name]


def test_columns_of_other_kinds_than_any_so_far_are_kept(changed: Changed, read_tables: ReadTables) -> None:
    """A parameter that is text for one stimulus and a number for another, and texts in pairs."""

    def add(file: h5py.File) -> None:
        first, second, *_ = presentations(file)
        add_column(first, "parameter", ["loud"] * len(first["id"]))
        add_column(second, "parameter", np.full(len(second["id"]), 0.5))
        trials = file["intervals/trials"]
        add_column(trials, "pair", [["a", "b"]] * len(trials["id"]))

    tables = read_tables(changed(add))
    assert set(tables["stimulus_presentations"]["parameter"].to_pylist()) >= {"loud", "0.5"}
    assert tables["trials"]["pair"].to_pylist()[0] == ["a", "b"]


def test_column_that_a_newer_release_has_no_more_is_null_and_told(
    changed: Changed, read_tables: ReadTables, caplog: pytest.LogCaptureFixture
) -> None:
    tables = read_tables(changed(lambda file: drop_columns(file["units"], "snr")))
    assert tables["session_units"]["snr"].null_count == tables["session_units"].num_rows > 0
    assert caplog.text.count("has no snr for session_units") == 1


def test_column_of_a_newer_release_is_kept(changed: Changed, read_tables: ReadTables) -> None:
    def add(file: h5py.File) -> None:
        places = ("units", "intervals/trials", "general/extracellular_ephys/electrodes")
        for group in (*(file[place] for place in places), presentations(file)[0]):
            add_column(group, "novelty", np.arange(len(group["id"])) / 4)

    tables = read_tables(changed(add))
    for name in ("session_units", "trials", "session_channels"):
        assert tables[name]["novelty"].to_pylist() == [row / 4 for row in range(tables[name].num_rows)]
    shown = tables["stimulus_presentations"]["novelty"]
    assert 0 < shown.null_count < len(shown)


def test_spikes_out_of_order_are_sorted_with_their_amplitudes(
    changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    def shuffle(file: h5py.File) -> None:
        group = file["units"]
        ends = group["spike_times_index"][:].astype(int)
        rows = np.arange(ends[-1])
        rows[ends[1] : ends[2]] = rows[ends[1] : ends[2]][::-1]
        for name in ("spike_times", "spike_amplitudes"):
            group[name][:] = group[name][:][rows]

    assert read_tables(changed(shuffle))["spike_times"] == unchanged["spike_times"]


def test_units_out_of_order_are_sorted(
    changed: Changed,
    read_tables: ReadTables,
    unchanged: dict[str, pa.Table],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Units that lie scattered in the file, read in slices smaller than some units have spikes."""

    def renumber(file: h5py.File) -> None:
        ids = file["units/id"]
        ids[:] = np.roll(ids[:], 5)[np.argsort(np.arange(len(ids)) % 3, kind="stable")]

    def per_unit(tables: dict[str, pa.Table], name: str) -> dict[int, list[object]]:
        rows = tables[name].to_pylist()
        found: dict[int, list[object]] = {}
        for row in rows:
            found.setdefault(row.pop("unit_id"), []).append(row)
        return found

    path = changed(renumber)
    monkeypatch.setattr(units, "_PIECE_BYTES", 24 * 500)
    tables = read_tables(path)
    with h5py.File(path) as file:
        ids = file["units/id"][:].tolist()
    for name in ("spike_times", "mean_waveforms"):
        assert tables[name]["unit_id"].to_pylist() == sorted(tables[name]["unit_id"].to_pylist())
        in_file = list(per_unit(unchanged, name).values())
        assert per_unit(tables, name) == dict(zip(ids, in_file, strict=True))


def test_pieces_are_bounded(
    sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sample_files["0.5.0", "ecephys_session", "1100000104"]
    whole = read_tables(path)
    monkeypatch.setattr(units, "_PIECE_BYTES", 24 * 2000)
    monkeypatch.setattr(eye_tracking, "_PIECE_ROWS", 100)
    sliced = read_tables(path)
    assert sliced == whole
    counts = whole["spike_times"].group_by("unit_id").aggregate([([], "count_all")])["count_all"].to_pylist()
    assert max(len(chunk) for chunk in sliced["spike_times"]["unit_id"].chunks) <= max(2000, *counts)
    assert sliced["spike_times"]["unit_id"].num_chunks > 5
    assert max(len(chunk) for chunk in sliced["eye_tracking"]["frame"].chunks) == 100


def test_session_without_optotagging(changed: Changed, read_tables: ReadTables) -> None:
    """AllenSDK writes no table of no pulses, and cannot open the file then."""

    def darken(file: h5py.File) -> None:
        del file["processing/optotagging/optogenetic_stimulation"]

    tables = read_tables(changed(darken))
    assert tables["optotagging_table"].num_rows == 0
    assert tables["trials"].num_rows > 0


def test_session_without_eye_tracking(changed: Changed, read_tables: ReadTables) -> None:
    def close(file: h5py.File) -> None:
        del file["acquisition/EyeTracking"], file["processing/eye_tracking_rig_metadata"]

    tables = read_tables(changed(close))
    assert tables["eye_tracking"].num_rows == tables["eye_tracking_rig_geometry"].num_rows == 0


def test_stored_blinks_are_not_believed(
    changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    def invert(file: h5py.File) -> None:
        blinks = file["acquisition/EyeTracking/likely_blink/data"]
        blinks[:] = ~blinks[:]

    assert read_tables(changed(invert))["eye_tracking"] == unchanged["eye_tracking"]


def test_series_of_speed_turn_by_themselves(
    changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    def turn(file: h5py.File) -> None:
        speed = file["processing/running/speed_unfiltered/data"]
        speed[:] = -np.abs(speed[:]) - 2

    tables = read_tables(changed(turn))
    assert tables["running_speed"] == unchanged["running_speed"]
    assert min(tables["raw_running_speed"]["speed"].to_pylist()) >= 2


def test_passive_session_has_no_dprime(changed: Changed, read_tables: ReadTables) -> None:
    def silence(file: h5py.File) -> None:
        trials = file["intervals/trials"]
        trials["reward_volume"][:] = 0
        replace(trials, "lick_times", [""], dtype=h5py.string_dtype())
        replace(trials, "lick_times_index", np.zeros(len(trials["id"]), np.uint8))
        trials["lick_times_index"].attrs["target"] = trials["lick_times"].ref

    tables = read_tables(changed(silence))
    aborted = tables["trials"]["aborted"].to_pylist()
    rates = tables["rolling_performance"]["rolling_dprime"].to_pylist()
    assert rates == [None if gone else 0.0 for gone in aborted]
    assert tables["performance_metrics"]["max_dprime"].to_pylist() == [0.0]


def test_lfp_slabs_and_blocks(
    sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sample_files["0.4.0", "probe_lfp", "1100000104/probeB"]
    whole = read_tables(path, "probe_lfp")
    monkeypatch.setattr(lfp, "_SLAB_BYTES", 1)
    sliced = read_tables(path, "probe_lfp")
    order = [("channel_id", "ascending"), ("block", "ascending")]
    assert sliced["lfp"].sort_by(order) == whole["lfp"].sort_by(order)
    assert max(len(chunk) for chunk in sliced["lfp"]["block"].chunks) == 1
    assert len(set(whole["lfp"]["block"].to_pylist())) == whole["lfp_timestamps"].num_rows > 3


def test_extensions_that_no_object_is_of_are_not_read(
    changed: Changed, read_tables: ReadTables, unchanged: dict[str, pa.Table]
) -> None:
    """The writer puts all that it knows into each file."""

    def spoil(file: h5py.File) -> None:
        file["specifications/ndx-aibs-ophys-event-detection/0.1.0/namespace"][()] = "{"

    assert read_tables(changed(spoil))["trials"] == unchanged["trials"]


def test_nan_is_null_where_sql_would_average_it(
    changed: Changed, sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables, tmp_path: Path
) -> None:
    def blank(file: h5py.File) -> None:
        file["units/spike_amplitudes"][3] = np.nan

    assert read_tables(changed(blank))["spike_times"]["spike_amplitude"].null_count == 1
    probe = tmp_path / "probe_probeB_lfp.nwb"
    shutil.copy(sample_files["0.4.0", "probe_lfp", "1100000104/probeB"], probe)
    probe.chmod(0o644)
    with h5py.File(probe, "r+") as file:
        file["processing/current_source_density/ecephys_csd/current_source_density/data"][5, :2] = np.nan
    assert read_tables(probe, "probe_lfp")["current_source_density"]["csd"].null_count == 2
