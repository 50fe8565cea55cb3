"""Generated files of Visual Behavior Ophys are of the planned size and are read like published ones."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBO
from vbn_assets.sample.plane_file import PlaneIds, PlaneSizes, write_plane, write_training_session

IDS = PlaneIds(1400000001, 1410000001, 1420000001, 1430000001, 800001)
SIZES = PlaneSizes(cells=14, field_of_view=(64, 96), images=310, movie_frames=45, running_rows=15_000, trials=25)


def read(path: Path, kind: str, id: int) -> dict[str, pa.Table]:
    with open_session(path, kind=VBO.kind(kind), expected_id=id, release="1.1.0") as session:
        return {reading.table.name: pa.concat_tables(reading.pieces()) for reading in session.tables()}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    path = tmp_path_factory.mktemp("planes") / "plane.nwb"
    write_plane(path, IDS, SIZES, seed=0)
    return read(path, "ophys_experiment", IDS.ophys_experiment_id)


def test_plane_is_of_the_planned_size(plane: dict[str, pa.Table]) -> None:
    rows = {name: table.num_rows for name, table in plane.items()}
    assert rows["trials"] == SIZES.trials
    assert rows["running_speed"] == rows["eye_tracking"] == SIZES.running_rows
    of_cells = ("dff_traces", "demixed_traces", "neuropil_traces", "events", "roi_masks", "cell_specimen_table")
    assert {rows[name] for name in (*of_cells, "corrected_fluorescence_traces")} == {SIZES.cells}
    frames = rows["ophys_timestamps"]
    assert frames == int(SIZES.running_rows / 60 * plane["experiment_metadata"]["ophys_frame_rate"][0].as_py())
    assert {len(trace) for trace in plane["dff_traces"]["dff"].to_pylist()} == {frames}
    assert rows["motion_correction"] == frames
    assert np.shape(plane["roi_masks"]["roi_mask"].to_pylist()) == (SIZES.cells, *SIZES.field_of_view)


def test_stimuli_are_where_they_belong(plane: dict[str, pa.Table]) -> None:
    shown = plane["stimulus_presentations"]
    blocks = shown.group_by("stimulus_block_name").aggregate([([], "count_all")]).to_pylist()
    assert {row["stimulus_block_name"]: row["count_all"] for row in blocks} == {
        "initial_gray_screen_5min": 1,
        "change_detection_behavior": SIZES.images,
        "post_behavior_gray_screen_5min": 1,
        "natural_movie_one": SIZES.movie_frames,
    }
    assert shown["stimulus_block"].to_pylist() == sorted(shown["stimulus_block"].to_pylist())
    trials = shown.filter(shown["active"])["trials_id"].to_pylist()
    assert set(trials) == {-99, *range(SIZES.trials)}
    assert set(shown["trials_id"].to_pylist()) == set(trials)


def test_planes_of_a_session_say_the_same_of_its_behavior(plane: dict[str, pa.Table], tmp_path: Path) -> None:
    other = replace(IDS, ophys_experiment_id=1400000002)
    write_plane(tmp_path / "other.nwb", other, SIZES, seed=0)
    tables = read(tmp_path / "other.nwb", "ophys_experiment", other.ophys_experiment_id)
    for table in VBO.kind("behavior_session").tables:
        assert tables[table.name] == plane[table.name], table.name
    assert tables["dff_traces"]["dff"] != plane["dff_traces"]["dff"]


def test_same_arguments_write_the_same_values(plane: dict[str, pa.Table], tmp_path: Path) -> None:
    write = partial(write_plane, tmp_path / "again.nwb", IDS, SIZES)
    write(seed=0)
    assert read(tmp_path / "again.nwb", "ophys_experiment", IDS.ophys_experiment_id) == plane
    write(seed=1)
    assert read(tmp_path / "again.nwb", "ophys_experiment", IDS.ophys_experiment_id) != plane


def test_training_session(tmp_path: Path) -> None:
    write_training_session(tmp_path / "training.nwb", 1420000077, 800002)
    tables = read(tmp_path / "training.nwb", "behavior_session", 1420000077)
    assert tables["session_metadata"]["mouse_id"].to_pylist() == ["800002"]
    assert tables["trials"].num_rows > 0
