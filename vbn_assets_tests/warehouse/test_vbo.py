"""VBO from S3 to SQL: metadata as AllenSDK has it, each session's behavior once, and both projects in one schema."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from vbn_assets.pipeline import Workspace, extract_file, refresh_release, require_sound
from vbn_assets.projects import VBN, VBO
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.all_projects import shared
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.defects import find_defects
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.golden import golden

FIRST_PLANE = "1100009101"
"""Of a session of two: the one whose file AllenSDK reads for its behavior."""


def hold(workspace: Workspace, version: str, kind: str, id: str) -> None:
    file = workspace.release(version).file(kind, id)
    require_sound(extract_file(workspace, workspace.mirror.fetch(file).path, file))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Settings:
    """Every release of VBO with a plane and a training session of 1.1.0, and a session of VBN."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("vbo"), endpoint_url=sample_bucket.endpoint)
    workspace = Workspace(settings, VBO)
    for version in ("0.3.0", "1.0.1", "1.1.0"):
        refresh_release(workspace, version)
    hold(workspace, "1.1.0", "ophys_experiment", "1100009103")
    hold(workspace, "1.1.0", "behavior_session", "1100009012")
    vbn = Workspace(settings, VBN)
    refresh_release(vbn, "0.5.0")
    hold(vbn, "0.5.0", "behavior_session", "1100000213")
    publish(settings)
    return settings


@pytest.fixture(scope="module")
def con(settings: Settings) -> duckdb.DuckDBPyConnection:
    return open_warehouse(settings.warehouse_path)


def plain(values: list[Any]) -> list[Any]:
    """Without the zones' names, which Arrow and DuckDB spell differently."""
    return [value.timestamp() if isinstance(value, datetime) else value for value in values]


@pytest.mark.parametrize("table", VBO.metadata_tables)
@pytest.mark.parametrize("release", ["1.0.1", "1.1.0"])
def test_metadata_is_allensdks(con: duckdb.DuckDBPyConnection, release: str, table: str) -> None:
    ours = con.sql(f"FROM vbo_v{release.replace('.', '_')}.{table}").to_arrow_table()
    expected = golden(release, f"get_{table}")
    assert set(ours.column_names) == set(expected.column_names)
    for name in expected.column_names:
        assert plain(ours[name].to_pylist()) == plain(expected[name].to_pylist()), name


def test_a_release_that_lacks_a_table_has_it_empty_with_its_columns(con: duckdb.DuckDBPyConnection) -> None:
    cells = con.sql("FROM vbo_v0_3_0.ophys_cells_table")
    assert (cells.columns, cells.fetchall()) == (["cell_roi_id", "cell_specimen_id", "ophys_experiment_id"], [])
    assert con.sql("FROM vbo_v0_3_0.behavior_session_table WHERE file_id IS NULL").fetchall(), "a plane's file is used"


def test_file_id_0_is_a_file(con: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT id, is_behavior_file FROM vbo.release_files WHERE release = '1.1.0' AND file_id = '0'"
    assert con.execute(query).fetchall() == [(int(FIRST_PLANE), True)]


def test_release_diff_counts_the_cells_that_came(con: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT change, count(*) FROM vbo.release_diff('0.3.0', '1.0.1') WHERE table_name = $1 AND what = 'row'"
    assert con.execute(f"{query} GROUP BY ALL", ["ophys_cells_table"]).fetchall() == [("added", 27)]


def test_the_behavior_of_a_session_is_shown_once_and_from_allensdks_plane_where_that_is_held(
    tmp_path: Path, sample_bucket: SampleProcess
) -> None:
    settings = Settings(data_dir=tmp_path, endpoint_url=sample_bucket.endpoint, projects=("vbo",))
    workspace = Workspace(settings, VBO)
    refresh_release(workspace, "1.1.0")
    for plane, shown in (("1100009102", "1100009102"), (FIRST_PLANE, FIRST_PLANE)):
        hold(workspace, "1.1.0", "ophys_experiment", plane)
        publish(settings)
        with open_warehouse(settings.warehouse_path) as con:
            files = con.execute("SELECT DISTINCT id FROM vbo.warehouse_files WHERE table_name = 'trials'").fetchall()
            trials = con.execute("SELECT trials_id FROM vbo.trials").fetchall()
        assert files == [(shown,)]
        assert len(trials) == len(set(trials)) > 0
    with open_warehouse(settings.warehouse_path) as con:
        planes = con.execute("SELECT DISTINCT ophys_experiment_id FROM vbo.dff_traces ORDER BY ALL").fetchall()
    assert planes == [(1100009101,), (1100009102,)]


def test_what_the_projects_share_is_one_table(con: duckdb.DuckDBPyConnection) -> None:
    views = {row[0] for row in con.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'vb'").fetchall()}
    assert views == {"behavior_sessions", *shared()}
    assert views > {"trials", "stimulus_presentations", "running_speed", "eye_tracking", "release_files"}
    trials = "SELECT project, mouse_id, behavior_session_id, count(*) FROM vb.trials GROUP BY ALL ORDER BY ALL"
    ((vbn, _, session, _), *others) = con.execute(trials).fetchall()
    assert (vbn, session) == ("vbn", 1100000213)
    assert {(project, mouse) for project, mouse, *_ in others} == {("vbo", "453911"), ("vbo", "457841")}
    counted = con.execute("SELECT project, count(*) FROM vb.behavior_sessions GROUP BY ALL ORDER BY ALL").fetchall()
    assert counted == [("vbn", len(golden("0.5.0", "get_behavior_session_table"))), ("vbo", 4)]


def test_the_mouse_and_the_dates_mean_the_same_in_both(con: duckdb.DuckDBPyConnection) -> None:
    described = {row[0]: row[1] for row in con.execute("DESCRIBE vb.behavior_sessions").fetchall()}
    assert described["mouse_id"] == "VARCHAR"
    assert described["date_of_acquisition"] == "TIMESTAMP WITH TIME ZONE"
    assert list(described)[:3] == ["project", "behavior_session_id", "mouse_id"]
    nobody = "SELECT count(*) FROM vb.session_metadata WHERE mouse_id IS NULL OR date_of_acquisition IS NULL"
    assert con.execute(nobody).fetchone() == (0,)


def test_dff_around_events_is_that_of_interp(con: duckdb.DuckDBPyConnection) -> None:
    """Every cell of the plane that is held, around every flash, also where a window leaves the recording."""
    query = (
        "SELECT cell_roi_id, timestamps, dff FROM vbo.dff_samples WHERE ophys_experiment_id = 1100009103 ORDER BY ALL"
    )
    samples = con.execute(query).fetchnumpy()
    flashes = (
        "WITH flashes AS (SELECT behavior_session_id, start_time AS event_time FROM vbo.stimulus_presentations "
        "WHERE ophys_session_id IS NOT NULL AND active) "
    )
    times = con.execute(f"{flashes} SELECT event_time FROM flashes ORDER BY ALL").fetchnumpy()["event_time"]
    found = con.execute(f"{flashes} FROM vbo.dff_around(flashes, 1, 2, 0.1) ORDER BY cell_roi_id, event_time, time")
    values = np.ma.filled(found.fetchnumpy()["dff"], np.nan)
    moments = (times[:, None] + (np.arange(31) * 0.1 - 1)).ravel()
    cells = np.unique(samples["cell_roi_id"])
    expected = [
        np.interp(moments, samples["timestamps"][of_cell], samples["dff"][of_cell], left=np.nan, right=np.nan)
        for of_cell in (samples["cell_roi_id"] == cell for cell in cells)
    ]
    assert len(cells) > 1
    assert np.array_equal(values, np.concatenate(expected), equal_nan=True)


def test_around_nothing_and_in_a_session_without_planes_is_no_value(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE never (behavior_session_id BIGINT, event_time DOUBLE, note VARCHAR)")
    around = "FROM vbo.dff_around(never, 1, 2, 0.5)"
    assert con.execute(around).fetchall() == []
    assert [name for name, *_ in con.description] == [
        "behavior_session_id",
        "event_time",
        "note",
        "cell_roi_id",
        "time",
        "dff",
    ]
    con.execute("INSERT INTO never VALUES (7, 10, 'nobody'), (7, 'nan', 'no time')")
    rows = con.execute(f"{around} ORDER BY time").fetchall()
    assert rows == [(7, 10.0, "nobody", None, time, None) for time in np.arange(-1, 2.5, 0.5).tolist()]


def test_known_defects_are_found_in_the_data(con: duckdb.DuckDBPyConnection) -> None:
    found = {defect.name: defect.rows for defect in find_defects(con, "vbo")}
    assert found["cell_without_specimen"] == {1100009103: 1}
    assert found["plane_without_its_pair"] == {1100009101: 1, 1100009102: 1}, "each is alone in its group"
    assert found["mesoscope_frames_too_slow"] == {}
