"""Which sessions of a release this machine holds, which are out of step with it, and which are missing.

The answer comes from the lake's records, whoever made them: a Dagster run, the `vbn` command or a notebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vbn_assets.pipeline import Workspace
from vbn_assets.releases.manifest import Release, ReleaseFile
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
    """One session of a release, and what the lake has of it."""

    session_id: int
    file: ReleaseFile
    state: State
    record: Record | None
    """The newest record of the session, of whichever release."""


def holdings(workspace: Workspace, release: Release) -> list[Holding]:
    """Every session of the release in order of id."""
    kind = workspace.project.session_kind
    records: dict[str, list[Record]] = {}
    for record in workspace.lake.records(kind):
        records.setdefault(record.source.id, []).append(record)
    files = [file for file in release.data.values() if file.kind == kind]
    return sorted((_holding(file, records.get(file.id, [])) for file in files), key=lambda holding: holding.session_id)


def _holding(file: ReleaseFile, records: list[Record]) -> Holding:
    exact = [record for record in records if record.source.file_hash == file.file_hash]
    if exact:
        record = exact[-1]
        return Holding(int(file.id), file, State.HELD if record.sound else State.UNSOUND, record)
    sound = [record for record in records if record.sound]
    if sound:
        return Holding(int(file.id), file, State.STALE, sound[-1])
    return Holding(int(file.id), file, State.MISSING, None)
