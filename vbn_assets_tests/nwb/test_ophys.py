"""What the files of Visual Behavior Ophys say equals what AllenSDK returns, to the last bit.

For a plane of several, a single plane that was watched passively without eye tracking, and two training sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBO
from vbn_assets_tests.golden import golden, golden_dtypes
from vbn_assets_tests.nwb.conftest import ReadTables
from vbn_assets_tests.nwb.test_session import exactly

Files = dict[tuple[str, str, str], Path]
Read = Callable[[str, int], dict[str, pa.Table]]

RELEASE = "1.1.0"
PLANES = [("ophys_experiment", 1100009101), ("ophys_experiment", 1100009103)]
FILES = [*PLANES, ("behavior_session", 1100009011), ("behavior_session", 1100009012)]
BEHAVIOR = {
    **{name: name for name in ("trials", "stimulus_presentations", "licks", "rewards", "running_speed")},
    "raw_running_speed": "raw_running_speed",
    "eye_tracking": "eye_tracking",
    "rolling_performance": "get_rolling_performance_df",
}
PLANE = (
    "dff_traces",
    "corrected_fluorescence_traces",
    "demixed_traces",
    "neuropil_traces",
    "events",
    "cell_specimen_table",
    "motion_correction",
)
DICTS = {"task_parameters": "task_parameters", "performance_metrics": "get_performance_metrics"}
IDS = {"behavior_session_id", "ophys_session_id", "ophys_experiment_id"}
COMPUTED = {"is_change_in_behavior_session", "flashes_since_change_in_behavior_session", "frame"}
OF_MACHINE = "filtered_events"
"""AllenSDK's last bits of these differ from processor to processor, with NumPy's exp and the BLAS its sums are from."""


@pytest.fixture(scope="module")
def read(sample_files: Files, read_tables: ReadTables) -> Read:
    return cache(lambda kind, id: read_tables(sample_files[RELEASE, kind, str(id)], kind, VBO))


def same_frame(ours: pa.Table, name: str, id: int, kind: str) -> None:
    expected = golden(RELEASE, name, id, kind)
    index = golden_dtypes(RELEASE, name, id, kind)["index_name"]
    names = expected.column_names[0 if index else 1 :]
    for column in set(names) - {OF_MACHINE}:
        assert exactly(ours[column].to_pylist()) == exactly(expected[column].to_pylist()), column
    for column in set(ours.column_names) - set(names) - IDS - COMPUTED:
        assert ours[column].null_count == ours.num_rows, column


@pytest.mark.parametrize("table", BEHAVIOR)
@pytest.mark.parametrize(("kind", "id"), FILES)
def test_behavior_frame(kind: str, id: int, table: str, read: Read) -> None:
    same_frame(read(kind, id)[table], BEHAVIOR[table], id, kind)


@pytest.mark.parametrize("table", PLANE)
@pytest.mark.parametrize(("kind", "id"), PLANES)
def test_plane_frame(kind: str, id: int, table: str, read: Read) -> None:
    same_frame(read(kind, id)[table], table, id, kind)


@pytest.mark.parametrize(("kind", "id"), PLANES)
def test_filtered_events(kind: str, id: int, read: Read) -> None:
    expected = np.array(golden(RELEASE, "events", id, kind)[OF_MACHINE].to_pylist())
    ours = np.array(read(kind, id)["events"][OF_MACHINE].to_pylist())
    assert (np.abs(ours - expected) <= 4 * np.spacing(expected)).all()
    assert ours.any()


@pytest.mark.parametrize(("kind", "id"), PLANES)
def test_images(kind: str, id: int, read: Read) -> None:
    (row,) = read(kind, id)["projections"].to_pylist()
    facts = golden(RELEASE, "image_facts", id, kind)
    for name, pixels in golden(RELEASE, "images", id, kind).items():
        assert row[name] == pixels.tolist()
        assert facts[name] == {"spacing": [row["spacing"]] * 2, "unit": row["unit"]}
    masks = golden(RELEASE, "roi_masks", id, kind)
    rows = read(kind, id)["roi_masks"].to_pylist()
    assert [row["cell_roi_id"] for row in rows] == list(masks)
    assert [row["roi_mask"] for row in rows] == [mask.tolist() for mask in masks.values()]


@pytest.mark.parametrize(("kind", "id"), FILES)
def test_stimulus_images(kind: str, id: int, sample_files: Files) -> None:
    expected = golden(RELEASE, "stimulus_templates", id, kind)
    path = sample_files[RELEASE, kind, str(id)]
    with open_session(path, kind=VBO.kind(kind), expected_id=id, release=RELEASE) as session:
        (reading,) = (reading for reading in session.tables() if reading.table.name == "session_images")
        named = pa.concat_tables(reading.pieces())
        images = [pa.concat_tables(image.pieces()).to_pylist()[0] for image in session.images(named)]
    for name, image in zip(named["image_name"].to_pylist(), images, strict=True):
        for column in ("warped", "unwarped"):
            assert exactly(image[column]) == exactly(expected.pop(f"{column}/{name}").tolist())
    assert not expected


@pytest.mark.parametrize("table", DICTS)
@pytest.mark.parametrize(("kind", "id"), FILES)
def test_dict(kind: str, id: int, table: str, read: Read) -> None:
    (ours,) = read(kind, id)[table].to_pylist()
    expected = golden(RELEASE, DICTS[table], id, kind)
    assert {n: exactly(v) for n, v in ours.items() if n not in IDS} == {n: exactly(v) for n, v in expected.items()}


@pytest.mark.parametrize(("kind", "id"), FILES)
def test_rig_geometry(kind: str, id: int, read: Read) -> None:
    rows = read(kind, id)["eye_tracking_rig_geometry"].to_pylist()
    expected = golden(RELEASE, "eye_tracking_rig_geometry", id, kind)
    assert [{n: v for n, v in row.items() if n not in IDS} for row in rows] == ([expected] if expected else [])


@pytest.mark.parametrize(("kind", "id"), FILES)
def test_metadata(kind: str, id: int, read: Read) -> None:
    tables = read(kind, id)
    ours = {name: tables[name].to_pylist()[0] for name in ("session_metadata", "experiment_metadata") if name in tables}
    merged = {name: value for row in ours.values() for name, value in row.items()}
    merged["date_of_acquisition"] = merged["date_of_acquisition"].isoformat()
    expected = golden(RELEASE, "metadata", id, kind)
    # The lake's folders have the ids that tables are kept by.
    for name in expected.keys() - {"behavior_session_id", "ophys_experiment_id"}:
        assert merged[name] == expected[name], name
    assert set(merged) - set(expected) == ({"ophys_session_id"} if kind == "behavior_session" else set())


@pytest.mark.parametrize(("kind", "id"), FILES)
def test_series(kind: str, id: int, read: Read) -> None:
    tables = read(kind, id)
    for name in ("stimulus_timestamps", *(["ophys_timestamps"] if kind == "ophys_experiment" else [])):
        times = golden(RELEASE, name, id, kind)["value"]
        assert tables[name]["timestamps"].to_numpy().tobytes() == times.tobytes()
        assert tables[name]["frame"].to_pylist() == list(range(len(times)))
    rates = golden(RELEASE, "get_reward_rate", id, kind)["value"]
    assert exactly(tables["rolling_performance"]["reward_rate"].to_pylist()) == exactly(rates.tolist())


def test_ids(sample_files: Files, read: Read) -> None:
    path = sample_files[RELEASE, "ophys_experiment", "1100009101"]
    with open_session(path, kind=VBO.kind("ophys_experiment"), expected_id=1100009101, release=RELEASE) as session:
        assert session.ids == {
            "ophys_experiment_id": 1100009101,
            "ophys_session_id": 1100009201,
            "behavior_session_id": 1100009001,
        }
        assert {reading.table.name for reading in session.tables()} == {table.name for table in VBO.kinds[1].tables}
    for table in read("ophys_experiment", 1100009101).values():
        if "ophys_session_id" in table.column_names:
            assert set(table["ophys_session_id"].to_pylist()) <= {1100009201}
    for table in read("behavior_session", 1100009011).values():
        assert table["ophys_session_id"].null_count == table.num_rows
