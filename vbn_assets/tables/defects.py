"""What is known to be wrong in the published data, as rows, and the views by which a query can allow for it.

The defects themselves are in known_defects.toml beside this module. Finding them in the data is for
`warehouse/defects.py`. Nothing here or there changes a released value.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from vbn_assets.tables.behavior import STIMULUS_PRESENTATIONS
from vbn_assets.tables.model import BOOL, I64, STR, UTC, Column, Entity, Table, View
from vbn_assets.tables.releases import WAREHOUSE_FILES
from vbn_assets.tables.vbn_metadata import ECEPHYS_SESSIONS, UNITS

KNOWN_DEFECTS = Table(
    name="known_defects",
    description="What is known to be wrong, missing or misleading in the released data. Values stay as released.",
    entity=Entity.RELEASE,
    columns=(
        Column("project", STR, "vbn or vbo", nullable=False),
        Column("defect", STR, "Its name; the check that finds it in the data has the same", nullable=False),
        Column("first_release", STR, "First release that has it; null: the first there is"),
        Column("last_release", STR, "Last release that has it; null: none is known without"),
        Column("kind", STR, "What `id` is the id of; null: sessions with and without probes"),
        Column("id", I64, "The session it is about; null: all, or those that the check finds"),
        Column("table_name", STR, "Table", nullable=False),
        Column("column_name", STR, "Column", nullable=False),
        Column("description", STR, "What is wrong", nullable=False),
        Column("source", STR, "Who found it: an issue of AllenSDK, the change log, a document", nullable=False),
        Column("remedy", STR, "What to do about it", nullable=False),
    ),
)

TABLES = (KNOWN_DEFECTS,)

VIEWS = (
    View(
        name="defects_shown",
        description="The known defects of what this schema shows: one row for each column and source file.",
        sql="defects_shown.sql",
        own_columns=(
            KNOWN_DEFECTS.column("defect"),
            KNOWN_DEFECTS.column("table_name"),
            KNOWN_DEFECTS.column("column_name"),
            *(WAREHOUSE_FILES.column(name) for name in ("kind", "id", "release")),
            Column("session_id", I64, "The session that has it; null: all, or those that the check finds"),
            *(KNOWN_DEFECTS.column(name) for name in ("description", "source", "remedy")),
        ),
    ),
    View(
        name="stimulus_presentations_without_spurious_omissions",
        description="stimulus_presentations without omissions before the first trial, which never happened.",
        sql="stimulus_presentations_without_spurious_omissions.sql",
        beside=STIMULUS_PRESENTATIONS,
        own_columns=(),
    ),
)

VBN_VIEWS = (
    View(
        name="ecephys_sessions_with_corrections",
        description="ecephys_sessions as released, and beside it what is right or unambiguous.",
        sql="ecephys_sessions_with_corrections.sql",
        beside=ECEPHYS_SESSIONS,
        own_columns=(
            Column(
                "date_of_acquisition_utc",
                UTC,
                "True start of the session, from behavior_sessions; else the text read as US/Pacific time",
            ),
            Column("recording_day", I64, "session_number under an unambiguous name"),
            Column("session_number_of_mouse", I64, "Running number of the mouse's sessions, from behavior_sessions"),
            Column("is_abnormal", BOOL, "Abnormal histology or activity: AllenSDK hides it by default"),
            Column("has_ccf", BOOL, "Whether any channel has a position in the CCF"),
        ),
    ),
    View(
        name="units_with_flags",
        description="units as released, and beside them what to know before taking their values.",
        sql="units_with_flags.sql",
        beside=UNITS,
        own_columns=(
            Column("amplitude_cutoff_is_ceiling", BOOL, "amplitude_cutoff is 0.5: at least that, not measured"),
            Column("has_ccf", BOOL, "Whether the unit has a position in the CCF: neither null nor (0, 0, 0)"),
            Column("scaling_may_be_wrong", BOOL, "Of a release in which most sessions' amplitudes are wrong by 2"),
            Column("parent_structure_acronym", STR, "structure_acronym up to its first '-', as AllenSDK's channels"),
        ),
    ),
)


@dataclass(frozen=True)
class Defect:
    """One entry of known_defects.toml."""

    name: str
    project: str
    columns: tuple[str, ...]
    """As `table.column`."""
    description: str
    source: str
    remedy: str
    kind: str | None = None
    ids: tuple[int, ...] = ()
    first_release: str | None = None
    last_release: str | None = None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Its rows of `known_defects`: one for each column and id."""
        for column in self.columns:
            table_name, _, column_name = column.partition(".")
            for id in self.ids or (None,):
                yield {
                    "project": self.project,
                    "defect": self.name,
                    "first_release": self.first_release,
                    "last_release": self.last_release,
                    "kind": self.kind,
                    "id": id,
                    "table_name": table_name,
                    "column_name": column_name,
                    "description": self.description,
                    "source": self.source,
                    "remedy": self.remedy,
                }


@cache
def known_defects() -> dict[str, Defect]:
    """Every known defect of every project, by name."""
    text = resources.files("vbn_assets.tables").joinpath("known_defects.toml").read_text()
    entries = tomllib.loads(text)["defect"]
    return {
        entry["name"]: Defect(**entry | {"columns": tuple(entry["columns"]), "ids": tuple(entry.get("ids", ()))})
        for entry in entries
    }
