"""Which files of a release this machine holds, which are out of step with it, and which are missing.

The answer comes from the lake's records, whoever made them: a Dagster run, the `vbn` command or a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from vbn_assets.pipeline import Workspace, select_sessions
from vbn_assets.projects import PROJECTS, FileKind
from vbn_assets.releases.manifest import Release, ReleaseFile
from vbn_assets.tables import Table
from vbn_assets.warehouse.lake import Record


class State(StrEnum):
    HELD = "held"
    """The tables of this release's very file are in the lake."""
    STALE = "stale"
    """The lake has the tables of another release's file only."""
    UNSOUND = "unsound"
    """The tables were made, but a claim about them is broken: they are not published."""
    MISSING = "missing"


@dataclass(frozen=True)
class Holding:
    """One data file of a release, and what the lake has of it."""

    session_id: int
    """The session or imaging plane it is about; of an LFP file, the session it belongs to."""
    file: ReleaseFile
    state: State
    record: Record | None
    """The newest record of the file, of whichever release."""


def holdings(workspace: Workspace, release: Release, kind: FileKind | None = None) -> list[Holding]:
    """Every file of a kind, by default of the sessions that `VBN_HOLD` is about, in order of id."""
    name = (kind or workspace.project.sessions).name
    records: dict[str, list[Record]] = {}
    for record in workspace.lake.records(name):
        records.setdefault(record.source.id, []).append(record)
    files = [file for file in release.data.values() if file.kind == name]
    held = [_holding(file, records.get(file.id, [])) for file in files]
    return sorted(held, key=lambda holding: (holding.session_id, holding.file.id))


def hold_condition(workspace: Workspace, kind: FileKind) -> str:
    """The setting that names the files of a kind to hold: `none`, `all`, or an SQL condition on the kind's table.

    A setting for all projects is about those whose table has the columns that it names.
    """
    settings, project = workspace.settings, workspace.project
    if kind.is_part:
        return "all" if settings.lfp else "none"
    is_session = kind is project.sessions
    own = settings.holds if is_session else settings.behavior_holds
    if project.name in own:
        return own[project.name]
    where = settings.hold if is_session else settings.hold_behavior
    others = [PROJECTS[name] for name in settings.projects]
    tables = {p.name: p.tables[(p.sessions if is_session else p.kind(kind.name)).table] for p in others}
    asked_of = [name for name, table in tables.items() if _can_be_asked(where, table)]
    # One that cannot be asked of any project is wrong, and `select_sessions` says what is.
    return where if project.name in asked_of or not asked_of else "none"


@cache
def _can_be_asked(where: str, table: Table) -> bool:
    if where.strip().lower() in ("none", "all"):
        return True
    import duckdb

    from vbn_assets.warehouse.queries import condition

    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.register(table.name, table.schema.empty_table())
        try:
            con.execute(f"SELECT 1 FROM {table.name} WHERE {condition(con, where)}")
        except (duckdb.Error, ValueError):
            return False
    return True


def wanted_ids(workspace: Workspace, release: Release, kind: FileKind) -> set[int]:
    """The sessions whose files of a kind the settings name. LFP files follow the sessions that are held or wanted."""
    where = hold_condition(workspace, kind)
    if not kind.is_part:
        return set(select_sessions(workspace, release, where, kind))
    if where == "none":
        return set()
    sessions = workspace.project.sessions
    held = {h.session_id for h in holdings(workspace, release, sessions) if h.state is not State.MISSING}
    return held | wanted_ids(workspace, release, sessions)


def _holding(file: ReleaseFile, records: list[Record]) -> Holding:
    session_id = int(file.id.partition("/")[0])
    exact = [record for record in records if record.source.file_hash == file.file_hash]
    if exact:
        record = exact[-1]
        return Holding(session_id, file, State.HELD if record.sound else State.UNSOUND, record)
    sound = [record for record in records if record.sound]
    if sound:
        return Holding(session_id, file, State.STALE, sound[-1])
    return Holding(session_id, file, State.MISSING, None)
