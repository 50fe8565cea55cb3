"""SQL text: the queries in sql/, and quoting that leaves a name a name and a string a string."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def quoted(identifier: str) -> str:
    """An SQL identifier that can only be one."""
    return '"' + str(identifier).replace('"', '""') + '"'


def text(value: str) -> str:
    """An SQL string that can only be one."""
    return "'" + str(value).replace("'", "''") + "'"


def condition(con: duckdb.DuckDBPyConnection, wanted: str) -> str:
    """A user's condition for a WHERE, which a comment at its end does not reach beyond.

    Raises `ValueError` where it is none, or more than one, and `duckdb.Error` where it cannot be read.
    """
    if not wanted.strip():
        raise ValueError("it is empty")
    if len(con.extract_statements(f"SELECT 1 WHERE (\n{wanted}\n)")) != 1:
        raise ValueError("it is more than a condition")
    return f"(\n{wanted}\n)"


@cache
def query(name: str) -> str:
    """The text of a file in sql/."""
    return resources.files("vbn_assets.warehouse").joinpath("sql", name).read_text()


def all_queries() -> dict[str, str]:
    """Every query beside the claims, by file name."""
    files = resources.files("vbn_assets.warehouse").joinpath("sql").iterdir()
    return {name: query(name) for name in sorted(file.name for file in files) if name.endswith(".sql")}
