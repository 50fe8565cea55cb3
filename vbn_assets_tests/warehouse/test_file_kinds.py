"""Files of every kind, from the bucket into the lake and from there into the warehouse, equal to AllenSDK."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from vbn_assets.pipeline import (
    ArrowReading,
    Workspace,
    extract_file,
    extract_unreleased,
    keep_manifest,
    make_metadata_table,
    register_release,
)
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Record
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.golden import golden
from vbn_assets_tests.warehouse.made import ROWS, add_release, lake_of, rows_of, session_source

RELEASE = "0.5.0"


@pytest.fixture(scope="module")
def workspace(sample_bucket: SampleProcess, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    settings = Settings(data_dir=tmp_path_factory.mktemp("kinds"), endpoint_url=sample_bucket.endpoint, lfp=True)
    return Workspace(settings, VBN)


@pytest.fixture(scope="module")
def records(workspace: Workspace) -> dict[tuple[str, str], Record]:
    """What was made of every data file of the release, published."""
    release = keep_manifest(workspace, RELEASE)
    for name in VBN.metadata_tables:
        make_metadata_table(workspace, release, name)
    register_release(workspace, release)
    made = {}
    for file in release.data.values():
        made[file.identity] = extract_file(workspace, workspace.mirror.fetch(file).path, file)
    publish(workspace.settings)
    return made


@pytest.fixture(scope="module")
def con(workspace: Workspace, records: dict[tuple[str, str], Record]) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(workspace.settings.warehouse_path), read_only=True) as con:
        yield con


def test_every_record_is_sound(records: dict[tuple[str, str], Record]) -> None:
    assert {kind for kind, _ in records} == {"ecephys_session", "behavior_session", "probe_lfp"}
    for identity, record in records.items():
        assert record.sound, (identity, [claim for claim in record.claims if not claim.holds])
        assert record.claims


def test_done_files_are_not_read_again(workspace: Workspace, records: dict[tuple[str, str], Record]) -> None:
    for file in workspace.release(RELEASE).data.values():
        assert extract_file(workspace, Path("nowhere"), file) == records[file.identity]


def test_behavior_tables_hold_all_sessions_once(con: duckdb.DuckDBPyConnection) -> None:
    sessions = "SELECT DISTINCT behavior_session_id, ecephys_session_id FROM vbn.{} ORDER BY ALL"
    expected = [(1100000202, 1100000102), (1100000203, 1100000103), (1100000204, 1100000104), (1100000213, None)]
    for table in ("trials", "stimulus_presentations", "stimulus_timestamps", "task_parameters", "reward_rate"):
        assert con.execute(sessions.format(table)).fetchall() == expected, table


def test_what_the_data_dictionary_says_of_the_monitor_s_delay(con: duckdb.DuckDBPyConnection) -> None:
    delays = """
        SELECT shown.ecephys_session_id IS NOT NULL, round(shown.start_time - drawn.timestamps, 3),
            coalesce(change_time - shown.start_time, change_time_no_display_delay - drawn.timestamps)
        FROM vbn.trials
        JOIN vbn.stimulus_presentations AS shown
            ON shown.behavior_session_id = trials.behavior_session_id AND start_frame = change_frame
        JOIN vbn.stimulus_timestamps AS drawn
            ON drawn.behavior_session_id = trials.behavior_session_id AND frame = change_frame
        GROUP BY ALL ORDER BY ALL
    """
    assert con.execute(delays).fetchall() == [(False, 0.021, 0.0), (True, 0.02, 0.0)]


@pytest.mark.parametrize(
    ("kind", "id", "behavior_session"),
    [("ecephys_session", 1100000103, 1100000203), ("behavior_session", 1100000213, 1100000213)],
)
def test_templates(con: duckdb.DuckDBPyConnection, kind: str, id: int, behavior_session: int) -> None:
    shown = con.execute(
        "SELECT image_name, unwarped, warped FROM vbn.stimulus_templates WHERE behavior_session_id = ?",
        [behavior_session],
    ).df()
    expected = golden(RELEASE, "stimulus_templates", id, kind)
    in_order = [name for name in expected if name.startswith("warped/")]
    assert [f"warped/{name}" for name in shown["image_name"]] == in_order, "AllenSDK's order"
    for _, row in shown.iterrows():
        for form in ("unwarped", "warped"):
            pixels = np.stack(row[form])
            assert pixels.dtype == expected[f"{form}/{row['image_name']}"].dtype
            assert pixels.tobytes() == expected[f"{form}/{row['image_name']}"].tobytes()


def test_an_image_is_kept_once(
    workspace: Workspace,
    records: dict[tuple[str, str], Record],
    sample_files: dict[tuple[str, str, str], Path],
    tmp_path: Path,
) -> None:
    def kept() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in workspace.lake.root.glob("vbn/stimulus_images/*")}

    before = kept()
    assert {file.path.rpartition("/")[2] for record in records.values() for file in record.shared} == before.keys()
    other = tmp_path / "other_session_with_the_same_images.nwb"
    shutil.copy(sample_files[RELEASE, "ecephys_session", "1100000104"], other)
    other.chmod(0o644)
    with h5py.File(other, "r+") as file:
        file["identifier"][...] = "1100000999"
    record = extract_unreleased(workspace, other)
    assert record.shared == records["ecephys_session", "1100000104"].shared
    assert kept() == before


def lfp_golden() -> tuple[int, dict[str, Any]]:
    return 1100000308, golden(RELEASE, "lfp__1100000308", 1100000104)


def test_lfp_of_one_channel(con: duckdb.DuckDBPyConnection) -> None:
    probe, expected = lfp_golden()
    for column, channel in enumerate(expected["channel"].tolist()):
        trace = con.execute(
            "SELECT time, lfp FROM vbn.lfp_samples WHERE ecephys_probe_id = ? AND channel_id = ? ORDER BY time",
            [probe, channel],
        ).fetchnumpy()
        assert trace["lfp"].dtype == np.float32
        assert trace["lfp"].tobytes() == expected["lfp"][:, column].tobytes()
        assert trace["time"].tobytes() == expected["time"].tobytes()


def test_lfp_of_a_window(con: duckdb.DuckDBPyConnection) -> None:
    probe, expected = lfp_golden()
    begin, end = expected["time"][1000], expected["time"][3000]
    window = con.execute(
        "SELECT lfp FROM vbn.lfp_samples JOIN vbn.lfp_channels ON id = channel_id "
        "WHERE lfp_samples.ecephys_probe_id = $probe AND start_time <= $end AND end_time >= $begin "
        "AND time BETWEEN $begin AND $end ORDER BY time, channel_index",
        {"probe": probe, "begin": begin, "end": end},
    ).fetchnumpy()
    assert window["lfp"].tobytes() == expected["lfp"][1000:3001].tobytes()


def test_a_window_of_lfp_can_be_found_without_reading_samples(
    workspace: Workspace, records: dict[tuple[str, str], Record]
) -> None:
    """Each row group is one channel of a few minutes, and says which; of its samples nothing is said."""
    file = pq.ParquetFile(workspace.lake.path(records["probe_lfp", "1100000104/probeB"].tables["lfp"]))
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        said = {group.column(at).path_in_schema: group.column(at).statistics for at in range(group.num_columns)}
        assert said["channel_id"].min == said["channel_id"].max
        assert said["start_time"].min < said["end_time"].max
        assert said["samples.list.element"] is None


def test_gray_levels_are_a_dictionary(workspace: Workspace, records: dict[tuple[str, str], Record]) -> None:
    image = records["ecephys_session", "1100000104"].shared[0]
    columns = pq.ParquetFile(workspace.lake.path(image)).metadata.row_group(0)
    encodings = {columns.column(at).path_in_schema: columns.column(at).encodings for at in range(columns.num_columns)}
    for form in ("unwarped", "warped"):
        assert "RLE_DICTIONARY" in encodings[f"{form}.list.element.list.element"]


def test_lfp_belongs_to_its_session(con: duckdb.DuckDBPyConnection) -> None:
    for table in ("lfp", "lfp_timestamps", "lfp_channels", "current_source_density"):
        rows = con.execute(f"SELECT DISTINCT ecephys_probe_id, ecephys_session_id FROM vbn.{table} ORDER BY 1")
        assert rows.fetchall() == [(1100000303, 1100000102), (1100000308, 1100000104)], table


def test_lfp_of_no_release_goes_to_its_session_and_hides_none(
    workspace: Workspace,
    records: dict[tuple[str, str], Record],
    sample_files: dict[tuple[str, str, str], Path],
    tmp_path: Path,
) -> None:
    other = tmp_path / "filtered_otherwise.nwb"
    shutil.copy(sample_files[RELEASE, "probe_lfp", "1100000104/probeB"], other)
    other.chmod(0o644)
    with h5py.File(other, "r+") as file:
        file["acquisition/probe_1100000308_lfp/probe_1100000308_lfp_data/data"][:] *= 2
    record = extract_unreleased(workspace, other)
    assert record.source.id == "1100000104/probeB"
    assert record.source.ids["ecephys_session_id"] == 1100000104
    publish(workspace.settings)
    with duckdb.connect(str(workspace.settings.warehouse_path), read_only=True) as con:
        blocks = con.execute(
            "SELECT ecephys_session_id, count(*), count(DISTINCT (channel_id, block)), max(list_max(samples)) "
            "FROM vbn.lfp WHERE ecephys_probe_id = 1100000308 GROUP BY ALL"
        ).fetchall()
    expected = lfp_golden()[1]["lfp"]
    assert [row[0] for row in blocks] == [1100000104]
    assert blocks[0][1] == blocks[0][2]
    assert blocks[0][3] == expected.max(), "the release's file is shown"


def test_current_source_density(con: duckdb.DuckDBPyConnection) -> None:
    probe, expected = lfp_golden()
    rows = con.execute(
        "SELECT * FROM vbn.current_source_density WHERE ecephys_probe_id = ? ORDER BY virtual_channel_index, time",
        [probe],
    ).fetchnumpy()
    channels, times = expected["csd"].shape
    assert rows["csd"].tobytes() == expected["csd"].tobytes()
    assert rows["time"].tobytes() == np.tile(expected["csd_time"], channels).tobytes()
    for name in ("vertical_position", "horizontal_position"):
        assert rows[name].tolist() == np.repeat(expected[name], times).tolist()


def test_lake_file_older_than_a_column_shows_it_as_null(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a"})
    rows = rows_of("running_speed").rows.drop_columns("ecephys_session_id")
    source = session_source(1, "a", "0.5.0")
    lake.commit(Record(source, lake.write(source, [ArrowReading(VBN.tables["running_speed"], rows)])))
    publish(settings)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as con:
        shown = con.execute("SELECT ecephys_session_id, behavior_session_id FROM vbn.running_speed").fetchall()
    assert shown == [(None, 1001)] * ROWS
