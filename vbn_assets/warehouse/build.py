"""Contents into a DuckDB file: tables, views, macros, comments, and only as much work as changed.

Given a database attached as `warehouse` that shows something already (or nothing), make it show `contents`.
Deciding what to show belongs to `contents`; making the new file the one that readers open, to `publish`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path

import duckdb
import pyarrow as pa

from vbn_assets import __version__
from vbn_assets.projects import PROJECTS, Project
from vbn_assets.tables import Entity, Storage, Table, View
from vbn_assets.tables.defects import KNOWN_DEFECTS, known_defects
from vbn_assets.tables.releases import RELEASE_COLUMNS, RELEASES, WAREHOUSE_FILES
from vbn_assets.warehouse.comments import comments
from vbn_assets.warehouse.contents import ProjectContents, SchemaContents, Shown
from vbn_assets.warehouse.existing import Existing, columns_of_relations, file_key
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.macros import create_macros
from vbn_assets.warehouse.queries import all_queries, query, quoted, text
from vbn_assets.warehouse.release_diff import create_release_diff, release_columns

MADE_HERE = ("releases", "release_columns", "warehouse_files", "known_defects")
"""Tables that are about the warehouse itself, and so not in the lake."""


def registry_fingerprint(lake_dir: Path) -> str:
    """Changes when this package, its descriptions or the lake's place do: a database of others is not built upon."""
    described = [
        (project.name, table.name, table.storage, table.sql, table.columns)
        for project in PROJECTS.values()
        for table in project.tables.values()
    ]
    views = [view for project in PROJECTS.values() for view in project.views.values()]
    macros = [macro for project in PROJECTS.values() for macro in project.macros.values()]
    facts = (__version__, described, views, macros, all_queries(), known_defects(), str(lake_dir))
    return blake2b(repr(facts).encode(), digest_size=16).hexdigest()


def build(con: duckdb.DuckDBPyConnection, lake: Lake, contents: ProjectContents) -> bool:
    """Make the attached database show one project's contents. One transaction: all of it or nothing.

    Whether any table has other columns than before. If none has, the views and macros that are made of tables, in this
    project's schemas and elsewhere, are right as they are.
    """
    con.execute("BEGIN")
    existing = Existing.of(con)
    project, (current, *releases) = contents.project, contents.schemas
    changed = [release for release in releases if any(_to_be_made(project, release, existing))]
    for gone in _schemas_of(con, contents) - {schema.schema for schema in contents.schemas}:
        con.execute(f"DROP SCHEMA {quoted(gone)} CASCADE")
    for schema in (current, *changed):
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema.schema)}")
    _show_current(con, lake, project, current, existing)
    _describe_project(con, contents, current)
    for release in changed:
        _show_release(con, lake, project, release, existing)
    columns = columns_of_relations(con)
    reshaped = columns != existing.columns
    _replace_table(con, current.schema, RELEASE_COLUMNS.name, release_columns(lake, contents, columns))
    if reshaped:
        create_release_diff(con, contents)
    defects = _known_defects(contents)
    for schema in (current, *changed):
        _replace_table(con, schema.schema, "known_defects", defects)
        if reshaped:
            _create_views(con, project, schema)
            create_macros(con, project.macros, schema.schema)
        _comment(con, project, schema.schema)
    con.execute("COMMIT")
    return reshaped


def _show_current(
    con: duckdb.DuckDBPyConnection, lake: Lake, project: Project, current: SchemaContents, existing: Existing
) -> None:
    """The tables of the project's own schema. Only this has enough to compute to be worth waking more threads."""
    con.execute("RESET threads")
    for table, shown in _to_be_made(project, current, existing):
        if table.storage is Storage.ROWS:
            _fill(con, lake, existing, current.schema, table, shown)
        else:
            _show(con, lake, current.schema, table, shown)
    con.execute("SET threads = 1")


def _show_release(
    con: duckdb.DuckDBPyConnection, lake: Lake, project: Project, release: SchemaContents, existing: Existing
) -> None:
    for table, shown in _to_be_made(project, release, existing):
        _show(con, lake, release.schema, table, shown)
    _replace_table(con, release.schema, "warehouse_files", _provenance(release))


def _to_be_made(
    project: Project, contents: SchemaContents, existing: Existing
) -> Iterator[tuple[Table, Sequence[Shown]]]:
    """The tables from the lake that are not there yet, or of other files; each with its files."""
    for table in project.tables.values():
        shown = contents.tables[table.name]
        if table.name not in MADE_HERE and not existing.shows(contents.schema, table.name, shown):
            yield table, shown


def _describe_project(con: duckdb.DuckDBPyConnection, contents: ProjectContents, current: SchemaContents) -> None:
    _replace_table(con, current.schema, "warehouse_files", _provenance(current))
    facts = [
        {
            "release": release.version,
            "release_order": release.order,
            "is_current": release.version == contents.current,
            "manifest": contents.project.manifest_name(release.version),
            "manifest_hash": release.record.source.file_hash,
            "allensdk_version": release.record.facts.get("pipeline", {}).get("AllenSDK"),
            "held_sessions": len(_sessions(contents, release.version)),
        }
        for release in contents.releases
    ]
    described = RELEASES.schema
    schema = pa.schema([described.field(name) for name in facts[0]] if facts else described)
    con.register("release_facts", pa.Table.from_pylist(facts, schema))
    if facts:
        body = query("releases.sql").format(schema=quoted(current.schema))
        con.execute(f"CREATE OR REPLACE TABLE {quoted(current.schema)}.releases AS {body}")
    else:
        con.execute(f"CREATE OR REPLACE TABLE {quoted(current.schema)}.releases AS FROM release_facts")
    con.unregister("release_facts")


def _sessions(contents: ProjectContents, release: str) -> set[str]:
    schema = next(schema for schema in contents.schemas[1:] if schema.release == release)
    kind = contents.project.session_kind
    files = chain.from_iterable(schema.tables.values())
    return {shown.record.source.id for shown in files if shown.record.source.kind == kind}


def _fill(
    con: duckdb.DuckDBPyConnection, lake: Lake, existing: Existing, schema: str, table: Table, shown: Sequence[Shown]
) -> None:
    """Rows of the lake's files in a table of the database; files that are there already are left alone."""
    name = f"{quoted(schema)}.{quoted(table.name)}"
    columns = _columns(con, lake, table, shown)
    columns_before = existing.columns_of(schema, table.name)
    present = existing.paths_of(schema, table.name) if columns_before else {}
    wanted = {file_key(file): file for file in shown}
    if columns_before != columns or table.entity is Entity.FILE:
        con.execute(f"CREATE OR REPLACE TABLE {name} ({_ddl(columns)})")
        present = {}
    for key in present.keys() - wanted.keys():
        con.execute(f"DELETE FROM {name} WHERE {quoted(table.entity)} = ?", [_entity_id(present[key])])
    new = [file for key, file in wanted.items() if key not in present]
    if new:
        con.execute(f"INSERT INTO {name} BY NAME FROM {_rows(lake, table, new, _texts(shown))}")


def _show(con: duckdb.DuckDBPyConnection, lake: Lake, schema: str, table: Table, shown: Sequence[Shown]) -> None:
    """A view over the lake's files, with every described column even where there is no file."""
    columns = _columns(con, lake, table, shown)
    if shown:
        selected = ", ".join(_selected(name, type_, table, shown) for name, type_ in columns.items())
        rows = f"(SELECT {selected} FROM {_rows(lake, table, shown, _texts(shown))})"
    else:
        selected = ", ".join(f"NULL::{type_} AS {quoted(name)}" for name, type_ in columns.items())
        rows = f"(SELECT {selected} WHERE FALSE)"
    body = query(table.sql).format(rows=rows, schema=quoted(schema)) if table.sql else f"FROM {rows}"
    con.execute(f"CREATE OR REPLACE VIEW {quoted(schema)}.{quoted(table.name)} AS {body}")


def _selected(name: str, type_: str, table: Table, shown: Iterable[Shown]) -> str:
    """A column of the files, null where none of them has it: they are older than its description."""
    in_files = name == table.entity or any(name in file.file.columns for file in shown)
    return quoted(name) if in_files else f"NULL::{type_} AS {quoted(name)}"


def _rows(lake: Lake, table: Table, shown: Iterable[Shown], texts: Iterable[str]) -> str:
    """The rows of the files, by the names of their columns; those in `texts` as text."""
    alike: dict[tuple[str, ...], list[Shown]] = defaultdict(list)
    for file in shown:
        alike[tuple(file.file.columns.get(name, "") for name in texts)].append(file)
    parts = []
    for files in alike.values():
        replaced = [f"{quoted(name)}::VARCHAR AS {quoted(name)}" for name in texts if name in files[0].file.columns]
        columns = f"* REPLACE ({', '.join(replaced)})" if replaced else "*"
        parts.append(f"SELECT {columns} FROM {_read_parquet(lake, table, files)}")
    return f"({' UNION ALL BY NAME '.join(parts)})"


def _texts(shown: Iterable[Shown]) -> list[str]:
    """Columns that are lists in one file and single values in another, which only text can be of both.

    A writer of NWB leaves a list's index out where there happen to be as many entries as rows.
    """
    are_lists: dict[str, set[bool]] = defaultdict(set)
    for file in _unlike(shown):
        for name, type_ in file.file.columns.items():
            are_lists[name].add(type_.startswith("list"))
    return [name for name, both in are_lists.items() if len(both) > 1]


def _read_parquet(lake: Lake, table: Table, shown: Sequence[Shown]) -> str:
    files = ", ".join(text(f"{lake.root}/{file.file.path}") for file in shown)
    options = ["hive_partitioning = false"]
    if table.entity.is_column:
        options = ["hive_partitioning = true", f"hive_types = {{{text(table.entity)}: BIGINT}}"]
    if len(_unlike(shown)) > 1:
        options.append("union_by_name = true")
    return f"read_parquet([{files}], {', '.join(options)})"


def _columns(con: duckdb.DuckDBPyConnection, lake: Lake, table: Table, shown: Sequence[Shown]) -> dict[str, str]:
    """Column names and SQL types: the described ones, then those that only some release has.

    Nobody says what type the latter have: where files differ, it is one that holds the values of all.
    """
    types = {column.name: _sql_type(column.type) for column in table.columns}
    unlike = _unlike(shown)
    if any(file.file.columns.keys() - types.keys() for file in unlike):
        rows = con.execute(f"DESCRIBE FROM {_rows(lake, table, unlike, _texts(unlike))}").fetchall()
        types |= {row[0]: row[1] for row in rows if row[0] not in types}
    return types


def _unlike(shown: Iterable[Shown]) -> list[Shown]:
    """One file of each kind of columns, in names, order and types."""
    return list({tuple(file.file.columns.items()): file for file in shown}.values())


@cache
def _sql_type(type_: pa.DataType) -> str:
    """What DuckDB makes of an Arrow type; asked of its default database, since to open one takes longer."""
    return str(duckdb.from_arrow(pa.table({"value": pa.array([], type_)})).types[0])


def _entity_id(path: str) -> str | None:
    """The id in the folder name of a file's path, as text: DuckDB compares it as the column's type."""
    folder = path.split("/")[-2]
    return folder.partition("=")[2] or None


def _provenance(contents: SchemaContents) -> pa.Table:
    """`warehouse_files` of one schema."""
    rows = [
        {
            "table_name": shown.file.table,
            "kind": shown.record.source.kind,
            "id": shown.record.source.id,
            "release": shown.record.source.release,
            "in_step": shown.in_step,
            "file_hash": shown.record.source.file_hash,
            "key": shown.record.source.key,
            "version_id": shown.record.source.version_id,
            "reader_version": shown.file.reader_version,
            "row_count": shown.file.rows,
            "bytes": shown.file.bytes,
            "path": shown.file.path,
            "made_at": datetime.fromisoformat(shown.record.made_at),
        }
        for shown in chain.from_iterable(contents.tables.values())
    ]
    return pa.Table.from_pylist(rows, WAREHOUSE_FILES.schema)


def _known_defects(contents: ProjectContents) -> pa.Table:
    defects = [defect for defect in known_defects().values() if defect.project == contents.project.name]
    return pa.Table.from_pylist([row for defect in defects for row in defect.rows()], KNOWN_DEFECTS.schema)


def _replace_table(con: duckdb.DuckDBPyConnection, schema: str, name: str, rows: pa.Table) -> None:
    con.register("rows_of_table", rows)
    con.execute(f"CREATE OR REPLACE TABLE {quoted(schema)}.{quoted(name)} AS FROM rows_of_table")
    con.unregister("rows_of_table")


def _create_views(con: duckdb.DuckDBPyConnection, project: Project, contents: SchemaContents) -> None:
    schema, release = quoted(contents.schema), text(contents.release) if contents.release else "NULL::VARCHAR"
    for view in project.views.values():
        body = query(view.sql).format(schema=schema, release=release)
        con.execute(f"CREATE OR REPLACE VIEW {schema}.{quoted(view.name)} AS {body}")


def _comment(con: duckdb.DuckDBPyConnection, project: Project, schema: str) -> None:
    kinds = dict(con.execute(query("relations.sql"), {"schema": schema}).fetchall())
    all_described: list[Table | View] = [*project.tables.values(), *project.views.values()]
    for described in all_described:
        if described.name in kinds:
            name = f"{quoted(schema)}.{quoted(described.name)}"
            con.execute(comments(kinds[described.name], name, described.description, described.columns))


def _schemas_of(con: duckdb.DuckDBPyConnection, contents: ProjectContents) -> set[str]:
    rows = con.execute("SELECT schema_name FROM duckdb_schemas() WHERE database_name = 'warehouse'").fetchall()
    prefix = f"{contents.project.name}_v"
    return {row[0] for row in rows if row[0].startswith(prefix)}


def _ddl(columns: dict[str, str]) -> str:
    return ", ".join(f"{quoted(name)} {type_}" for name, type_ in columns.items())


def _told_of(shown: Shown) -> tuple[str | int, ...]:
    """What tells a file, and the release it is of: one that knew none before may have taken it up."""
    return *file_key(shown), shown.record.source.release or ""


def contents_fingerprint(contents: ProjectContents) -> str:
    """The same for two contents that would make the same database."""
    facts = [
        (
            schema.schema,
            schema.release,
            sorted((*_told_of(file), file.in_step) for file in chain(*schema.tables.values())),
        )
        for schema in contents.schemas
    ]
    return blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
