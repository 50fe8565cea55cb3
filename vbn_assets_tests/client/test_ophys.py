"""The ophys project cache and its sessions give what AllenSDK gives: names, order, types, values and warnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from vbn_assets.client import (
    BehaviorCloudCacheVersionException,
    BehaviorOphysExperiment,
    BehaviorSession,
    UpdatedStimulusPresentationTableWarning,
    VisualBehaviorOphysProjectCache,
    natural_movie,
)
from vbn_assets.client.frames import to_frame
from vbn_assets.client.image import Image
from vbn_assets.client.metadata_frames import metadata_frame
from vbn_assets.errors import FileGone, NwbError, VbnError
from vbn_assets.nwb import traces
from vbn_assets.sample.history import file_hash
from vbn_assets.sample.process import SampleProcess
from vbn_assets_tests.client.against_allensdk import ask, assert_array, assert_frame, exactly
from vbn_assets_tests.golden import FOLDER, golden, golden_dtypes

Cache = VisualBehaviorOphysProjectCache

RELEASE = "1.1.0"
PLANES = (1100009101, 1100009103)
"""A plane of several, and a single one that was watched passively."""
SESSIONS = (1100009011, 1100009012)
BEHAVIOR = (
    "licks",
    "rewards",
    "running_speed",
    "raw_running_speed",
    "eye_tracking",
    "trials",
    "stimulus_presentations",
    "get_rolling_performance_df",
)
CELLS = ("dff_traces", "corrected_fluorescence_traces", "demixed_traces", "neuropil_traces", "motion_correction")
DICTS = ("metadata", "task_parameters", "get_performance_metrics", "eye_tracking_rig_geometry")
TABLES = (
    "get_behavior_session_table",
    "get_ophys_session_table",
    "get_ophys_experiment_table",
    "get_ophys_cells_table",
)

pytestmark = pytest.mark.filterwarnings("ignore::vbn_assets.client.UpdatedStimulusPresentationTableWarning")


def manifest(version: str) -> str:
    return f"visual-behavior-ophys_project_manifest_v{version}.json"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Cache:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("VBN_DATA_DIR", raising=False)
        environment.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
        return Cache.from_s3_cache(tmp_path_factory.mktemp("ophys") / "cache")


@pytest.fixture(scope="module")
def planes(cache: Cache) -> dict[int, BehaviorOphysExperiment]:
    return {id: cache.get_behavior_ophys_experiment(id) for id in PLANES}


@pytest.mark.parametrize("name", TABLES)
def test_tables(cache: Cache, name: str) -> None:
    frame = getattr(cache, name)()
    expected, types = golden(RELEASE, name), golden_dtypes(RELEASE, name)
    assert (frame.index.name, str(frame.index.dtype)) == (types["index_name"], types["index_dtype"])
    # AllenSDK has the columns that it does not know in another order each time.
    assert {str(column): str(dtype) for column, dtype in frame.dtypes.items()} == dict(types["columns"])
    assert frame.index.tolist() == expected[types["index_name"]].to_pylist()
    for column in frame.columns:
        ours, theirs = frame[column].tolist(), expected[column].to_pylist()
        if column == "date_of_acquisition":
            assert [value.to_pydatetime() for value in ours] == theirs
        else:
            assert exactly(ours) == exactly(theirs), column
    for column, kinds in types["null_kinds"].items():
        assert sorted({type(value).__name__ for value in frame[column]}) == kinds, column


def test_tables_have_allensdk_s_order(cache: Cache) -> None:
    sessions = cache.get_behavior_session_table(suppress=["sex"], include_trial_metrics=True)
    assert list(sessions)[:4] == ["ophys_session_id", "ophys_container_id", "mouse_id", "indicator"]
    experiments = cache.get_ophys_experiment_table()
    assert list(experiments)[:3] == ["behavior_session_id", "ophys_session_id", "ophys_container_id"]


def test_tables_are_the_callers_own(cache: Cache) -> None:
    cells = cache.get_ophys_cells_table()
    cells["ophys_experiment_id"] = 0
    assert cache.get_ophys_cells_table()["ophys_experiment_id"].all()


def test_lists_and_gaps_of_a_table() -> None:
    rows = pa.table({"id": [1, 2], "lists": pa.array([[1, 2], None]), "count": pa.array([None, 3], pa.int64())})
    frame = metadata_frame(rows, "id", {"count", "lists"})
    assert frame["lists"].iloc[0] == [1, 2]
    assert np.isnan(frame["lists"].iloc[1])
    assert str(frame["count"].dtype) == "Int64"


@pytest.mark.parametrize("name", BEHAVIOR)
@pytest.mark.parametrize("id", PLANES)
def test_behavior_of_a_plane(planes: dict[int, BehaviorOphysExperiment], id: int, name: str) -> None:
    assert_frame(ask(planes[id], name), RELEASE, name, id, "ophys_experiment")


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("id", PLANES)
def test_cells(planes: dict[int, BehaviorOphysExperiment], id: int, name: str) -> None:
    assert_frame(ask(planes[id], name), RELEASE, name, id, "ophys_experiment")


@pytest.mark.parametrize("id", PLANES)
def test_cell_specimen_table(planes: dict[int, BehaviorOphysExperiment], id: int) -> None:
    cells = planes[id].cell_specimen_table
    assert list(cells)[-1] == "roi_mask"
    assert_frame(cells.drop(columns="roi_mask"), RELEASE, "cell_specimen_table", id, "ophys_experiment")
    masks = golden(RELEASE, "roi_masks", id, "ophys_experiment")
    for frame in (cells, planes[id].roi_masks):
        assert frame["cell_roi_id"].tolist() == list(masks)
        for ours, theirs in zip(frame["roi_mask"], masks.values(), strict=True):
            assert_array(ours, theirs)
    assert list(planes[id].roi_masks) == ["cell_roi_id", "roi_mask"]


@pytest.mark.parametrize("id", PLANES)
def test_events(planes: dict[int, BehaviorOphysExperiment], id: int) -> None:
    events = planes[id].events
    expected = golden(RELEASE, "events", id, "ophys_experiment")
    dtypes = golden_dtypes(RELEASE, "events", id, "ophys_experiment")
    assert [[name, str(dtype)] for name, dtype in events.dtypes.items()] == dtypes["columns"]
    for name in ("events", "lambda", "noise_std", "cell_roi_id"):
        assert exactly(events[name].tolist()) == exactly(expected[name].to_pylist())
    ours, theirs = (np.stack(rows["filtered_events"].tolist()) for rows in (events, expected.to_pandas()))
    assert (np.abs(ours - theirs) <= 4 * np.spacing(theirs)).all(), "the last bits are the processor's"


@pytest.mark.parametrize("id", PLANES)
def test_images(planes: dict[int, BehaviorOphysExperiment], id: int) -> None:
    facts = golden(RELEASE, "image_facts", id, "ophys_experiment")
    for name, pixels in golden(RELEASE, "images", id, "ophys_experiment").items():
        image = getattr(planes[id], name)
        assert_array(image.data, pixels)
        assert {"spacing": list(image.spacing), "unit": image.unit} == facts[name]
        assert_array(np.asarray(image), pixels)
    assert planes[id].get_segmentation_mask_image() == planes[id].segmentation_mask_image
    assert planes[id].max_projection != planes[id].average_projection


@pytest.mark.parametrize("id", PLANES)
def test_series(planes: dict[int, BehaviorOphysExperiment], id: int) -> None:
    for name in ("ophys_timestamps", "stimulus_timestamps", "get_reward_rate"):
        assert_array(ask(planes[id], name), golden(RELEASE, name, id, "ophys_experiment")["value"])


@pytest.mark.parametrize("name", DICTS)
@pytest.mark.parametrize("id", PLANES)
def test_dicts(planes: dict[int, BehaviorOphysExperiment], id: int, name: str) -> None:
    ours = dict(ask(planes[id], name))
    if name == "metadata":
        ours["date_of_acquisition"] = ours["date_of_acquisition"].isoformat()
        ours["behavior_session_uuid"] = str(ours["behavior_session_uuid"])
    assert exactly(ours) == exactly(golden(RELEASE, name, id, "ophys_experiment"))


@pytest.mark.parametrize("id", SESSIONS)
def test_training_sessions(cache: Cache, id: int) -> None:
    session = cache.get_behavior_session(id)
    assert session.behavior_session_id == id
    for name in BEHAVIOR:
        assert_frame(ask(session, name), RELEASE, name, id, "behavior_session")
    for name in DICTS[1:]:
        assert exactly(ask(session, name)) == exactly(golden(RELEASE, name, id, "behavior_session"))


def test_behavior_of_an_ophys_session_is_its_first_plane_s(cache: Cache) -> None:
    session = cache.get_behavior_session(1100009001)
    assert session.behavior_session_id == 1100009001
    assert not isinstance(session, BehaviorOphysExperiment)
    assert len(session.metadata) == 14
    assert_frame(session.trials, RELEASE, "trials", 1100009101, "ophys_experiment")
    assert "experiment_1100009101.nwb?versionId=" in cache.get_behavior_session_url(1100009001)
    assert cache.get_behavior_ophys_experiment_url(1100009102).count("1100009102") == 1


def test_what_is_listed_gives_data(planes: dict[int, BehaviorOphysExperiment]) -> None:
    plane = planes[1100009101]
    names = plane.list_data_attributes_and_methods()
    assert len(names) == 34, "all of AllenSDK's but update_targeted_imaging_depth, which asks Allen's own database"
    assert (plane.ophys_experiment_id, plane.ophys_session_id) == (1100009101, 1100009201)
    assert plane.behavior_session_id == 1100009001
    assert all(getattr(plane, name) is not None for name in names)


@pytest.mark.filterwarnings("ignore::numpy.exceptions.VisibleDeprecationWarning")
def test_older_interface(planes: dict[int, BehaviorOphysExperiment]) -> None:
    plane = planes[1100009101]
    ids = plane.get_cell_specimen_ids()
    assert ids.tolist() == plane.cell_specimen_table.index.tolist()
    assert plane.get_cell_specimen_indices(ids[[3, 1]]) == [3, 1]
    times, all_of_them = plane.get_dff_traces()
    assert_array(times, plane.ophys_timestamps)
    assert all_of_them.shape == (9, 1874)
    assert_array(plane.get_dff_traces(ids[[3, 1]])[1], all_of_them[[1, 3]])
    with pytest.raises(KeyError, match="17"):
        plane.get_dff_traces([17])
    with pytest.warns(np.exceptions.VisibleDeprecationWarning, match="get_dff_traces is provided for backward"):
        plane.get_dff_traces()


def test_frames_are_copies(planes: dict[int, BehaviorOphysExperiment]) -> None:
    plane = planes[1100009101]
    for name in ("dff_traces", "roi_masks", "cell_specimen_table"):
        frame = getattr(plane, name)
        frame["cell_roi_id"] = 0
        assert getattr(plane, name)["cell_roi_id"].all()


def test_warns_of_presentations_and_of_what_is_unknown(cache: Cache, folder: Path) -> None:
    with pytest.warns(UpdatedStimulusPresentationTableWarning, match="change_detection"):
        Cache.from_s3_cache(folder)
    with pytest.raises(RuntimeError, match="ophys_experiment_table should have 1 and only 1 entry"):
        cache.get_behavior_ophys_experiment(1)
    with pytest.raises(RuntimeError, match=r"behavior_session_table .*id=2\..* nearest"):
        cache.get_behavior_session(2)


@pytest.mark.filterwarnings("ignore::vbn_assets.client.OutdatedManifestWarning")
def test_releases_that_allensdk_refuses(cache: Cache) -> None:
    assert manifest("0.3.0") in cache.list_manifest_file_names()
    with pytest.raises(BehaviorCloudCacheVersionException, match=r"1\.0\.0 <= X < 2\.0\.0"):
        cache.load_manifest(manifest("0.3.0"))
    assert cache.current_manifest() == manifest("1.1.0")


def test_values_in_the_file_s_type() -> None:
    pixels = pa.array([[1.5, 2.5]], pa.list_(pa.float64()))
    field = pa.field("trace", pixels.type, metadata={traces.STORED_AS: "float32"})
    frame = to_frame(pa.table([pixels], schema=pa.schema([field])))
    assert frame["trace"][0].dtype == np.float32


def test_images_are_compared_by_what_they_show() -> None:
    image = Image(np.ones((2, 3)), (0.1, 0.1))
    assert image == Image(np.ones((2, 3)), (0.1, 0.1))
    assert image != Image(np.zeros((2, 3)), (0.1, 0.1))
    assert image != Image(np.ones((2, 3)), (0.2, 0.2))
    assert image != "an image"


def test_natural_movie(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The released movie is not in the sample; another one is believed only with its own hash."""
    with pytest.raises(FileGone, match="Movie_TOE1"):
        cache.get_raw_natural_movie()
    frames = np.arange(24, dtype=np.uint8).reshape(1, 4, 6)
    path = cache._workspace.mirror.path(natural_movie.MOVIE)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, frames)
    monkeypatch.setattr(natural_movie, "MOVIE", replace(natural_movie.MOVIE, file_hash=file_hash(path)))
    assert_array(cache.get_raw_natural_movie(), frames)
    template = cache.get_natural_movie_template(n_workers=2)
    assert (template.index.name, str(template.index.dtype), len(template)) == ("movie_frame_index", "int64", 1)
    assert [(template[name][0].dtype, template[name][0].shape) for name in template] == [
        (np.float64, (1200, 1920)),
        (np.uint8, (1200, 1920)),
    ]


def test_a_frame_of_the_movie_on_the_monitor() -> None:
    expected = np.load(FOLDER / RELEASE / "natural_movie.npz")
    template = natural_movie.movie_template([expected["frame"]])
    for name in template:
        assert_array(np.ascontiguousarray(template[name][0][::7, ::11]), expected[name])


def test_natural_movie_that_is_none(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    text = replace(natural_movie.MOVIE, key="visual-behavior-ophys/resources/text.npy")
    path = cache._workspace.mirror.path(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("no array")
    monkeypatch.setattr(natural_movie, "MOVIE", replace(text, file_hash=file_hash(path)))
    with pytest.raises(VbnError, match=r"text\.npy.* is no movie"):
        cache.get_raw_natural_movie()


def test_sql_of_all_planes(cache: Cache, planes: dict[int, BehaviorOphysExperiment]) -> None:
    sampled = cache.sql(
        "SELECT timestamps, dff FROM vbo.dff_samples "
        "WHERE ophys_experiment_id = 1100009101 AND cell_roi_id = 1100009402 ORDER BY frame"
    )
    plane = planes[1100009101]
    assert sampled["timestamps"].tolist() == plane.ophys_timestamps.tolist()
    assert sampled["dff"].tolist() == plane.dff_traces["dff"].iloc[2].tolist()
    events = cache.sql(
        'SELECT sum(events) AS "all" FROM vbo.event_samples WHERE ophys_experiment_id = 1100009101 GROUP BY cell_roi_id'
    )
    assert np.isclose(events["all"].sum(), sum(trace.sum() for trace in plane.events["events"]))
    assert isinstance(events, pd.DataFrame)


def test_a_file_on_disk_is_an_experiment_if_it_is_of_a_plane(
    sample_files: dict[tuple[str, str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VBN_DATA_DIR", str(tmp_path))
    plane = sample_files["1.1.0", "ophys_experiment", "1100009101"]
    training = sample_files["1.1.0", "behavior_session", "1100009012"]
    experiment = BehaviorOphysExperiment.from_nwb_path(plane)
    assert len(experiment.dff_traces) == len(experiment.cell_specimen_table) > 0
    assert repr(experiment) == "BehaviorOphysExperiment(1100009101)"
    behavior = BehaviorSession.from_nwb_path(plane, project="vbo")
    assert repr(behavior) == f"BehaviorSession({experiment.behavior_session_id})"
    with pytest.raises(NwbError, match="is no file for BehaviorOphysExperiment"):
        BehaviorOphysExperiment.from_nwb_path(training)
    with pytest.raises(NwbError, match="--project vbo"):
        BehaviorSession.from_nwb_path(plane)
