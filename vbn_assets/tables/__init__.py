"""Every table of the warehouse, described once. Whatever else speaks of a table is derived from here."""

from __future__ import annotations

from vbn_assets.tables import behavior, ecephys, metadata, releases
from vbn_assets.tables.model import Column, Entity, Storage, Table, View, by_name, conform

TABLES: dict[str, Table] = by_name((*metadata.TABLES, *behavior.TABLES, *ecephys.TABLES, *releases.TABLES))

VIEWS: dict[str, View] = {view.name: view for view in metadata.VIEWS}

SESSION_FILE_TABLES: dict[str, tuple[str, ...]] = {
    "ecephys_session": tuple(table.name for table in (*ecephys.TABLES, *behavior.TABLES)),
}
"""Which tables are read from one data file of a kind."""

__all__ = ["SESSION_FILE_TABLES", "TABLES", "VIEWS", "Column", "Entity", "Storage", "Table", "View", "conform"]
