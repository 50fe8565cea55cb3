"""Every table of the warehouse, described once. Whatever else speaks of a table is derived from here.

What projects have in common is in modules named after it; `vbn` puts together what that project has.
"""

from __future__ import annotations

from vbn_assets.tables.model import Column, Entity, Macro, Storage, Table, View, conform

__all__ = ["Column", "Entity", "Macro", "Storage", "Table", "View", "conform"]
