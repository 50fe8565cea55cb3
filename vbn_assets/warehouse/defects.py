"""Known defects looked for in the published data itself: which sessions have them, and which nobody had listed.

Each query in sql/defects bears the name of the defect in `vbn_assets/tables/known_defects.toml` that it finds. It
selects (id, rows): what has the defect, and how many rows of it. Nothing is changed, and nothing is kept back.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from vbn_assets.tables.defects import Defect, known_defects
from vbn_assets.warehouse.queries import query, quoted

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class FoundDefect:
    """Where the data of one schema has a known defect."""

    defect: Defect
    rows: dict[int, int]
    """How many rows have it, by the id of their session or probe."""

    @property
    def name(self) -> str:
        return self.defect.name

    @property
    def table(self) -> str:
        """The table that shows it."""
        return self.defect.columns[0].partition(".")[0]

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(self.rows)

    @property
    def unlisted(self) -> tuple[int, ...]:
        """Ids that the registry does not name, where it names any."""
        return tuple(id for id in self.rows if id not in self.defect.ids) if self.defect.ids else ()


def findable_defects(project: str) -> list[Defect]:
    """The project's known defects that a query can find, in the registry's order."""
    return [defect for name, defect in known_defects().items() if defect.project == project and name in _queries()]


def find_defect(con: duckdb.DuckDBPyConnection, defect: Defect) -> FoundDefect:
    """Where the schema of the defect's project has it: the current release, as far as it is held."""
    con.execute(f"USE {quoted(defect.project)}")
    return FoundDefect(defect, dict(con.execute(f"{query(f'defects/{defect.name}.sql')} ORDER BY id").fetchall()))


def find_defects(con: duckdb.DuckDBPyConnection, project: str) -> list[FoundDefect]:
    """Every known defect that a query can find, with the ids that have it; none for those that are not there."""
    return [find_defect(con, defect) for defect in findable_defects(project)]


@cache
def _queries() -> frozenset[str]:
    folder = resources.files("vbn_assets.warehouse").joinpath("sql", "defects")
    return frozenset(file.name.removesuffix(".sql") for file in folder.iterdir())
