"""The macros give what numpy gives: counts to the last spike, also where spikes lie on the edges of bins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.tables.dictionary import sql_type
from vbn_assets.tables.model import nan_to_null
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.warehouse.made import add_release, add_session, lake_of

Spikes = Mapping[int, Mapping[int, NDArray[np.float64]]]
"""Spike times by session and unit."""

WINDOWS = [
    (0.25, 0.75, 0.01),
    (0.0, 0.25, 0.25),
    (1.0, 1.5, 0.1),
    (-0.01, 0.21, 0.001),
    (0.1, 0.2, 0.1),
    (2.0, 0.5, 1 / 3),
]
SAMPLES = 300


@pytest.fixture(scope="module")
def events() -> dict[int, NDArray[np.float64]]:
    """Event times by session: close enough for windows to overlap, some twice, one at 0 and one after all spikes."""
    rng = np.random.default_rng(1)
    times = np.round(np.cumsum(rng.exponential(0.4, 60)), 2)
    return {1: np.concatenate([[0.0, 0.1, 0.3], times, times[:3], [10_000.0]]), 2: times[::2] + 1e-9, 3: times}


@pytest.fixture(scope="module")
def spikes(events: Mapping[int, NDArray[np.float64]]) -> Spikes:
    """Random spikes, and for each edge of each bin one on it, the floats beside it. Session 3 is not held."""
    rng = np.random.default_rng(2)
    found = {}
    for session in (1, 2):
        edges = np.concatenate([_edges(events[session][:12], *window).ravel() for window in WINDOWS])
        on = np.concatenate([edges, np.nextafter(edges, -np.inf), np.nextafter(edges, np.inf)])
        units = {10 * session + number: rng.choice(on, 4000) for number in range(3)}
        units |= {10 * session + 3: rng.uniform(-1, 30, 500), 10 * session + 4: np.array([25.0])}
        found[session] = {unit: np.sort(times) for unit, times in units.items()}
    return found


@pytest.fixture(scope="module")
def traces() -> dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Timestamps and values by behavior session: unevenly sampled, with missing values, one session after 3 s."""
    rng = np.random.default_rng(3)
    made = {}
    for session, start in ((1001, 0.0), (1002, 3.0)):
        timestamps = start + np.round(np.cumsum(rng.exponential(0.1, SAMPLES)), 2) + np.arange(SAMPLES) * 1e-6
        values = rng.normal(size=SAMPLES)
        values[rng.random(SAMPLES) < 0.1] = np.nan
        made[session] = timestamps, values
    return made


@pytest.fixture(scope="module")
def con(
    tmp_path_factory: pytest.TempPathFactory,
    events: Mapping[int, NDArray[np.float64]],
    spikes: Spikes,
    traces: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> duckdb.DuckDBPyConnection:
    settings = Settings(data_dir=tmp_path_factory.mktemp("macros"))
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    for session, letter in ((1, "a"), (2, "b")):
        timestamps, values = traces[1000 + session]
        add_session(lake, session, letter, "0.5.0", columns=_session_columns(spikes[session], timestamps, values))
    publish(settings)
    con = open_warehouse(settings.warehouse_path)
    rows = [(id, id + 1000, time, n % 2 == 0) for id, times in events.items() for n, time in enumerate(times)]
    con.execute(
        "CREATE TEMP TABLE happened "
        "(ecephys_session_id BIGINT, behavior_session_id BIGINT, event_time DOUBLE, even BOOLEAN, number BIGINT)"
    )
    con.executemany("INSERT INTO happened VALUES (?, ?, ?, ?, ?)", [(*row, n) for n, row in enumerate(rows)])
    con.execute("CREATE TEMP VIEW moments AS SELECT ecephys_session_id, event_time, number FROM happened")
    return con


def _session_columns(
    units: Mapping[int, NDArray[np.float64]], timestamps: NDArray[np.float64], values: NDArray[np.float64]
) -> dict[str, dict[str, Any]]:
    """Columns of made tables; those that are not given are as long as these."""
    unit_id = np.repeat(list(units), [len(times) for times in units.values()])
    return {
        "session_units": {"id": list(units)},
        "spike_times": {"unit_id": unit_id, "spike_time": np.concatenate(list(units.values()))},
        "running_speed": {"timestamps": timestamps, "speed": nan_to_null(values)},
        "eye_tracking": {"frame": np.arange(len(values)), "timestamps": timestamps, "pupil_area": nan_to_null(values)},
    }


def _edges(times: NDArray[np.float64], before: float, after: float, bin_width: float) -> NDArray[np.float64]:
    """(events, bins + 1) edges, as docs/tables.md defines them."""
    bins = int((before + after) / bin_width + 1e-9)
    return times[:, None] + (np.arange(bins + 1) * bin_width - before)


def _counts(times: NDArray[np.float64], spikes: NDArray[np.float64], *window: float) -> NDArray[np.int64]:
    """(events, bins) counts."""
    counts: NDArray[np.int64] = np.diff(np.searchsorted(spikes, _edges(times, *window)))
    return counts


def _wanted_counts(
    events: Mapping[int, NDArray[np.float64]], spikes: Spikes, window: tuple[float, float, float]
) -> NDArray[np.int64]:
    """(rows, 5): session, unit, number of the event, bin and count, in order."""
    rows, first = [], 0
    for session, times in events.items():
        for unit, fired in spikes.get(session, {}).items():
            counts = _counts(times, fired, *window)
            event, number = np.indices(counts.shape)
            ids = np.full((2, counts.size), [[session], [unit]])
            rows.append(np.vstack([ids, first + event.ravel(), number.ravel(), counts.ravel()]))
        first += len(times)
    return np.hstack(rows).T


@pytest.mark.parametrize("window", WINDOWS)
def test_counts_are_those_of_searchsorted(
    con: duckdb.DuckDBPyConnection,
    events: Mapping[int, NDArray[np.float64]],
    spikes: Spikes,
    window: tuple[float, float, float],
) -> None:
    columns = "ecephys_session_id, unit_id, number, bin, spike_count"
    found = con.execute(f"SELECT {columns} FROM vbn.spike_counts(moments, ?, ?, ?) ORDER BY ALL", window).fetchnumpy()
    wanted = _wanted_counts(events, spikes, window)
    assert wanted[:, -1].sum() > 10_000
    assert np.array_equal(np.column_stack(list(found.values())), wanted)


def test_a_window_written_as_a_literal_is_the_same(con: duckdb.DuckDBPyConnection) -> None:
    """DuckDB's 0.001 is a decimal, and would count in decimals."""
    written = con.execute("FROM vbn.spike_counts(moments, 0.01, 0.21, 0.001) ORDER BY ALL").fetchnumpy()
    given = con.execute("FROM vbn.spike_counts(moments, ?, ?, ?) ORDER BY ALL", [0.01, 0.21, 0.001]).fetchnumpy()
    assert all(np.array_equal(written[name], given[name]) for name in given)


@pytest.mark.parametrize("window", WINDOWS[:4])
def test_a_psth_is_the_mean_over_its_events(
    con: duckdb.DuckDBPyConnection,
    events: Mapping[int, NDArray[np.float64]],
    spikes: Spikes,
    window: tuple[float, float, float],
) -> None:
    con.execute("CREATE OR REPLACE TEMP VIEW by_parity AS SELECT ecephys_session_id, even, event_time FROM happened")
    found = con.execute("FROM vbn.psth(by_parity, ?, ?, ?) ORDER BY ALL", window).fetchall()
    wanted = []
    for session in (1, 2):
        for even in (False, True):
            times = events[session][0 if even else 1 :: 2]
            for unit, fired in spikes[session].items():
                for number, count in enumerate(_counts(times, fired, *window).sum(axis=0).tolist()):
                    start, rate = number * window[2] - window[0], count / (len(times) * window[2])
                    wanted.append((session, even, len(times), unit, number, start, count, rate))
    assert found == wanted


def test_a_raster_has_every_spike_in_the_window(
    con: duckdb.DuckDBPyConnection, events: Mapping[int, NDArray[np.float64]], spikes: Spikes
) -> None:
    found = con.execute("FROM vbn.spikes_around(moments, 0.25, 0.5) ORDER BY ALL").fetchall()
    wanted = [
        (session, float(time), number, unit, float(spike), float(spike - time))
        for number, (session, time) in enumerate((id, time) for id, times in events.items() for time in times)
        for unit, fired in spikes.get(session, {}).items()
        for spike in fired[(fired >= time - 0.25) & (fired < time + 0.5)]
    ]
    assert found == sorted(wanted)


@pytest.mark.parametrize("name", ["asked", "wanted", "_units", "_counted"])
def test_only_the_units_asked_for(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Some twice, one of no session, one unknown; whatever the names inside are."""
    asked = f"WITH {name} AS (SELECT unnest([11, 11, 24, 999, NULL]) AS unit_id)"
    for macro in ("spikes_around(moments, 0, 1", "spike_counts(moments, 0, 1, 0.5", "psth(moments, 0, 1, 0.5"):
        found = con.execute(f"{asked} SELECT unit_id, * FROM vbn.{macro}, units := {name})").fetchall()
        every = con.execute(f"SELECT unit_id, * FROM vbn.{macro})").fetchall()
        assert sorted(found) == sorted(row for row in every if row[0] in (11, 24))
        assert {row[0] for row in found} == {11, 24}


@pytest.mark.parametrize("window", [(0.5, 1.0, 0.1), (0.0, 0.25, 0.05), (1.0, 5.0, 1 / 3), (0, 40, 0.01)])
def test_traces_are_those_of_interp(
    con: duckdb.DuckDBPyConnection,
    events: Mapping[int, NDArray[np.float64]],
    traces: Mapping[int, tuple[NDArray[np.float64], NDArray[np.float64]]],
    window: tuple[float, float, float],
) -> None:
    """Events on a sample, between two, beside a missing one, before the first and after the last."""
    con.execute("CREATE OR REPLACE TEMP VIEW here AS SELECT behavior_session_id, number, event_time FROM happened")
    grid = np.arange(int((window[0] + window[1]) / window[2] + 1e-9) + 1) * window[2] - window[0]
    wanted = []
    for session, times in ((id + 1000, times) for id, times in events.items()):
        timestamps, values = traces.get(session, (np.array([0.0]), np.array([np.nan])))
        wanted.append(np.interp(times[:, None] + grid, timestamps, values, left=np.nan, right=np.nan).ravel())
    missing = float(np.isnan(np.concatenate(wanted)).mean())
    assert 0.1 < missing < 0.9
    for macro, column in (("running_around", "speed"), ("pupil_around", "pupil_area")):
        found = con.execute(
            f"SELECT time, {column} FROM vbn.{macro}(here, ?, ?, ?) ORDER BY number, time", window
        ).fetchnumpy()
        values = np.ma.filled(found[column], np.nan)
        assert np.array_equal(values, np.concatenate(wanted), equal_nan=True)
        assert np.array_equal(found["time"], np.tile(grid, len(values) // len(grid)))


def test_a_moment_at_a_sample_has_its_value_though_the_next_is_missing(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP VIEW three AS "
        "SELECT 7 AS behavior_session_id, * FROM (VALUES (1, 10), (2, NULL), (3, 30)) AS t (timestamps, value)"
    )
    found = con.execute(
        "WITH now AS (SELECT 7 AS behavior_session_id, 2.0 AS event_time) "
        "SELECT time, value FROM vbn.event_triggered(now, three, 1.5, 1.5, 0.5) ORDER BY time"
    ).fetchall()
    values = {-1.0: 10.0, 1.0: 30.0}
    assert found == [(time, values.get(time)) for time in np.arange(-1.5, 2.0, 0.5).tolist()]


def test_samples_at_one_time_and_nan_are_those_of_interp(con: duckdb.DuckDBPyConnection) -> None:
    samples = [(0, 0.0), (1, 10.0), (1, 20.0), (2, 30.0), (3, float("nan")), (4, 40.0)]
    rows = ", ".join(f"({time}, '{value}'::DOUBLE)" for time, value in samples)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE twice AS "
        f"SELECT 7 AS behavior_session_id, * FROM (VALUES {rows}) AS t (timestamps, value)"
    )
    found = con.execute(
        "WITH now AS (SELECT 7 AS behavior_session_id, 2 AS event_time) "
        "SELECT value FROM vbn.event_triggered(now, twice, 2, 2, 0.5) ORDER BY time"
    ).fetchall()
    timestamps, values = map(np.array, zip(*samples, strict=True))
    wanted = np.interp(np.arange(0, 4.5, 0.5), timestamps, values)
    assert [value for (value,) in found] == [None if np.isnan(value) else value for value in wanted]


def test_several_traces_of_a_session_are_told_apart(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP VIEW two AS SELECT 7 AS behavior_session_id, * FROM "
        "(VALUES ('b', 1, 10), ('a', 1, 0), ('a', 3, 4), ('b', 2, 20), ('b', 3, 0)) AS t (trace_id, timestamps, value)"
    )
    found = con.execute(
        "WITH now AS (SELECT 7 AS behavior_session_id, 2 AS event_time) "
        "SELECT trace_id, time, value FROM vbn.event_triggered(now, two, 1, 1, 0.5) ORDER BY trace_id, time"
    ).fetchall()
    times = np.arange(-1.0, 1.5, 0.5).tolist()
    values = {"a": [0.0, 1.0, 2.0, 3.0, 4.0], "b": [10.0, 15.0, 20.0, 10.0, 0.0]}
    assert found == [(trace, *row) for trace in "ab" for row in zip(times, values[trace], strict=True)]


def test_events_are_named_in_any_way(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """A table, a view, a common table expression, a DataFrame; by name or as text; whatever the names inside are."""
    columns = "SELECT ecephys_session_id, event_time FROM happened"
    con.execute(f"CREATE OR REPLACE TEMP TABLE as_table AS {columns}")
    frame = con.sql(columns).df()
    assert len(frame) > 60
    wanted = con.execute("FROM vbn.psth(as_table, 0, 1, 0.1) ORDER BY ALL").fetchall()
    assert wanted
    for events in ("'as_table'", "frame", "'frame'"):
        assert con.execute(f"FROM vbn.psth({events}, 0, 1, 0.1) ORDER BY ALL").fetchall() == wanted
    for name in ("mine", "_events", "_moments", "_windows", "_units", "units", "spikes"):
        for macro in ("psth", "spike_counts"):
            asked = f"WITH {name} AS ({columns}) FROM vbn.{macro}({name}, 0, 1, 0.1) ORDER BY ALL"
            plain = con.execute(f"FROM vbn.{macro}(as_table, 0, 1, 0.1) ORDER BY ALL").fetchall()
            assert con.execute(asked).fetchall() == plain


def test_each_schema_has_them(con: duckdb.DuckDBPyConnection) -> None:
    """And they ask their own schema's tables."""
    query = "SELECT function_name, comment FROM duckdb_functions() WHERE schema_name = ? AND comment IS NOT NULL"
    for schema in ("vbn", "vbn_v0_5_0"):
        made = dict(con.execute(query, [schema]).fetchall())
        assert {name: made.get(name) for name in VBN.macros} == {m.name: m.description for m in VBN.macros.values()}
        counted = con.execute(f"SELECT sum(spike_count) FROM {schema}.psth(moments, 0, 1, 1)").fetchone()
        assert counted == con.execute("SELECT sum(spike_count) FROM vbn.psth(moments, 0, 1, 1)").fetchone()


def test_they_return_what_is_described(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE OR REPLACE TEMP VIEW with_ids AS SELECT * EXCLUDE (even, number) FROM happened")
    con.execute("CREATE OR REPLACE TEMP VIEW trace AS SELECT *, speed AS value FROM vbn.running_speed")
    given = {"events": "with_ids", "trace": "trace", "before": "1", "after": "1", "bin_width": "0.5", "step": "0.5"}
    for macro in VBN.macros.values():
        if macro.is_table:
            arguments = ", ".join(given[parameter.name] for parameter in macro.parameters if not parameter.default)
            described = con.execute(f"DESCRIBE FROM vbn.{macro.name}({arguments})").fetchall()
            names = ["ecephys_session_id", "behavior_session_id", *(column.name for column in macro.columns)]
            assert [name for name, *_ in described if name != "event_time"] == names
            types = {column.name: sql_type(column.type) for column in macro.columns}
            assert {name: type for name, type, *_ in described if name in types} == types


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("psth(moments, 0, 1, 0)", "no whole bin"),
        ("psth(moments, 0, 1, 2)", "no whole bin"),
        ("spike_counts(moments, -1, 0.5, 0.1)", "no whole bin"),
        ("running_around(happened, 0, 1, 0)", "no whole bin"),
        ("spikes_around(moments, 0, -1)", "window is empty"),
        ("psth(nothing, 0, 1, 0.1)", "nothing"),
    ],
)
def test_what_cannot_be_asked_is_an_error(con: duckdb.DuckDBPyConnection, asked: str, said: str) -> None:
    with pytest.raises(duckdb.Error, match=said):
        con.execute(f"FROM vbn.{asked}").fetchall()


def test_events_without_a_time_are_no_events(con: duckdb.DuckDBPyConnection) -> None:
    times = "(VALUES (NULL), ('nan'::DOUBLE), ('inf'::DOUBLE), (1.0)) AS t (event_time)"
    con.execute(f"CREATE OR REPLACE TEMP VIEW timeless AS SELECT 1 AS ecephys_session_id, event_time FROM {times}")
    assert con.execute("SELECT DISTINCT event_count FROM vbn.psth(timeless, 0, 1, 1)").fetchall() == [(1,)]
    assert con.execute("SELECT DISTINCT event_time FROM vbn.spike_counts(timeless, 0, 1, 1)").fetchall() == [(1.0,)]
    assert con.execute("SELECT DISTINCT event_time FROM vbn.spikes_around(timeless, 0, 10)").fetchall() == [(1.0,)]


def test_only_the_sessions_and_units_asked_for_are_read(con: duckdb.DuckDBPyConnection) -> None:
    def read(query: str) -> str:
        return str(con.execute(f"EXPLAIN ANALYZE {query}").fetchall()[0][1])

    one = "WITH of_one AS (SELECT * FROM moments WHERE ecephys_session_id = 2) "
    assert "Total Files Read: 1" in read(f"{one} FROM vbn.psth(of_one, 0, 1, 0.1)")
    assert "Total Files Read: 2" in read("FROM vbn.psth(moments, 0, 1, 0.1)")


def test_a_unit_s_spikes_are_in_one_row_group_of_several(tmp_path: Path) -> None:
    """DuckDB reads a row group where its smallest and largest unit allow for one that is asked for."""
    spikes = {unit: np.sort(np.random.default_rng(unit).uniform(0, 9000, 50_000)) for unit in range(40)}
    lake = lake_of(Settings(data_dir=tmp_path))
    record = add_session(lake, 1, "a", columns=_session_columns(spikes, np.arange(9.0), np.arange(9.0)))
    groups = pq.ParquetFile(lake.path(record.tables["spike_times"])).metadata
    ranges = [groups.row_group(number).column(0).statistics for number in range(groups.num_row_groups)]
    assert len(ranges) > 1
    assert sum(range.min <= 33 <= range.max for range in ranges) == 1
