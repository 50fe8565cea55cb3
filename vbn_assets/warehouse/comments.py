"""Descriptions as comments of the database, where browsers and `duckdb_columns()` show them."""

from __future__ import annotations

from collections.abc import Iterable

from vbn_assets.tables import Column
from vbn_assets.warehouse.queries import quoted, text


def comments(kind: str, name: str, description: str, columns: Iterable[Column]) -> str:
    """The statements that describe a table or view (`kind`) and its columns; `name` is quoted already."""
    statements = [f"COMMENT ON {kind} {name} IS {text(description)}"]
    for column in columns:
        meaning = f"{column.description} [{column.unit}]" if column.unit else column.description
        statements.append(f"COMMENT ON COLUMN {name}.{quoted(column.name)} IS {text(meaning)}")
    return ";".join(statements)
