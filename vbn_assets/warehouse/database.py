"""Opening the published warehouse for reading. Nobody opens it for writing: `publish` swaps in a new file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vbn_assets.errors import WarehouseError
from vbn_assets.warehouse.queries import text

if TYPE_CHECKING:
    import duckdb


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to warehouse.duckdb; any number of readers may have one.

    While one is open, others of this process see what it sees; `attach_warehouse` sees the latest publish. Raises
    `WarehouseError` if there is no warehouse yet or if another program keeps it open for writing.
    """
    import duckdb

    with _opening(path):
        return duckdb.connect(str(path), read_only=True)


def attach_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection of its own, in memory, that reads warehouse.duckdb as it is now. Raises as `open_warehouse` does."""
    import duckdb

    con = duckdb.connect()
    with _opening(path):
        con.execute(f"ATTACH {text(str(path))} AS warehouse (READ_ONLY)")
        con.execute("USE warehouse")
    return con


@contextmanager
def _opening(path: Path) -> Iterator[None]:
    import duckdb

    if not path.exists():
        raise WarehouseError("there is no warehouse yet", file=str(path), remedy="Run `vbn sync` to make it.")
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError(
            f"cannot be opened: {str(error).splitlines()[0]}",
            file=str(path),
            remedy="If another program has it open for writing, open it with read_only=True there; if it is broken, "
            "`vbn publish` makes it anew.",
        ) from error
