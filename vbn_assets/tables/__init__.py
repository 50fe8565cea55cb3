"""Every table of the warehouse, described once. Whatever else speaks of a table is derived from here."""

from __future__ import annotations

from vbn_assets.tables import behavior, defects, ecephys, eye_tracking, images, lfp, metadata, releases, task
from vbn_assets.tables.model import Column, Entity, Storage, Table, View, by_name, conform

_BEHAVIOR = (*behavior.TABLES, *eye_tracking.TABLES, *task.TABLES, *images.TABLES)

TABLES: dict[str, Table] = by_name(
    (*metadata.TABLES, *_BEHAVIOR, *ecephys.TABLES, *lfp.TABLES, *images.SHARED, *releases.TABLES, *defects.TABLES)
)

VIEWS: dict[str, View] = {
    view.name: view for view in (*metadata.VIEWS, *task.VIEWS, *images.VIEWS, *lfp.VIEWS, *defects.VIEWS)
}

SESSION_FILE_TABLES: dict[str, tuple[str, ...]] = {
    "ecephys_session": tuple(table.name for table in (*ecephys.TABLES, *_BEHAVIOR)),
    "behavior_session": tuple(table.name for table in _BEHAVIOR),
    "probe_lfp": tuple(table.name for table in lfp.TABLES),
}
"""Which tables are read from one data file of a kind."""

__all__ = ["SESSION_FILE_TABLES", "TABLES", "VIEWS", "Column", "Entity", "Storage", "Table", "View", "conform"]
