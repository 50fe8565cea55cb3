"""What an attached warehouse shows before a publish, read once, so that what stays the same is left alone.

Deciding what it should show belongs to `contents`, changing it to `build`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from vbn_assets.warehouse.contents import Shown
from vbn_assets.warehouse.queries import quoted

if TYPE_CHECKING:
    import duckdb

Columns = Mapping[tuple[str, str], Sequence[tuple[str, str]]]
"""Names and SQL types of columns, in order, by schema and relation."""
FileKey = tuple[str, str, str, str, int]
"""What makes two source files of a table the same: table, kind, id, hash and reader version."""


def file_key(shown: Shown) -> FileKey:
    source = shown.record.source
    return shown.file.table, source.kind, source.id, source.file_hash, shown.file.reader_version


def columns_of_relations(con: duckdb.DuckDBPyConnection) -> Columns:
    """Of every table and view of the database attached as `warehouse`."""
    columns: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for schema, name, column, type_ in con.execute(
        "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = 'warehouse' ORDER BY column_index"
    ).fetchall():
        columns[schema, name].append((column, type_))
    return columns


@dataclass(frozen=True)
class Existing:
    """The relations of a database, and the lake's files that each of its tables and views shows."""

    columns: Columns
    paths: Mapping[tuple[str, str], Mapping[FileKey, str]]
    """Each file's path in the lake, by schema and table."""

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection) -> Self:
        """Of the database attached as `warehouse`."""
        columns = columns_of_relations(con)
        paths: dict[tuple[str, str], dict[FileKey, str]] = defaultdict(dict)
        for schema in [schema for schema, name in columns if name == "warehouse_files"]:
            for *key, path in con.execute(
                f"SELECT table_name, kind, id, file_hash, reader_version, path FROM {quoted(schema)}.warehouse_files"
            ).fetchall():
                table, kind, id, file_hash, reader_version = key
                paths[schema, table][table, kind, id, file_hash, reader_version] = path
        return cls(columns, paths)

    def columns_of(self, schema: str, name: str) -> Mapping[str, str]:
        """Empty where there is no such relation."""
        return dict(self.columns.get((schema, name), ()))

    def paths_of(self, schema: str, table: str) -> Mapping[FileKey, str]:
        return self.paths.get((schema, table), {})

    def shows(self, schema: str, table: str, shown: Iterable[Shown]) -> bool:
        """Whether a table or view is there, and of exactly these files."""
        return (schema, table) in self.columns and self.paths_of(schema, table).keys() == set(map(file_key, shown))
