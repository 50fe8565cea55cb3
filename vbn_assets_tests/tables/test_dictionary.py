"""docs/tables.md is what the descriptions say, describes everything, and its queries can be asked."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from vbn_assets.projects import PROJECTS, Project
from vbn_assets.settings import Settings
from vbn_assets.tables.defects import known_defects
from vbn_assets.tables.dictionary import TOPICS, dictionary, sql_type
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.warehouse.made import add_release, add_session, lake_of

DOCS = Path(__file__).parents[2] / "docs" / "tables.md"


def test_the_committed_file_is_what_the_descriptions_give() -> None:
    assert DOCS.read_text() == dictionary(), "run `make docs`"


def test_everything_has_its_place() -> None:
    placed = [entry.name for topic in TOPICS for entry in (*topic.tables, *topic.views)]
    described = {name for project in PROJECTS.values() for name in (*project.tables, *project.views)}
    assert sorted(placed) == sorted(described)
    called = {name for project in PROJECTS.values() for name in project.macros}
    for name in (*placed, *called, *known_defects()):
        assert DOCS.read_text().count(f"\n### {name}\n") == 1


def test_every_link_leads_somewhere() -> None:
    text = DOCS.read_text()
    headings = {line.removeprefix("### ") for line in text.splitlines() if line.startswith("### ")}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_the_warehouse_has_what_is_described(tmp_path: Path, project: Project) -> None:
    """Every table and view its columns in order, of their types, each with its meaning as a comment."""
    settings = Settings(data_dir=tmp_path)
    publish(settings)
    with open_warehouse(settings.warehouse_path) as con:
        query = "SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = ?"
        rows = con.execute(f"{query} ORDER BY table_name, column_index", [project.name]).fetchall()
    for described in [*project.tables.values(), *project.views.values()]:
        shown = [(name, _plain(type)) for table, name, type, _ in rows if table == described.name]
        assert shown == [(column.name, _plain(sql_type(column.type))) for column in described.columns]
        comments = [comment for table, *_, comment in rows if table == described.name]
        assert all(column.description in said for column, said in zip(described.columns, comments, strict=True))


def _plain(type: str) -> str:
    """Without the quotes that DuckDB puts around some names."""
    return type.replace('"', "")


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    settings = Settings(data_dir=tmp_path_factory.mktemp("dictionary"))
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {1: "a"})
    add_release(lake, "0.5.0", {1: "b"})
    add_session(lake, 1, "b", "0.5.0")
    publish(settings)
    return open_warehouse(settings.warehouse_path)


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", dictionary(), re.DOTALL))
def test_its_queries_can_be_asked(con: duckdb.DuckDBPyConnection, query: str) -> None:
    assert con.execute(query).description
