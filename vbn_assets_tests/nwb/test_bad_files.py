"""Files that are not what was asked for give one clear `NwbError` each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from vbn_assets.errors import NwbError
from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBN
from vbn_assets_tests.nwb.conftest import Change, replace

Changed = Callable[[Change], Path]

NAME = "ecephys_session_1100000104.nwb of release 0.5.0"


def read(path: Path, expected_id: int | str | None = 1100000104, kind: str = "ecephys_session") -> None:
    with open_session(path, kind=VBN.kind(kind), expected_id=expected_id, release="0.5.0") as session:
        for reading in session.tables():
            for _ in reading.pieces():
                pass


def refusal(path: Path, expected_id: int | None = 1100000104) -> str:
    with pytest.raises(NwbError) as refused:
        read(path, expected_id)
    assert NAME in str(refused.value)
    assert refused.value.remedy
    return str(refused.value)


def put(name: str, value: object) -> Change:
    def change(file: h5py.File) -> None:
        file[name][...] = value

    return change


def remove(name: str) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def test_unchanged_copy_is_read(changed: Changed) -> None:
    read(changed(lambda file: None))


def test_not_hdf5(tmp_path: Path) -> None:
    path = tmp_path / "ecephys_session_1100000104.nwb"
    path.write_bytes(b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>")
    assert "is not HDF5" in refusal(path)
    assert "<?xml" in refusal(path)


def test_empty_and_absent(tmp_path: Path) -> None:
    path = tmp_path / "ecephys_session_1100000104.nwb"
    assert "is not there" in refusal(path)
    path.touch()
    assert "is not HDF5" in refusal(path)


def test_cut_short(changed: Changed) -> None:
    path = changed(lambda file: None)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2)
    assert f"is cut short; expected {size} bytes, found {size // 2}" in refusal(path)


def test_text_that_is_none(changed: Changed) -> None:
    path = changed(lambda file: None)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"noise", b"n\xffise"))
    assert "cannot be read: 'utf-8' codec can't decode byte 0xff" in refusal(path)


def test_hdf5_that_is_no_nwb(tmp_path: Path) -> None:
    path = tmp_path / "ecephys_session_1100000104.nwb"
    with h5py.File(path, "w") as file:
        file["data"] = [1, 2, 3]
    assert "is no NWB file" in refusal(path)


@pytest.mark.parametrize(
    "part",
    [
        "units",
        "intervals/trials",
        "processing/running",
        "general/metadata",
        "general/subject",
        "general/extracellular_ephys/electrodes",
        "general/task_parameters",
        "processing/stimulus/timestamps",
    ],
)
def test_missing_group(part: str, changed: Changed) -> None:
    assert "lacks a part" in refusal(changed(remove(part)))


@pytest.mark.parametrize("part", ["units/spike_times", "processing/running/speed/data", "intervals/trials/catch"])
def test_missing_dataset(part: str, changed: Changed) -> None:
    text = refusal(changed(remove(part)))
    assert "lacks a part" in text


def test_a_column_that_is_gone_is_named_and_nothing_else(changed: Changed) -> None:
    text = refusal(changed(remove("units/snr")))
    assert "'snr'" in text
    assert "GroupBuilder" not in text


def test_another_session_inside(changed: Changed) -> None:
    path = changed(put("identifier", "1100000999"))
    assert "is about another session, probe or plane; expected 1100000104, found 1100000999" in refusal(path)
    read(path, expected_id=None)


def test_identifier_that_is_no_session(changed: Changed) -> None:
    assert "names no session" in refusal(changed(put("identifier", "probeA")), expected_id=None)


def test_index_beyond_the_data(changed: Changed) -> None:
    def lengthen(file: h5py.File) -> None:
        file["units/spike_times_index"][-1] += 1

    text = refusal(changed(lengthen))
    assert "/units/spike_times_index does not fit /units/spike_times; expected an index that rises to " in text
    assert "at its end" in text


def test_index_that_falls(changed: Changed) -> None:
    def shift(file: h5py.File) -> None:
        file["units/spike_times_index"][0] = file["units/spike_times_index"][2]

    assert "found one that falls" in refusal(changed(shift))


def test_spikes_without_amplitudes_boundaries(changed: Changed) -> None:
    def shift(file: h5py.File) -> None:
        file["units/spike_amplitudes_index"][3] -= 1

    assert "spike_amplitudes" in refusal(changed(shift))


def test_data_beyond_the_index(changed: Changed) -> None:
    def lengthen(file: h5py.File) -> None:
        group = file["units"]
        for name in ("spike_times", "spike_amplitudes"):
            replace(group, name, np.append(group[name][:], 9e9))
            group[f"{name}_index"].attrs["target"] = group[name].ref

    assert "/units/spike_times and its index differ" in refusal(changed(lengthen))


def test_columns_of_different_length(changed: Changed) -> None:
    def shorten(file: h5py.File) -> None:
        replace(file["intervals/trials"], "hit", file["intervals/trials/hit"][:-1])

    assert "columns of different length" in refusal(changed(shorten))


def test_truth_that_is_neither(changed: Changed) -> None:
    def doubt(file: h5py.File) -> None:
        name = next(name for name in file["intervals"] if "Images" in name)
        file[f"intervals/{name}/omitted"][3] = 0.5

    assert "omitted that is neither 0 nor 1" in refusal(changed(doubt))


def test_a_reading_that_fails_leaves_the_others(changed: Changed) -> None:
    path = changed(put("units/spike_amplitudes_index", 0))
    with open_session(path, kind=VBN.sessions, expected_id=1100000104, release="0.5.0") as session:
        readings = {reading.table.name: reading for reading in session.tables()}
        with pytest.raises(NwbError, match="spike_amplitudes"):
            list(readings["spike_times"].pieces())
        assert sum(piece.num_rows for piece in readings["trials"].pieces()) > 0


def test_task_without_a_parameter(changed: Changed) -> None:
    def forget(file: h5py.File) -> None:
        del file["general/task_parameters"].attrs["response_window_sec"]

    text = refusal(changed(forget))
    assert "response_window_sec" in text


def test_session_type_that_names_no_images(changed: Changed) -> None:
    def rename(file: h5py.File) -> None:
        file["general/task_parameters"].attrs["session_type"] = "EPHYS_1"

    assert "names no image set" in refusal(changed(rename))


def test_eye_tracking_of_different_length(changed: Changed) -> None:
    def shorten(file: h5py.File) -> None:
        pupil = file["acquisition/EyeTracking/pupil_tracking"]
        replace(pupil, "area_raw", pupil["area_raw"][:-1])

    assert "eye tracking of different length" in refusal(changed(shorten))


LFP = "acquisition/probe_1100000308_lfp/probe_1100000308_lfp_data"


@pytest.fixture
def lfp(tmp_path: Path, sample_files: dict[tuple[str, str, str], Path]) -> Callable[..., str]:
    """The refusal of a changed LFP file."""

    def refuse(how: Change, expected_id: str = "1100000104/probeB") -> str:
        path = tmp_path / "probe_probeB_lfp.nwb"
        shutil.copy(sample_files["0.4.0", "probe_lfp", "1100000104/probeB"], path)
        path.chmod(0o644)
        with h5py.File(path, "r+") as file:
            how(file)
        with pytest.raises(NwbError) as refused:
            read(path, expected_id, "probe_lfp")
        return str(refused.value)

    return refuse


def test_lfp_of_another_probe(lfp: Callable[..., str]) -> None:
    text = lfp(lambda file: None, "1100000104/probeA")
    assert "is about another session, probe or plane; expected probeA, found probeB" in text


def test_lfp_without_its_series(lfp: Callable[..., str]) -> None:
    assert "lacks a part" in lfp(remove("acquisition/probe_1100000308_lfp"))


def test_lfp_with_too_few_times(lfp: Callable[..., str]) -> None:
    def shorten(file: h5py.File) -> None:
        replace(file[LFP], "timestamps", file[f"{LFP}/timestamps"][:-1])

    assert "LFP and times of different length" in lfp(shorten)


def test_lfp_that_would_lose_digits(lfp: Callable[..., str]) -> None:
    text = lfp(lambda file: replace(file[LFP], "data", file[f"{LFP}/data"][:].astype("f8") / 3))
    assert "LFP that float32 cannot hold" in text


def test_lfp_of_other_channels(lfp: Callable[..., str]) -> None:
    def narrow(file: h5py.File) -> None:
        replace(file[LFP], "data", file[f"{LFP}/data"][:, :-1])

    assert "LFP of other channels" in lfp(narrow)
