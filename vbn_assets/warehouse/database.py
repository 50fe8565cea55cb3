"""Opening the published warehouse for reading. Nobody opens it for writing: `publish` swaps in a new file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vbn_assets.errors import WarehouseError

if TYPE_CHECKING:
    import duckdb


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to warehouse.duckdb; any number of readers may have one.

    Raises `WarehouseError` if there is no warehouse yet or if another program keeps it open for writing.
    """
    import duckdb

    if not path.exists():
        raise WarehouseError("there is no warehouse yet", file=str(path), remedy="Run `vbn sync` to make it.")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise WarehouseError(
            f"cannot be opened: {str(error).splitlines()[0]}",
            file=str(path),
            remedy="Another program may have it open for writing (open it with read_only=True there).",
        ) from error
