"""What is read beside pynwb is what pynwb's objects say, and pynwb is asked about a file only when it is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from pynwb import NWBHDF5IO, NWBFile

from vbn_assets.errors import NwbError
from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBN, VBO, Project
from vbn_assets_tests.nwb.conftest import Change, ReadTables

Changed = Callable[[Change], Path]
Files = dict[tuple[str, str, str], Path]

FILES = [
    (VBN, "0.3.0", "ecephys_session", "1100000103"),
    (VBN, "0.5.0", "ecephys_session", "1100000104"),
    (VBN, "0.4.0", "behavior_session", "1100000213"),
    (VBN, "0.4.0", "probe_lfp", "1100000104/probeB"),
    (VBO, "1.1.0", "behavior_session", "1100009011"),
    (VBO, "1.1.0", "ophys_experiment", "1100009101"),
]
METADATA, SUBJECT = "general/metadata", "general/subject"


@contextmanager
def by_pynwb(path: Path) -> Iterator[NWBFile]:
    with h5py.File(path, "r", locking=False) as h5, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield NWBHDF5IO(file=h5, mode="r", load_namespaces=True).read()


@pytest.mark.parametrize(("project", "release", "kind", "id"), FILES)
def test_small_things_are_pynwbs(
    project: Project, release: str, kind: str, id: str, sample_files: Files, read_tables: ReadTables
) -> None:
    path = sample_files[release, kind, id]
    tables = read_tables(path, kind, project)
    with by_pynwb(path) as nwb, open_session(path, kind=project.kind(kind), expected_id=id, release=release) as session:
        metadata, subject = nwb.lab_meta_data["metadata"], nwb.subject
        assert session.ids[project.kind(kind).id_column] == int(nwb.identifier)
        assert session.ids["behavior_session_id"] == metadata.behavior_session_id
        if "session_metadata" in tables:
            (row,) = tables["session_metadata"].to_pylist()
            assert row["date_of_acquisition"] == nwb.session_start_time
            assert row["driver_line"] == (None if subject.driver_line is None else sorted(subject.driver_line))
            assert row["reporter_line"] == (None if subject.reporter_line == "None" else subject.reporter_line)
            assert (row["sex"], row["mouse_id"], row["full_genotype"]) == (
                subject.sex,
                subject.subject_id,
                subject.genotype,
            )
            assert subject.age == f"P{row['age_in_days']}D"
            for name in ("equipment_name", "session_type", "project_code", "stimulus_frame_rate"):
                assert row[name] == getattr(metadata, name), name
        if "session_probes" in tables:
            for probe, group in zip(tables["session_probes"].to_pylist(), nwb.electrode_groups.values(), strict=True):
                assert (probe["id"], probe["name"], probe["location"]) == (group.probe_id, group.name, group.location)
                assert probe["sampling_rate"] == group.device.sampling_rate
                assert np.array_equal([probe["lfp_sampling_rate"] or np.nan], [group.lfp_sampling_rate], equal_nan=True)
                assert probe["has_lfp_data"] == group.has_lfp_data
        if "experiment_metadata" in tables:
            (row,) = tables["experiment_metadata"].to_pylist()
            plane = nwb.processing["ophys"]["image_segmentation"]["cell_specimen_table"].imaging_plane
            assert session.ids["ophys_session_id"] == metadata.ophys_session_id
            assert row["emission_lambda"] == plane.optical_channel[0].emission_lambda
            assert row["targeted_structure"] == plane.location
            assert row["ophys_container_id"] == metadata.ophys_container_id


def test_nobody_asks_pynwb_about_a_good_file(sample_files: Files, tmp_path: Path) -> None:
    script = (
        "import sys; from vbn_assets.cli import main\n"
        "try: main()\n"
        "finally: print({'pynwb', 'hdmf', 'dagster', 'boto3', 'urllib3'} & {*sys.modules})"
    )
    file = sample_files["0.5.0", "ecephys_session", "1100000104"]
    done = subprocess.run(
        [sys.executable, "-c", script, "extract", str(file)],
        env={"VBN_DATA_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("set()\n")


@pytest.fixture
def refused(changed: Changed, read_tables: ReadTables) -> Callable[[Change], str]:
    """What a changed session file is refused for."""

    def refuse(how: Change) -> str:
        path = changed(how)
        with pytest.raises(NwbError) as error:
            read_tables(path)
        return str(error.value)

    return refuse


def test_pynwb_says_what_is_wrong(refused: Callable[[Change], str]) -> None:
    def forget(file: h5py.File) -> None:
        del file[METADATA].attrs["equipment_name"]

    text = refused(forget)
    assert "expected the attribute equipment_name of /general/metadata, found none (pynwb: " in text
    assert "missing argument 'equipment_name'" in text


def test_pynwb_opens_what_is_of_another_shape(refused: Callable[[Change], str]) -> None:
    def forget(file: h5py.File) -> None:
        del file["processing/running"]

    assert "expected the group /processing/running, found none (pynwb opens it: " in refused(forget)


def test_hdf5_of_an_older_format(refused: Callable[[Change], str]) -> None:
    def age(file: h5py.File) -> None:
        file.attrs["nwb_version"] = "1.0.6"

    assert "is no NWB file; expected an NWBFile of NWB 2, found nwb_version 1.0.6" in refused(age)


@pytest.mark.parametrize(
    ("group", "name", "value", "found"),
    [
        (METADATA, "behavior_session_id", "none", "'none'"),
        (METADATA, "session_type", 7, "np.int64(7)"),
        (METADATA, "stimulus_frame_rate", [1.0, 2.0], "array([1., 2.])"),
        ("general/extracellular_ephys/probeB", "probe_id", "B", "'B'"),
    ],
)
def test_attribute_of_another_type(
    group: str, name: str, value: object, found: str, refused: Callable[[Change], str]
) -> None:
    def confuse(file: h5py.File) -> None:
        file[group].attrs[name] = value

    assert f"expected the attribute {name} of /{group}, found {found}" in refused(confuse)


def test_start_that_is_no_time(refused: Callable[[Change], str]) -> None:
    def confuse(file: h5py.File) -> None:
        file["session_start_time"][()] = "on a Monday"

    assert "expected an ISO 8601 time in /session_start_time, found 'on a Monday'" in refused(confuse)


def test_texts_of_fixed_length(changed: Changed, sample_files: Files, read_tables: ReadTables) -> None:
    def fix(file: h5py.File) -> None:
        for name in ("identifier", "session_start_time", f"{SUBJECT}/genotype", f"{SUBJECT}/age"):
            text = file[name][()]
            del file[name]
            file[name] = np.bytes_(text)
        attributes = file[METADATA].attrs
        attributes["session_type"] = np.bytes_(attributes["session_type"])
        attributes = file[SUBJECT].attrs
        attributes["driver_line"] = attributes["driver_line"].astype("S")

    fixed = read_tables(changed(fix))["session_metadata"]
    assert fixed == read_tables(sample_files["0.5.0", "ecephys_session", "1100000104"])["session_metadata"]


def test_start_without_a_zone_is_this_machines(changed: Changed, read_tables: ReadTables) -> None:
    def forget(file: h5py.File) -> None:
        file["session_start_time"][()] = file["session_start_time"].asstr()[()].replace("+00:00", "")

    path = changed(forget)
    with by_pynwb(path) as nwb:
        assert read_tables(path)["session_metadata"]["date_of_acquisition"].to_pylist() == [nwb.session_start_time]


def test_mouse_of_which_little_is_known(changed: Changed, read_tables: ReadTables) -> None:
    def forget(file: h5py.File) -> None:
        for name in ("sex", "age", "genotype"):
            del file[f"{SUBJECT}/{name}"]
        del file[SUBJECT].attrs["driver_line"]

    (row,) = read_tables(changed(forget))["session_metadata"].to_pylist()
    unknown = ("sex", "age_in_days", "cre_line", "full_genotype", "driver_line")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert row["mouse_id"] is not None
