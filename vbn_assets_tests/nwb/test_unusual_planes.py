"""What imaging planes' files may be without being wrong, and what they are refused for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vbn_assets.errors import NwbError
from vbn_assets.nwb import rois, traces
from vbn_assets.nwb.session import open_session
from vbn_assets.nwb.session_file import kind_of
from vbn_assets.projects import VBO
from vbn_assets_tests.nwb.conftest import Change, ReadTables, drop_columns, replace

Changed = Callable[[Change], Path]
Files = dict[tuple[str, str, str], Path]
Tables = dict[str, pa.Table]
Read = Callable[[Path], Tables]

OPHYS = "processing/ophys"
ROIS = f"{OPHYS}/image_segmentation/cell_specimen_table"
EVENTS = f"{OPHYS}/event_detection"
OF_A_CELL = ("dff_traces", "corrected_fluorescence_traces", "demixed_traces", "neuropil_traces", "events", "roi_masks")


@pytest.fixture(scope="module")
def read(read_tables: ReadTables) -> Read:
    return partial(read_tables, kind="ophys_experiment", project=VBO)


@pytest.fixture(scope="module")
def unchanged(sample_files: Files, read: Read) -> Tables:
    return read(sample_files["1.1.0", "ophys_experiment", "1100009101"])


def region(series: h5py.Group, rows: list[int]) -> None:
    """Say that a series is of other rows of the ROIs."""
    replace(series, "rois", rows)


def test_invalid_rois_are_in_a_table_of_their_own(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def invalidate(file: h5py.File) -> None:
        file[f"{ROIS}/valid_roi"][2] = False

    tables = read(changed_plane(invalidate))
    gone = unchanged["cell_specimen_table"]["cell_roi_id"][2].as_py()
    for name in (*OF_A_CELL, "cell_specimen_table"):
        others = pc.not_equal(unchanged[name]["cell_roi_id"], gone)
        assert tables[name] == unchanged[name].filter(others), name
    assert tables["excluded_rois"]["cell_roi_id"].to_pylist() == [gone]
    assert unchanged["excluded_rois"].num_rows == 0
    masks = np.array(tables["roi_masks"]["roi_mask"].to_pylist())
    image = np.array(tables["projections"]["segmentation_mask_image"].to_pylist()[0])
    assert (image == masks.any(axis=0)).all()
    assert image.sum() < np.array(unchanged["projections"]["segmentation_mask_image"].to_pylist()[0]).sum()


def test_cells_that_were_not_matched(changed_plane: Changed, read: Read) -> None:
    def unmatch(file: h5py.File) -> None:
        file[f"{ROIS}/cell_specimen_id"][4] = -1

    tables = read(changed_plane(unmatch))
    for name in (*OF_A_CELL, "cell_specimen_table"):
        specimens = tables[name]["cell_specimen_id"].to_pylist()
        assert [number for number, id in enumerate(specimens) if id is None] == [4], name


def test_no_cell_at_all(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def invalidate(file: h5py.File) -> None:
        file[f"{ROIS}/valid_roi"][:] = False

    tables = read(changed_plane(invalidate))
    for name in (*OF_A_CELL, "cell_specimen_table"):
        assert tables[name].num_rows == 0
        assert tables[name].schema == unchanged[name].schema
    assert not np.array(tables["projections"]["segmentation_mask_image"].to_pylist()).any()


def test_columns_are_those_the_region_names(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def turn(file: h5py.File) -> None:
        data = file[f"{OPHYS}/dff/traces/data"]
        data[:] = data[:][:, ::-1]
        # The other series' regions are links to this one.
        region(file[f"{OPHYS}/dff/traces"], list(range(data.shape[1]))[::-1])

    tables = read(changed_plane(turn))
    assert tables["dff_traces"] == unchanged["dff_traces"]
    demixed = tables["demixed_traces"]
    assert demixed["cell_roi_id"] == unchanged["demixed_traces"]["cell_roi_id"]
    assert demixed["demixed_trace"].to_pylist() == unchanged["demixed_traces"]["demixed_trace"].to_pylist()[::-1]


def test_events_of_some_cells(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def drop(file: h5py.File) -> None:
        events, kept = file[EVENTS], [7, 0, 3]
        for name in ("lambdas", "noise_stds"):
            replace(events, name, events[name][:][kept])
        replace(events, "data", events["data"][:][:, kept], chunks=(469, 2), compression="gzip")
        region(events, kept)
        events["noise_stds"][2] = np.nan

    tables = read(changed_plane(drop))
    assert tables["events"] == unchanged["events"].take([0, 7])


@pytest.mark.parametrize("kind", ["demixed", "neuropil"])
def test_first_releases_lack_traces(kind: str, changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def remove(file: h5py.File) -> None:
        del file[f"{OPHYS}/{kind}_trace"]

    tables = read(changed_plane(remove))
    assert tables[f"{kind}_traces"].num_rows == 0
    assert tables[f"{kind}_traces"].schema == unchanged[f"{kind}_traces"].schema
    assert tables["dff_traces"] == unchanged["dff_traces"]


def test_first_releases_lack_r(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def remove(file: h5py.File) -> None:
        del file[f"{OPHYS}/corrected_fluorescence/r"], file[f"{OPHYS}/corrected_fluorescence/RMSE"]

    corrected = read(changed_plane(remove))["corrected_fluorescence_traces"]
    assert corrected["r"].null_count == corrected["RMSE"].null_count == corrected.num_rows
    trace = "corrected_fluorescence"
    assert corrected[trace] == unchanged["corrected_fluorescence_traces"][trace]


LATER_COLUMNS = (
    "stimulus_block",
    "stimulus_block_name",
    "stimulus_name",
    "movie_frame_index",
    "movie_repeat",
    "is_image_novel",
    "trials_id",
    "active",
    "is_sham_change",
)


def test_first_releases_show_the_task_alone(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    """Their files have no blocks of stimuli; AllenSDK derives what it can without."""

    def remove(file: h5py.File) -> None:
        intervals = file["intervals"]
        for name in [name for name in intervals if name.endswith("_presentations") and "Images" not in name]:
            del intervals[name]
        (table,) = (intervals[name] for name in intervals if name.endswith("_presentations"))
        drop_columns(table, *LATER_COLUMNS)
        for name in ("omitted", "is_change"):
            replace(table, name, table[name][:].astype(bool))

    shown = read(changed_plane(remove))["stimulus_presentations"]
    task = unchanged["stimulus_presentations"].filter(unchanged["stimulus_presentations"]["active"])
    for name in ("image_name", "omitted", "is_change", "trials_id", "start_time", "start_frame"):
        assert shown[name].to_pylist() == task[name].to_pylist(), name
    during = pc.less(shown["start_time"], pc.max(unchanged["trials"]["stop_time"]))
    assert set(shown.filter(during)["active"].to_pylist()[1:]) == {True}
    for name in ("stimulus_block", "stimulus_name", "is_sham_change", "movie_repeat"):
        assert shown[name].null_count == shown.num_rows


def test_single_floats_and_unknown_frames(changed_plane: Changed, read: Read) -> None:
    def single(file: h5py.File) -> None:
        group = file[f"{OPHYS}/dff/traces"]
        values = group["data"][:].astype(np.float32)
        values[5, 1] = np.nan
        replace(group, "data", values)

    def expected(path: Path) -> list[list[float | None]]:
        with h5py.File(path) as file:
            rows = file[f"{OPHYS}/dff/traces/data"][:].T.tolist()
        return [[None if value != value else value for value in row] for row in rows]

    path = changed_plane(single)
    dff = read(path)["dff_traces"]["dff"]
    assert dff.to_pylist() == expected(path)
    assert dff.to_pylist()[1][5] is None


def test_more_times_than_frames(changed_plane: Changed, read: Read, unchanged: Tables) -> None:
    def lengthen(file: h5py.File) -> None:
        traces = file[f"{OPHYS}/dff/traces"]
        replace(traces, "timestamps", np.append(traces["timestamps"][:], [1e6, 2e6]))

    tables = read(changed_plane(lengthen))
    assert tables["dff_traces"] == unchanged["dff_traces"]
    assert tables["ophys_timestamps"].num_rows == unchanged["ophys_timestamps"].num_rows + 2


def test_pieces_are_bounded(
    sample_files: Files, read: Read, unchanged: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "_SLAB_BYTES", 2 * 8 * 1874)
    monkeypatch.setattr(rois, "_PIECE_BYTES", 4 * 48 * 40)
    sliced = read(sample_files["1.1.0", "ophys_experiment", "1100009101"])
    assert sliced == unchanged
    assert [len(chunk) for chunk in sliced["dff_traces"]["dff"].chunks] == [2, 2, 2, 2, 1]
    assert [len(chunk) for chunk in sliced["events"]["events"].chunks] == [3, 3, 3], "whole chunks of the file"
    assert [len(chunk) for chunk in sliced["roi_masks"]["roi_mask"].chunks] == [4, 4, 1]


def test_kind(sample_files: Files) -> None:
    assert kind_of(sample_files["1.1.0", "ophys_experiment", "1100009101"]) == "ophys_experiment"
    assert kind_of(sample_files["1.1.0", "behavior_session", "1100009011"]) == "behavior_session"


def read_all(path: Path, expected_id: int) -> None:
    kind = VBO.kind("ophys_experiment")
    with open_session(path, kind=kind, expected_id=expected_id, release="1.1.0") as session:
        for reading in session.tables():
            for _ in reading.pieces():
                pass


def refusal(path: Path, expected_id: int = 1100009101) -> str:
    with pytest.raises(NwbError) as refused:
        read_all(path, expected_id)
    assert f"{path.name} of release 1.1.0" in str(refused.value)
    assert refused.value.remedy
    return str(refused.value)


@pytest.mark.parametrize(
    "part",
    [
        f"{OPHYS}/dff/traces",
        f"{OPHYS}/dff/traces/data",
        f"{OPHYS}/dff/traces/timestamps",
        f"{OPHYS}/corrected_fluorescence/traces",
        EVENTS,
        f"{EVENTS}/lambdas",
        f"{OPHYS}/image_segmentation",
        f"{ROIS}/image_mask",
        f"{ROIS}/valid_roi",
        f"{ROIS}/cell_specimen_id",
        f"{ROIS}/imaging_plane",
        f"{OPHYS}/images/max_projection",
        f"{OPHYS}/images/average_image",
        f"{OPHYS}/ophys_motion_correction_y",
        "general/optophysiology/imaging_plane_1/imaging_rate",
        "general/optophysiology/imaging_plane_1/channel_1",
    ],
)
def test_missing_part(part: str, changed_plane: Changed) -> None:
    def remove(file: h5py.File) -> None:
        del file[part]

    text = refusal(changed_plane(remove))
    assert "lacks a part" in text


def test_plane_that_names_no_session(changed_plane: Changed) -> None:
    def remove(file: h5py.File) -> None:
        del file["general/metadata"].attrs["ophys_session_id"]

    text = refusal(changed_plane(remove))
    assert "ophys_session_id" in text


@pytest.mark.parametrize(
    ("group", "name", "shape", "text"),
    [
        (f"{OPHYS}/dff/traces", "data", (1875, 9), "another shape than its ROIs and timestamps"),
        (f"{OPHYS}/dff/traces", "data", (1874, 8), "another shape than its ROIs and timestamps"),
        (f"{OPHYS}/dff/traces", "data", (1874,), "another shape than its ROIs and timestamps"),
        (EVENTS, "lambdas", (8,), "another length"),
        (ROIS, "image_mask", (9, 48), "masks of another shape"),
        (ROIS, "image_mask", (8, 48, 40), "masks of another shape"),
        (f"{OPHYS}/images", "max_projection", (48,), "is no image"),
        (f"{OPHYS}/ophys_motion_correction_x", "data", (5,), "different length"),
    ],
)
def test_other_shapes(group: str, name: str, shape: tuple[int, ...], text: str, changed_plane: Changed) -> None:
    def reshape(file: h5py.File) -> None:
        replace(file[group], name, np.zeros(shape, file[f"{group}/{name}"].dtype))

    refused = refusal(changed_plane(reshape))
    assert text in refused


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5, 6, 7, 9], [0, 0, 2, 3, 4, 5, 6, 7, 8], [-1, *range(1, 9)]])
def test_regions_of_other_rows(rows: list[int], changed_plane: Changed) -> None:
    text = refusal(changed_plane(lambda file: region(file[f"{OPHYS}/dff/traces"], rows)))
    assert "does not fit the ROIs" in text


def test_cell_without_trace(changed_plane: Changed) -> None:
    def shorten(file: h5py.File) -> None:
        group = file[f"{OPHYS}/dff/traces"]
        replace(group, "data", group["data"][:, :8])
        region(group, list(range(8)))

    assert "lacks cells" in refusal(changed_plane(shorten))


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan])
def test_no_frame_rate(rate: float, changed_plane: Changed) -> None:
    def stop(file: h5py.File) -> None:
        file["general/optophysiology/imaging_plane_1/imaging_rate"][()] = rate

    assert "has no frame rate" in refusal(changed_plane(stop))


def test_another_plane_and_another_kind(changed_plane: Changed, sample_files: Files) -> None:
    path = changed_plane(lambda file: None)
    assert "is about another session, probe or plane; expected 1100009102, found 1100009101" in refusal(
        path, 1100009102
    )
    other = refusal(sample_files["1.1.0", "behavior_session", "1100009011"], 1100009011)
    assert "lacks a part; expected the group /processing/ophys/dff/traces, found none (pynwb opens it" in other
