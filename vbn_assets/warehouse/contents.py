"""What each schema of the warehouse shows, decided from the lake's records alone.

`<project>_v0_4_0` shows exactly release 0.4.0: the sessions held with the very file that release has.
`<project>` shows the current release; a session whose new file is not held yet stays as it was in the newest
release held, and `warehouse_files.in_step` says so. No DuckDB here: `build` turns contents into a database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from semver import Version

from vbn_assets.errors import UnknownRelease
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import METADATA
from vbn_assets.tables import Entity, Table
from vbn_assets.warehouse.lake import Lake, Record, TableFile

RELEASE = "release"
"""The kind of record that makes a release part of the lake; its id is the version."""

FileIdentity = tuple[str, str]
FileHashes = Mapping[FileIdentity, str]
"""The hash of each file of a release by (kind, name)."""


@dataclass(frozen=True)
class Shown:
    """One Parquet file in one schema, and the record it belongs to."""

    table: Table
    record: Record
    file: TableFile
    in_step: bool

    @property
    def identity(self) -> FileIdentity:
        return self.record.source.kind, self.record.source.id

    @property
    def entity_id(self) -> int | str | None:
        return self.record.source.entity_id(self.table.entity)


@dataclass(frozen=True)
class SchemaContents:
    """The files that one schema shows, by table."""

    schema: str
    release: str | None
    tables: Mapping[str, tuple[Shown, ...]]


@dataclass(frozen=True)
class ReleaseFacts:
    """One release as the lake knows it."""

    record: Record
    order: int
    hashes: FileHashes
    behavior_files: frozenset[FileIdentity]
    """The files that AllenSDK takes behavior sessions from."""

    @property
    def version(self) -> str:
        return self.record.source.id


@dataclass(frozen=True)
class ProjectContents:
    """Everything the warehouse shows of one project; the first schema is the current release's."""

    project: Project
    current: str | None
    releases: tuple[ReleaseFacts, ...]
    schemas: tuple[SchemaContents, ...]


def project_contents(project: Project, lake: Lake, pin: str | None = None) -> ProjectContents:
    """What the lake's records say the warehouse should show. `UnknownRelease` if the pinned one is not held."""
    releases = _releases(lake)
    current = _current(releases, pin, project)
    records = [record for record in lake.records(METADATA, *(kind.name for kind in project.kinds)) if record.sound]
    exact = [
        SchemaContents(schema_name(project, release.version), release.version, _shown_in(project, release, records))
        for release in releases
    ]
    shown = _shown_now(project, releases, current, records)
    return ProjectContents(
        project=project,
        current=current.version if current else None,
        releases=releases,
        schemas=(SchemaContents(project.name, current.version if current else None, shown), *exact),
    )


def schema_name(project: Project, version: str) -> str:
    """`vbn_v0_4_0` for release 0.4.0 of VBN."""
    return f"{project.name}_v{version}".replace(".", "_").replace("-", "_").replace("+", "_")


def _releases(lake: Lake) -> tuple[ReleaseFacts, ...]:
    newest: dict[str, Record] = {}
    for record in lake.records(RELEASE):
        if record.sound:
            newest[record.source.id] = record
    ordered = sorted(newest.values(), key=lambda record: Version.parse(record.source.id))
    return tuple(_facts(lake, record, order) for order, record in enumerate(ordered, start=1))


def _facts(lake: Lake, record: Record, order: int) -> ReleaseFacts:
    files = lake.read(record.tables["release_files"])
    columns = (files[name].to_pylist() for name in ("kind", "name", "file_hash", "is_behavior_file"))
    hashes: dict[FileIdentity, str] = {}
    behavior_files = set()
    for kind, name, file_hash, is_behavior_file in zip(*columns, strict=True):
        hashes[kind, name] = file_hash
        if is_behavior_file:
            behavior_files.add((kind, name))
    return ReleaseFacts(record, order, hashes, frozenset(behavior_files))


def _current(releases: tuple[ReleaseFacts, ...], pin: str | None, project: Project) -> ReleaseFacts | None:
    if pin is None:
        return releases[-1] if releases else None
    for release in releases:
        if release.version == pin:
            return release
    raise UnknownRelease(
        f"the pinned release {pin} of {project.name} is not held",
        expected="one of " + ", ".join(release.version for release in releases) if releases else "a release",
        remedy=f"Run `{project.sync} --release {pin}`, or correct VBN_RELEASE_{project.name.upper()}.",
    )


def _shown_in(project: Project, release: ReleaseFacts, records: Iterable[Record]) -> dict[str, tuple[Shown, ...]]:
    """Exactly what one release has."""
    chosen = [record for record in records if _is_of(record, release)]
    return _by_table(project, [(record, True) for record in (release.record, *chosen)], release.behavior_files)


def _shown_now(
    project: Project, releases: tuple[ReleaseFacts, ...], current: ReleaseFacts | None, records: Iterable[Record]
) -> dict[str, tuple[Shown, ...]]:
    """The current release, with older files for the sessions that are not in step yet, and files of no release."""
    by_identity: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        by_identity[record.source.kind, record.source.id].append(record)
    chosen: list[tuple[Record, bool]] = [(release.record, True) for release in releases]
    for identity, candidates in by_identity.items():
        best = _newest(identity, candidates, releases, current)
        if best:
            chosen.append((best, current is not None and _is_of(best, current)))
    return _by_table(project, chosen, current.behavior_files if current else frozenset())


def _newest(
    identity: tuple[str, str],
    candidates: list[Record],
    releases: tuple[ReleaseFacts, ...],
    current: ReleaseFacts | None,
) -> Record | None:
    """The candidate of the current release, else of the newest one before it, else one of no release at all."""
    upto = [release for release in releases if current is None or release.order <= current.order]
    if current and identity in current.hashes:
        for release in reversed(upto):
            for candidate in candidates:
                if _is_of(candidate, release):
                    return candidate
    known = {release.hashes.get(identity) for release in releases}
    unreleased = [candidate for candidate in candidates if candidate.source.file_hash not in known]
    return unreleased[-1] if unreleased else None


def _is_of(record: Record, release: ReleaseFacts) -> bool:
    source = record.source
    return release.hashes.get((source.kind, source.id)) == source.file_hash


def _by_table(
    project: Project, chosen: Iterable[tuple[Record, bool]], behavior_files: frozenset[FileIdentity]
) -> dict[str, tuple[Shown, ...]]:
    shown: dict[str, dict[str, Shown]] = {name: {} for name in project.tables}
    for record, in_step in chosen:
        for file in (*record.tables.values(), *record.shared):
            if file.table in shown:
                shown[file.table].setdefault(file.path, Shown(project.tables[file.table], record, file, in_step))
    ordered = {name: [files[path] for path in sorted(files)] for name, files in shown.items()}
    return {name: tuple(_once_a_session(files, behavior_files)) for name, files in ordered.items()}


def _once_a_session(shown: list[Shown], behavior_files: frozenset[FileIdentity]) -> list[Shown]:
    """Of the files that tell the behavior of one session, as those of all planes imaged in it do, only one.

    One of the release goes before an older one, then the one AllenSDK reads, then the one of the lowest id.
    """
    if not any(file.table.entity is Entity.BEHAVIOR_SESSION for file in shown[:1]):
        return shown
    best: dict[int | str | None, Shown] = {}
    for file in sorted(shown, key=lambda file: (not file.in_step, file.identity not in behavior_files, file.identity)):
        best.setdefault(file.entity_id, file)
    return [file for file in shown if best[file.entity_id] is file]
