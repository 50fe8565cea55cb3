"""`release_diff` tells every file, column and value that differs between two releases, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from vbn_assets.pipeline import Workspace, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.warehouse.made import add_release, lake_of, table_of

RELEASES = ("0.3.0", "0.4.0", "0.5.0")
METADATA = VBN.metadata_tables


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def diff(settings: Settings, before: str, after: str, columns: str, where: str = "TRUE") -> list[tuple[Any, ...]]:
    with open_warehouse(settings.warehouse_path) as con:
        query = f"SELECT {columns} FROM vbn.release_diff(?, ?) WHERE {where} ORDER BY ALL"
        return con.execute(query, [before, after]).fetchall()


def channels(ids: list[int], **columns: Any) -> dict[str, Any]:
    described = {name: pa.array(ids, pa.int64()) for name in ("ecephys_channel_id", "ecephys_probe_id")}
    return {"channels": table_of("channels", **described, ecephys_session_id=[9] * len(ids), **columns)}


def test_rows_that_came_and_went_and_each_value_that_changed(settings: Settings) -> None:
    lake = lake_of(settings)
    before = channels([1, 2, 3], unit_count=[0, None, 5], structure_acronym=["CA1", "CA1", None])
    after = channels([2, 3, 4], unit_count=[7, 5, 5], structure_acronym=["CA1", "DG", "it's"])
    add_release(lake, "0.4.0", {}, readings=before)
    add_release(lake, "0.5.0", {}, readings=after)
    publish(settings)
    columns = "id, change, column_name, before, after, ecephys_session_id"
    there = [
        ("1", "removed", None, None, None, 9),
        ("2", "changed", "unit_count", None, "7", 9),
        ("3", "changed", "structure_acronym", None, "DG", 9),
        ("4", "added", None, None, None, 9),
    ]
    assert diff(settings, "0.4.0", "0.5.0", columns, "what = 'row'") == there
    back = [
        ("1", "added", None, None, None, 9),
        ("2", "changed", "unit_count", "7", None, 9),
        ("3", "changed", "structure_acronym", "DG", None, 9),
        ("4", "removed", None, None, None, 9),
    ]
    assert diff(settings, "0.5.0", "0.4.0", columns, "what = 'row'") == back
    assert diff(settings, "0.5.0", "0.5.0", "*") == []


def test_a_column_that_came_is_one_row_not_one_for_each_value(settings: Settings) -> None:
    """`quality` is described and null where it is absent, `depth` is not described."""
    ids = {name: [1, 2] for name in ("unit_id", "ecephys_channel_id", "ecephys_probe_id", "ecephys_session_id")}
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {}, readings={"units": table_of("units", **ids)})
    came = table_of("units", **ids, quality=["good", "noise"], depth=[1, 2])
    add_release(lake, "0.5.0", {}, readings={"units": came})
    publish(settings)
    assert diff(settings, "0.4.0", "0.5.0", "what, column_name, change, before, after", "what <> 'file'") == [
        ("column", "depth", "added", None, "BIGINT"),
        ("column", "quality", "added", None, "VARCHAR"),
    ]
    assert diff(settings, "0.5.0", "0.4.0", "column_name, change", "what <> 'file'") == [
        ("depth", "removed"),
        ("quality", "removed"),
    ]


def test_another_type_is_told_and_equal_values_stay_equal(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {}, readings=channels([1, 2], depth=[10, 20]))
    add_release(lake, "0.5.0", {}, readings=channels([1, 2], depth=[10.0, 20.5]))
    publish(settings)
    assert diff(settings, "0.4.0", "0.5.0", "what, id, column_name, before, after", "what <> 'file'") == [
        ("column", None, "depth", "BIGINT", "DOUBLE"),
        ("row", "2", "depth", "20.0", "20.5"),
    ]


def test_files_are_compared_by_what_they_are_about(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {1: "a", 2: "b", 3: "c"})
    add_release(lake, "0.5.0", {1: "a", 2: "x", 4: "d"})
    publish(settings)
    assert diff(settings, "0.4.0", "0.5.0", "table_name, id, change, left(before, 1), left(after, 1)") == [
        ("ecephys_session", "2", "changed", "b", "x"),
        ("ecephys_session", "3", "removed", "c", None),
        ("ecephys_session", "4", "added", None, "d"),
    ]


@pytest.mark.parametrize("asked", [("0.4.0", "0.6.0"), ("0.6.0", "0.4.0"), ("x", "x"), ("0.4.0", None)])
def test_a_release_that_is_not_held_is_an_error(settings: Settings, asked: tuple[str, str]) -> None:
    add_release(lake_of(settings), "0.4.0", {})
    publish(settings)
    for wanted in ("*", "count(*)"):
        with pytest.raises(duckdb.Error, match="is not held"):
            diff(settings, *asked, wanted)


def test_a_warehouse_without_releases_has_the_macro_too(settings: Settings) -> None:
    publish(settings)
    with open_warehouse(settings.warehouse_path) as con:
        assert con.execute("SELECT count(*) FROM vbn.units_of_releases").fetchone() == (0,)
        described = con.execute("SELECT comment FROM duckdb_functions() WHERE function_name = 'release_diff'")
        assert "column_name" in str(described.fetchone())


@pytest.fixture(scope="module")
def sample(sample_bucket: SampleProcess, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    settings = Settings(data_dir=tmp_path_factory.mktemp("releases"), endpoint_url=sample_bucket.endpoint)
    workspace = Workspace(settings, VBN)
    for version in RELEASES:
        refresh_release(workspace, version)
    publish(settings)
    return workspace


@pytest.mark.parametrize(("before", "after"), [*pairwise(RELEASES), ("0.5.0", "0.3.0")])
def test_the_sample_s_releases_differ_as_a_plain_loop_finds(sample: Workspace, before: str, after: str) -> None:
    with open_warehouse(sample.settings.warehouse_path) as con:
        told = con.execute(
            "SELECT table_name, id, change, column_name, before, after FROM vbn.release_diff(?, ?) WHERE what = 'row'",
            [before, after],
        ).fetchall()
        columns = con.execute("SELECT release, table_name, column_name FROM vbn.release_columns").fetchall()
        had = {key: {name for *k, name in columns if tuple(k) == key} for key in product(RELEASES, METADATA)}
        expected = [
            difference
            for name in METADATA
            for difference in _differences(
                name, _rows(con, name, before), _rows(con, name, after), had[before, name] & had[after, name]
            )
        ]
    assert len(expected) > 5
    assert sorted(told, key=str) == sorted(expected, key=str)


def _rows(con: duckdb.DuckDBPyConnection, table: str, release: str) -> dict[str, dict[str, str | None]]:
    schema = f"vbn_v{release}".replace(".", "_")
    rows = con.sql(f"SELECT COLUMNS(*)::VARCHAR FROM {schema}.{table}").to_arrow_table().to_pylist()
    (key,) = VBN.tables[table].key
    return {row[key]: row for row in rows}


def _differences(table: str, old: dict[str, Any], new: dict[str, Any], columns: set[str]) -> Iterator[tuple[Any, ...]]:
    yield from ((table, id, "removed", None, None, None) for id in old.keys() - new.keys())
    yield from ((table, id, "added", None, None, None) for id in new.keys() - old.keys())
    for id in old.keys() & new.keys():
        for column in columns:
            before, after = old[id][column], new[id][column]
            if before != after:
                yield table, id, "changed", column, before, after
