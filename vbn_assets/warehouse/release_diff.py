"""`release_diff(before, after)`: a table macro of the warehouse that tells what differs between two releases.

It compares files by what they are about, and the metadata tables column by column and value by value, whatever
releases are asked for: nothing is computed at publishing. It reads `release_columns` and `<table>_of_releases`, the
views made here that put one metadata table of all releases together. Comparing two files while publishing is for
`compare`.
"""

from __future__ import annotations

import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from vbn_assets.projects import Project
from vbn_assets.tables import Table
from vbn_assets.tables.model import PRESENT_COLUMNS
from vbn_assets.tables.releases import RELEASE_COLUMNS
from vbn_assets.warehouse.contents import ProjectContents, Shown
from vbn_assets.warehouse.existing import Columns
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.queries import query, quoted, text

DESCRIPTION = (
    "What differs from one release to another: (what: file, column or row; table_name, or a file's kind; id; "
    "column_name; change: added, removed, changed or moved; before; after; {recording_id}; behavior_session_id)"
)


def release_columns(lake: Lake, contents: ProjectContents, columns: Columns) -> pa.Table:
    """Table `release_columns`: what the CSVs of each release really had, in their order.

    `columns` are those of the warehouse, which has all releases already.
    """
    rows = []
    for release in contents.schemas[1:]:
        for name in contents.project.metadata_tables:
            types = dict(columns[release.schema, name])
            rows += [
                {
                    "release": release.release,
                    "table_name": name,
                    "column_order": order,
                    "column_name": column,
                    "data_type": types[column],
                }
                for shown in release.tables[name]
                for order, column in enumerate(_columns_in_source(lake, shown), start=1)
            ]
    return pa.Table.from_pylist(rows, RELEASE_COLUMNS.schema)


def create_release_diff(con: duckdb.DuckDBPyConnection, contents: ProjectContents) -> None:
    """Make the macro and its views in the project's schema; all that they read must be there."""
    project, schema = contents.project, contents.project.name
    tables = [project.tables[name] for name in project.metadata_tables]
    for table in tables:
        _create_view_of_releases(con, contents, table)
    rows = "\nUNION ALL\n".join(_differing_rows(con, project, table) for table in tables)
    body = query("release_diff.sql").format(schema=quoted(schema), recording_id=project.recording_id, rows=rows)
    con.execute(f"CREATE OR REPLACE MACRO {quoted(schema)}.release_diff(before_release, after_release) AS TABLE {body}")
    description = DESCRIPTION.format(recording_id=project.recording_id)
    con.execute(f"COMMENT ON MACRO TABLE {quoted(schema)}.release_diff IS {text(description)}")


def _create_view_of_releases(con: duckdb.DuckDBPyConnection, contents: ProjectContents, table: Table) -> None:
    """`units_of_releases`: the rows of every release held, with their release; null where a release lacks a column."""
    current, *releases = contents.schemas
    view = f"{quoted(current.schema)}.{quoted(view_of_releases(table))}"
    columns = f"SELECT NULL::VARCHAR AS release, * FROM {quoted(current.schema)}.{quoted(table.name)} WHERE FALSE"
    rows = [
        f"SELECT {text(release.release or '')} AS release, * FROM {quoted(release.schema)}.{quoted(table.name)}"
        for release in releases
    ]
    con.execute(f"CREATE OR REPLACE VIEW {view} AS {' UNION ALL BY NAME '.join([columns, *rows])}")
    con.execute(f"COMMENT ON VIEW {view} IS {text(f'{table.name} of every release held')}")


def view_of_releases(table: Table) -> str:
    return f"{table.name}_of_releases"


def _differing_rows(con: duckdb.DuckDBPyConnection, project: Project, table: Table) -> str:
    """The query for what differs in one metadata table, with every column that any release has."""
    rows = f"{quoted(project.name)}.{quoted(view_of_releases(table))}"
    columns = [row[0] for row in con.execute(f"DESCRIBE {rows}").fetchall() if row[0] != "release"]
    values = [name for name in columns if name not in table.key]
    return query("release_diff_rows.sql").format(
        table=text(table.name),
        rows=rows,
        key=quoted(table.key[0]),
        id=" || '/' || ".join(f"{_either(name)}::VARCHAR" for name in table.key),
        same_key=" AND ".join(f"old.{quoted(name)} = new.{quoted(name)}" for name in table.key),
        any_difference=" OR ".join(map(_differs, values)),
        differences=",\n".join(map(_difference, values)),
        recording_id=project.recording_id,
        its_recording=_either(project.recording_id) if project.recording_id in columns else "NULL::BIGINT",
        its_behavior_session=_either("behavior_session_id") if "behavior_session_id" in columns else "NULL::BIGINT",
    )


def _either(name: str) -> str:
    return f"coalesce(new.{quoted(name)}, old.{quoted(name)})"


def _differs(name: str) -> str:
    return f"old.{quoted(name)} IS DISTINCT FROM new.{quoted(name)}"


def _difference(name: str) -> str:
    """One value's change, or null: the text is made only of what differs."""
    before, after = (f"{side}.{quoted(name)}::VARCHAR" for side in ("old", "new"))
    return f"CASE WHEN {_differs(name)} THEN {{'column_name': {text(name)}, 'before': {before}, 'after': {after}}} END"


def _columns_in_source(lake: Lake, shown: Shown) -> list[str]:
    metadata = pq.read_schema(lake.path(shown.file)).metadata or {}
    present: list[str] = json.loads(metadata.get(PRESENT_COLUMNS, b"[]"))
    return present or list(shown.file.columns)
