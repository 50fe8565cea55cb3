"""Two states of one table side by side: which rows came, went and changed, and in which columns."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from vbn_assets.tables import Table
from vbn_assets.warehouse.lake import Lake, TableFile
from vbn_assets.warehouse.queries import quoted


@dataclass(frozen=True)
class TableDiff:
    """Rows by key, and columns by name, from one file of a table to another."""

    added: int
    removed: int
    changed: int
    unchanged: int
    changed_columns: tuple[str, ...]
    new_columns: tuple[str, ...]
    lost_columns: tuple[str, ...]


def compare_files(lake: Lake, table: Table, before: TableFile, after: TableFile) -> TableDiff:
    """How `after` differs from `before`, row by row of the table's key. The table must have one."""
    key = [name for name in table.key if name in after.columns]
    values = [name for name in after.columns if name in before.columns and name not in key]
    joined = " AND ".join(f"a.{quoted(name)} = b.{quoted(name)}" for name in key)
    differs = [_differs(name, as_text=before.columns[name] != after.columns[name]) for name in values] or ["FALSE"]
    first = quoted(key[0])
    counted = ", ".join(f"count(*) FILTER (both_there AND d{i})" for i in range(len(differs)))
    columns = ", ".join(f"{expression} AS d{i}" for i, expression in enumerate(differs))
    any_differs = " OR ".join(f"d{i}" for i in range(len(differs)))
    with duckdb.connect() as con:
        con.register("a", lake.read(after))
        con.register("b", lake.read(before))
        row = con.execute(
            f"WITH pairs AS (SELECT a.{first} IS NOT NULL AS is_there, b.{first} IS NOT NULL AS was_there, "
            f"is_there AND was_there AS both_there, {columns} FROM a FULL JOIN b ON {joined}) "
            "SELECT count(*) FILTER (NOT was_there), count(*) FILTER (NOT is_there), "
            f"count(*) FILTER (both_there AND ({any_differs})), count(*) FILTER (both_there AND NOT ({any_differs})), "
            f"{counted} FROM pairs"
        ).fetchone()
    assert row is not None
    return TableDiff(
        added=row[0],
        removed=row[1],
        changed=row[2],
        unchanged=row[3],
        changed_columns=tuple(name for name, count in zip(values, row[4:], strict=False) if count),
        new_columns=tuple(name for name in after.columns if name not in before.columns),
        lost_columns=tuple(name for name in before.columns if name not in after.columns),
    )


def _differs(name: str, *, as_text: bool) -> str:
    """Whether a column's two values differ; those of two types do where they are written differently."""
    a, b = (f"{side}.{quoted(name)}" + "::VARCHAR" * as_text for side in ("a", "b"))
    return f"({a} IS DISTINCT FROM {b})"
