"""Known defects: the registry fits the tables, its checks find what they are named for, its views change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vbn_assets.projects import PROJECTS, VBN, Project
from vbn_assets.settings import Settings
from vbn_assets.tables.defects import known_defects
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.defects import FoundDefect, find_defects, findable_defects
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.warehouse.made import add_release, add_session, lake_of, table_of

RELEASE = "0.5.0"
SESSION, SOUND = 11, 12
"""The session that has the defect, and one that has not."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def ask(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    with open_warehouse(settings.warehouse_path) as con:
        return con.execute(query).fetchall()


def found(settings: Settings, project: str = "vbn") -> dict[str, FoundDefect]:
    with open_warehouse(settings.warehouse_path) as con:
        return {defect.name: defect for defect in find_defects(con, project)}


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_every_defect_names_columns_that_there_are(project: Project) -> None:
    described = {f"{table.name}.{column.name}" for table in project.tables.values() for column in table.columns}
    of_project = [defect for defect in known_defects().values() if defect.project == project.name]
    assert of_project
    assert {column for defect in of_project for column in defect.columns} <= described


def test_every_query_is_of_a_known_defect(settings: Settings) -> None:
    folder = Path(__file__).parents[2] / "vbn_assets" / "warehouse" / "sql" / "defects"
    queries = {path.stem for path in folder.glob("*.sql")}
    assert queries == {defect.name for project in PROJECTS for defect in findable_defects(project)}
    publish(settings)
    ids = {name: defect.ids for project in PROJECTS for name, defect in found(settings, project).items()}
    assert ids == dict.fromkeys(queries, ())


def test_the_registry_is_a_table(settings: Settings) -> None:
    publish(settings)
    query = "SELECT id, table_name, column_name, source FROM vbn.known_defects WHERE defect = 'spurious_first_omission'"
    rows = ask(settings, query)
    assert [row[0] for row in rows] == [1052342277, 1052530003, 1115077618]
    assert {row[1:3] for row in rows} == {("stimulus_presentations", "omitted")}
    assert "2577" in rows[0][3]


def test_the_defects_shown_are_those_of_the_files_releases(settings: Settings) -> None:
    """0.4.0's session stays in `vbn` until the newer file is held, and its voltages stay suspect."""
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {SESSION: "a", SOUND: "a"}, units="old")
    add_release(lake, "0.10.0", {SESSION: "b", SOUND: "b"}, units="new")
    add_session(lake, SESSION, "a", "0.4.0")
    add_session(lake, SOUND, "b", "0.10.0")
    publish(settings)
    shown = "SELECT id FROM {}.defects_shown WHERE defect = 'scaling_wrong_by_two' AND table_name = 'spike_times'"
    assert ask(settings, shown.format("vbn")) == [(str(SESSION),)]
    assert ask(settings, shown.format("vbn_v0_10_0")) == []
    assert found(settings)["scaling_wrong_by_two"].ids == (SESSION,)
    suspect = "SELECT DISTINCT scaling_may_be_wrong FROM {}.units_with_flags"
    assert ask(settings, suspect.format("vbn")) == [(False,)]
    assert ask(settings, suspect.format("vbn_v0_4_0")) == [(True,)]


def test_a_file_that_a_release_left_as_it_was_is_that_release_s(settings: Settings) -> None:
    """Whether it was held before or not: what 0.5.0 did not touch was right in 0.4.0 already."""
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {SESSION: "a"})
    add_release(lake, "0.5.0", {SESSION: "a"})
    add_session(lake, SESSION, "a", "0.4.0")
    publish(settings)
    shown = (
        "SELECT DISTINCT id FROM {}.defects_shown WHERE defect = 'scaling_wrong_by_two' AND kind = 'ecephys_session'"
    )
    wanted = {"vbn": [], "vbn_v0_5_0": [], "vbn_v0_4_0": [(str(SESSION),)]}
    assert {schema: ask(settings, shown.format(schema)) for schema in wanted} == wanted


def presentations(id: int, **columns: Any) -> dict[str, dict[str, Any]]:
    shown = {"start_time": [10.0, 10.75, 11.5], "duration": [0.25] * 3, "omitted": [False, True, False]}
    frames = {"start_frame": [600, 645, 690], "end_frame": [615, 660, 705], "active": [True] * 3}
    keys = {"ecephys_session_id": [id] * 3, "stimulus_block": [0] * 3}
    return {"stimulus_presentations": keys | shown | frames | columns}


def trials(id: int, **columns: Any) -> dict[str, Any]:
    times = {"start_time": [9.9, 10.5, 11.4], "change_time_no_display_delay": [None, 10.75, 11.5]}
    return {"ecephys_session_id": [id] * 3} | times | columns


@pytest.mark.parametrize(
    ("name", "shown", "tried"),
    [
        ("spurious_first_omission", {"omitted": [True, True, False], "start_time": [0.5, 10.75, 11.5]}, {}),
        ("omission_without_end", {"duration": [0.25, None, 0.25]}, {}),
        ("omission_without_end", {"end_frame": [615, None, 705]}, {}),
        ("omission_one_frame_off", {"start_frame": [600, 644, 690]}, {}),
        ("omission_one_frame_off", {"start_frame": [600, 646, 690]}, {}),
        ("last_trial_without_stimuli", {}, {"change_time_no_display_delay": [None, 10.75, 15.0]}),
    ],
)
def test_defects_of_the_stimulus(settings: Settings, name: str, shown: dict[str, Any], tried: dict[str, Any]) -> None:
    lake = lake_of(settings)
    add_release(lake, RELEASE, {SESSION: "a", SOUND: "a"})
    add_session(lake, SESSION, "a", columns=presentations(SESSION, **shown), **trials(SESSION, **tried))
    add_session(lake, SOUND, "a", columns=presentations(SOUND), **trials(SOUND))
    publish(settings)
    of_stimulus = {"spurious", "omission", "last"}
    here = {defect: where.rows for defect, where in found(settings).items() if defect.split("_")[0] in of_stimulus}
    assert {defect: rows for defect, rows in here.items() if rows} == {name: {SESSION: 1}}


def test_a_spurious_omission_can_be_left_out_and_stays_where_it_is(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, RELEASE, {SESSION: "a"})
    spurious = presentations(SESSION, omitted=[True, True, False], start_time=[0.5, 10.75, 11.5])
    add_session(lake, SESSION, "a", columns=spurious, **trials(SESSION))
    publish(settings)
    without = "SELECT start_time FROM vbn.stimulus_presentations_without_spurious_omissions ORDER BY ALL"
    assert ask(settings, without) == [(10.75,), (11.5,)]
    assert ask(settings, "SELECT count(*) FROM vbn.stimulus_presentations") == [(3,)]
    assert found(settings)["spurious_first_omission"].unlisted == (SESSION,), "the registry does not name it"


def ids(table: str, **columns: Any) -> dict[str, Any]:
    """One row for SESSION and one for SOUND, with whatever ids the table needs."""
    needed = [column.name for column in VBN.tables[table].columns if not column.nullable]
    of_sessions = {name: [SESSION, SOUND] for name in needed}
    return {table: table_of(table, **of_sessions | {"ecephys_session_id": [SESSION, SOUND]} | columns)}


CCF = ("anterior_posterior_ccf_coordinate", "dorsal_ventral_ccf_coordinate", "left_right_ccf_coordinate")


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("ccf_at_origin", ids("channels", **{axis: [0.0, 7000.0] for axis in CCF})),
        ("amplitude_cutoff_at_ceiling", ids("units", amplitude_cutoff=[0.5, 0.4999])),
        (
            "session_number_is_recording_day",
            ids("ecephys_sessions", session_number=[2, 2]) | ids("behavior_sessions", session_number=[51, 2]),
        ),
        (
            "ephys_type_without_recording",
            ids("ecephys_sessions", behavior_session_id=[77, SOUND])
            | ids("behavior_sessions", session_type=["EPHYS_1_images_G_5uL_reward"] * 2),
        ),
        ("abnormal_sessions_hidden", ids("ecephys_sessions", abnormal_activity=["[8899]", None])),
        ("lfp_rate_of_raw_band", ids("probes", has_lfp_data=[True, True], lfp_sampling_rate=[2500.0, 1250.0])),
        ("lfp_not_in_session_file", ids("probes", has_lfp_data=[True, False])),
    ],
)
def test_defects_of_the_metadata(settings: Settings, name: str, tables: dict[str, Any]) -> None:
    add_release(lake_of(settings), RELEASE, {}, readings=tables)
    publish(settings)
    assert found(settings)[name].rows == {SESSION: 1}


PACIFIC = "2020-08-19 14:47:08.574000+00:00"
"""21:47 UTC: summer time, seven hours behind."""


def test_pacific_times_are_found_and_can_be_read_right(settings: Settings) -> None:
    lake = lake_of(settings)
    dates = ids("ecephys_sessions", date_of_acquisition=[PACIFIC, "2020-12-19 14:47:08+00:00"])
    add_release(lake, RELEASE, {SESSION: "a", SOUND: "a"}, readings=dates)
    true = {SESSION: datetime(2020, 8, 19, 21, 47, 8, 574000, UTC), SOUND: datetime(2020, 12, 19, 14, 47, 8, 0, UTC)}
    for id, start in true.items():
        metadata = {"ecephys_session_id": [id] * 3, "date_of_acquisition": [start, None, None]}
        add_session(lake, id, "a", columns={"session_metadata": metadata})
    publish(settings)
    assert found(settings)["pacific_time_marked_utc"].ids == (SESSION,)
    query = "SELECT date_of_acquisition, date_of_acquisition_utc FROM vbn.ecephys_sessions_with_corrections ORDER BY 1"
    assert ask(settings, query) == [
        (PACIFIC, true[SESSION]),
        ("2020-12-19 14:47:08+00:00", true[SOUND] + timedelta(hours=8)),
    ]


def test_the_behavior_session_s_time_is_believed(settings: Settings) -> None:
    dates = ids("ecephys_sessions", date_of_acquisition=[PACIFIC, "no date"], behavior_session_id=[SESSION, SOUND])
    dates |= ids("behavior_sessions", date_of_acquisition=["2020-08-19 21:47:08.574000+00:00", None])
    add_release(lake_of(settings), RELEASE, {}, readings=dates)
    publish(settings)
    query = "SELECT date_of_acquisition_utc FROM vbn.ecephys_sessions_with_corrections ORDER BY ecephys_session_id"
    assert ask(settings, query) == [(datetime(2020, 8, 19, 21, 47, 8, 574000, UTC),), (None,)]


def test_flags_of_units(settings: Settings) -> None:
    units = ids(
        "units",
        amplitude_cutoff=[0.5, None],
        structure_acronym=["DG-mo", None],
        **{axis: [0.0, 7000.0] for axis in CCF},
    )
    add_release(lake_of(settings), RELEASE, {}, readings=units)
    publish(settings)
    flags = "amplitude_cutoff_is_ceiling, has_ccf, scaling_may_be_wrong, parent_structure_acronym, structure_acronym"
    assert ask(settings, f"SELECT {flags} FROM vbn.units_with_flags ORDER BY unit_id") == [
        (True, False, False, "DG", "DG-mo"),
        (None, True, False, None, None),
    ]


def test_acronyms_cut_at_the_hyphen(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, RELEASE, {SESSION: "a"})
    names = {"structure_acronym": ["DG", "CA1", None], "location": ["DG-mo", "CA1", None]}
    add_session(lake, SESSION, "a", columns={"session_channels": names})
    publish(settings)
    assert found(settings)["acronym_cut_at_hyphen"].rows == {SESSION: 1}
