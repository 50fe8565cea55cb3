"""The way of the data, one function a step: manifest → metadata tables → release → session file → session tables.

Dagster's assets and the `vbn` command are two callers of these steps. Every step can be repeated: what is
done already is found and returned. The work itself is in the rooms; nothing here knows Dagster or a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from vbn_assets.errors import MetadataError, NwbError, SettingsError, UnknownRelease
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.manifest import METADATA, Release, ReleaseFile
from vbn_assets.settings import Settings
from vbn_assets.tables import Table
from vbn_assets.warehouse.contents import RELEASE
from vbn_assets.warehouse.lake import Draft, Lake, Record, Source, TableFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from vbn_assets.mirror import Mirror, Progress
    from vbn_assets.nwb.session import Session, TableReading


@dataclass(frozen=True)
class Workspace:
    """One project on this machine: its settings, its bucket, its mirror and its lake."""

    settings: Settings
    project: Project

    s3: Callable[[], S3Client] | None = None
    """Gives the client to list the bucket with; by default an anonymous one of our own."""

    @cached_property
    def client(self) -> S3Client:
        from vbn_assets.releases.bucket import unsigned_client

        return self.s3() if self.s3 else unsigned_client(self.settings.endpoint_url, self.project.region)

    @cached_property
    def mirror(self) -> Mirror:
        from vbn_assets.mirror import Mirror

        return Mirror(self.settings.mirror_dir(self.project), self.project, endpoint_url=self.settings.endpoint_url)

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.settings.lake_dir, self.project.name)

    @property
    def pin(self) -> str | None:
        return self.settings.pins.get(self.project.name)

    def release(self, version: str) -> Release:
        """A release whose manifest is held. `UnknownRelease` names those that are."""
        release = self.mirror.release(version)
        if release:
            return release
        held = self.mirror.releases()
        raise UnknownRelease(
            f"release {version} of {self.project.name} is not held",
            expected="one of " + ", ".join(release.version for release in held) if held else None,
            remedy=f"`vbn releases` lists what is published; `{self.project.sync} --release {version}` fetches it.",
        )

    def release_record(self, version: str) -> Record | None:
        """The record that made a release part of the lake; None before that, or if its claims do not hold."""
        release = self.release(version)
        record = self.lake.record(_release_source(release))
        return record if record and record.sound else None

    def current_release(self) -> Release | None:
        """The release the warehouse shows: the pinned one, else the highest that is wholly in the lake.

        Raises `ManifestError` where that one's manifest cannot be read any more: no older one takes its place.
        """
        for version in reversed(self.mirror.versions()):
            wanted = self.pin in (None, version) and self.lake.knows(RELEASE, version)
            if wanted and self.release_record(version):
                return self.release(version)
        return None

    def files_about(self, release: Release, kind: FileKind) -> dict[str, ReleaseFile]:
        """The files of a kind by the id of the session or probe they are about, for a release that is in the lake.

        Their keys name an LFP file by session and probe name; which probe that is stands in `release_files` only.
        """
        record = self.release_record(release.version)
        if record is None:
            return {}
        files = {file.id: file for file in release.data.values() if file.kind == kind.name}
        rows = self.lake.read(record.tables["release_files"]).select(["kind", "id", "name"]).to_pylist()
        return {str(row["id"]): files[row["name"]] for row in rows if row["kind"] == kind.name and row["id"]}

    def session_file(self, id: str, kind: FileKind | None = None) -> ReleaseFile:
        """The current release's file about a session, or about what else has files of that kind.

        `UnknownRelease` where there is none.
        """
        release = self.current_release()
        if release is None:
            wanted = f"release {self.pin}" if self.pin else "a release"
            raise UnknownRelease(
                f"{wanted} of {self.project.name} is not in the lake",
                remedy=f"Run the job refresh_{self.project.name}, or `{self.project.sync}`.",
            )
        kind = kind or self.project.sessions
        return self.files_about(release, kind).get(id) or release.file(kind.name, id)


@dataclass(frozen=True)
class ArrowReading:
    """A table in memory, as the lake takes it."""

    table: Table
    rows: pa.Table

    def pieces(self) -> Iterator[pa.Table]:
        yield self.rows


def keep_manifest(workspace: Workspace, version: str) -> Release:
    """The manifest of a release, read from the bucket, checked and kept in the mirror."""
    from vbn_assets.releases.bucket import read_manifest

    release = read_manifest(workspace.client, workspace.project, workspace.project.manifest_name(version))
    workspace.mirror.keep_manifest(release)
    return release


def make_metadata_table(workspace: Workspace, release: Release, name: str, progress: Progress | None = None) -> Record:
    """One metadata CSV of a release, fetched, verified and put into the lake as a typed table."""
    from vbn_assets.metadata.csv_tables import read_table

    file, table = release.metadata[name], workspace.project.tables[name]
    source = _source(file, id=name)
    started = time.monotonic()
    # Also where its rows are in the lake already: AllenSDK looks for the file in each release's folder.
    fetched = workspace.mirror.fetch(file, progress)
    done = workspace.lake.record(source)
    if done and workspace.lake.has(done, [table]):
        return done
    rows = read_table(fetched.path, table, release=release.version, file_id_column=release.file_id_column)
    files = workspace.lake.write(source, [ArrowReading(table, rows)])
    return workspace.lake.commit(Record(source, files, seconds=time.monotonic() - started))


def metadata_record(workspace: Workspace, release: Release, name: str) -> Record:
    """The record of one of a release's metadata tables. `MetadataError` if it is not in the lake yet."""
    project, record = workspace.project, workspace.lake.record(_source(release.metadata[name], id=name))
    if record is None:
        raise MetadataError(
            "is not in the lake yet",
            file=f"{name}.csv",
            release=release.version,
            remedy=f"Materialise {project.name}/{name}, or run `{project.sync} --release {release.version}`.",
        )
    return record


def register_release(workspace: Workspace, release: Release) -> Record:
    """Make a release whose metadata tables are in the lake part of it.

    A release whose tables contradict each other gets a record that is not `sound`, and is not published.
    """
    from vbn_assets.metadata.file_ids import resolve_files

    lake, table = workspace.lake, workspace.project.tables["release_files"]
    source = _release_source(release)
    done = lake.record(source)
    _link_unchanged_files(workspace, release)
    if done and done.sound and lake.has(done, [table]):
        return done
    started = time.monotonic()
    metadata = {name: metadata_record(workspace, release, name).tables[name] for name in release.tables}
    files = resolve_files({name: lake.read(file) for name, file in metadata.items()}, release)
    written = lake.write(source, [ArrowReading(table, files)])

    from vbn_assets.warehouse.claims import check_release

    claims = check_release(workspace.project, lake, metadata)
    facts = {"pipeline": dict(release.pipeline)}
    return lake.commit(Record(source, written, claims, facts, seconds=time.monotonic() - started))


def _link_unchanged_files(workspace: Workspace, release: Release) -> None:
    """Give a new release the data files that are here for another one: AllenSDK then finds them under its name.

    Those that AllenSDK brought and nobody hashed yet are linked when they are asked for.
    """
    from vbn_assets.mirror import How

    for planned in workspace.mirror.plan(release.data.values()).of(How.LINKED):
        workspace.mirror.link(planned.file, verified=True)


def refresh_release(workspace: Workspace, version: str, progress: Progress | None = None) -> Record:
    """A release from its manifest to the lake: all the steps before any session file."""
    return require_sound(make_release(workspace, keep_manifest(workspace, version), progress))


def make_release(workspace: Workspace, release: Release, progress: Progress | None = None) -> Record:
    """The record of a release whose manifest is kept, sound or not, after its metadata tables."""
    for name in release.tables:
        make_metadata_table(workspace, release, name, progress)
    return register_release(workspace, release)


def made_release(workspace: Workspace, release: Release) -> Record | None:
    """The record of a release, sound or not, if it and its metadata tables are as today's readers give them."""
    lake, tables = workspace.lake, workspace.project.tables
    made = {name: lake.record(_source(release.metadata[name], id=name)) for name in release.tables}
    missing = [name for name, record in made.items() if not (record and lake.has(record, [tables[name]]))]
    return None if missing else lake.record(_release_source(release))


def extract_file(workspace: Workspace, path: Path, file: ReleaseFile) -> Record:
    """The tables of one verified session file. Raises `NwbError` where the file cannot be read.

    A file whose tables contradict each other or the release gets a record that is not `sound`, and is not published.
    """
    from vbn_assets.nwb.session import open_session

    done = extracted(workspace, file)
    if done:
        return done
    source = _source(file, id=file.id)
    with workspace.lake.making(source):
        done = extracted(workspace, file)
        if done:
            return done
        started = time.monotonic()
        kind = workspace.project.kind(file.kind)
        with open_session(path, kind=kind, expected_id=file.id, release=file.release) as session:
            return _extract(workspace, session, source, started)


def extracted(workspace: Workspace, file: ReleaseFile) -> Record | None:
    """The record of a file whose tables are all in the lake, as today's readers give them."""
    return _extracted(workspace, _source(file, id=file.id))


def extract_unreleased(workspace: Workspace, path: Path) -> Record:
    """The tables of an NWB file on disk, whatever its origin: if a held release has its hash, as that release's."""
    from vbn_assets.mirror.disk import hash_file

    # Hashing takes as long as reading, and tells only where the tables belong; or that they are there.
    with ThreadPoolExecutor(1) as alongside:
        hashing = alongside.submit(hash_file, path)
        try:
            return _extract_hashing(workspace, path, hashing)
        except NwbError as error:
            released = None if hashing.exception() else _file_with_hash(workspace, hashing.result())
            error.release = released.release if released else None
            raise


def _extract_hashing(workspace: Workspace, path: Path, hashing: Future[str]) -> Record:
    from vbn_assets.nwb.session import open_session

    started = time.monotonic()
    kind = _kind_of(workspace.project, path)
    with open_session(path, kind=kind, expected_id=None, release="") as session:
        id = _released_name(workspace, kind, session.ids[kind.id_column])
        recording, _, part = id.partition("/")
        if part:
            session = session.knowing({workspace.project.recording_id: int(recording)})
        if workspace.lake.knows(kind.name, id):
            released = _file_with_hash(workspace, hashing.result())
            done = _extracted(workspace, _source_of(released, kind, id, hashing.result()))
            if done:
                return done
        with workspace.lake.drafted(session.tables()) as written:
            released = _file_with_hash(workspace, hashing.result())
            if released is None or released.id == id:
                source = _source_of(released, kind, id, hashing.result())
                return _commit(workspace, session, source, written, started)
    return extract_file(workspace, path, released)


def _kind_of(project: Project, path: Path) -> FileKind:
    from vbn_assets.nwb.session_file import kind_of

    found, known = kind_of(path), {kind.name: kind for kind in project.kinds}
    if found not in known:
        raise NwbError(
            f"is no file of {project.title}",
            file=path.name,
            expected=" or ".join(known),
            found=found,
            remedy="Name the project it is of: `--project vbn` or `--project vbo`.",
        )
    return known[found]


def _released_name(workspace: Workspace, kind: FileKind, id: int) -> str:
    """What the releases held call their file about this; the id if they have none.

    The name of an LFP file says which session its probe is of: the file itself does not.
    """
    releases = reversed(workspace.mirror.releases())
    files = (workspace.files_about(release, kind).get(str(id)) for release in releases)
    return next((file.id for file in files if file), str(id))


def require_sound(record: Record) -> Record:
    """The record, unless a claim about it is broken: then `MetadataError` or `NwbError` names the first one."""
    broken = next((claim for claim in record.claims if not claim.holds), None)
    if broken is None:
        return record
    source = record.source
    error = MetadataError if source.kind in (METADATA, RELEASE) else NwbError
    raise error(
        f"{broken.table}: {broken.name} does not hold",
        file=(source.key or source.id).rpartition("/")[2],
        release=source.release,
        expected=broken.description.lower(),
        found="; ".join(broken.violations),
        remedy="Nothing of it is published; what was held before stays.",
    )


def select_sessions(workspace: Workspace, release: Release, where: str, kind: FileKind | None = None) -> list[int]:
    """The ids of a release's sessions for which an SQL condition on their kind's table holds; `all`, `none` too."""
    import duckdb

    from vbn_assets.warehouse.queries import condition

    if where.strip().lower() == "none":
        return []
    kind = kind or workspace.project.sessions
    table = metadata_record(workspace, release, kind.table).tables[kind.table]
    chosen = "TRUE" if where.strip().lower() == "all" else where
    sessions = workspace.lake.read(table)
    with duckdb.connect(config={"enable_external_access": "false"}) as con:
        con.register(kind.table, sessions)
        try:
            rows = con.execute(
                f"SELECT {kind.id_column} FROM {kind.table} "
                f"WHERE file_id >= 0 AND {condition(con, chosen)} ORDER BY {kind.id_column}"
            ).fetchall()
        except (duckdb.Error, ValueError) as error:
            raise SettingsError(
                f"the condition on {kind.table} cannot be understood: {str(error).splitlines()[0]}",
                found=repr(where),
                remedy=f"Its columns are {', '.join(sessions.column_names)}.",
            ) from error
    return [row[0] for row in rows]


def _extracted(workspace: Workspace, source: Source) -> Record | None:
    done = workspace.lake.record(source)
    if not (done and done.sound and workspace.lake.has(done, workspace.project.kind(source.kind).tables)):
        return None
    if done.source.release is None and source.release:  # extracted before anyone knew which release it is of
        known = replace(done.source, release=source.release, key=source.key, version_id=source.version_id)
        return workspace.lake.commit(replace(done, source=known))
    return done


def _extract(workspace: Workspace, session: Session, source: Source, started: float) -> Record:
    with workspace.lake.drafted(session.tables()) as written:
        return _commit(workspace, session, source, written, started)


def _commit(
    workspace: Workspace, session: Session, source: Source, written: Sequence[Draft[TableReading]], started: float
) -> Record:
    """The record of a source whose tables are written, after its claims were checked and its images kept."""
    from vbn_assets.warehouse.claims import check_file

    lake = workspace.lake
    source = replace(source, ids=dict(session.ids))
    files = lake.place(source, written)
    images = session.images(lake.read(files["session_images"])) if "session_images" in files else []
    units = _released_units(workspace, source)
    with ThreadPoolExecutor(1) as alongside:
        keeping = alongside.submit(lake.keep, images)
        claims = check_file(workspace.project, lake, source, files, counted=session.counted(), released_units=units)
    shared = keeping.result()
    return lake.commit(Record(source, files, claims, seconds=time.monotonic() - started, shared=shared))


def _file_with_hash(workspace: Workspace, file_hash: str) -> ReleaseFile | None:
    """The file of this hash in the newest held release that has one."""
    releases = reversed(workspace.mirror.releases())
    files = (file for release in releases for file in release.data.values())
    return next((file for file in files if file.file_hash == file_hash), None)


def _released_units(workspace: Workspace, source: Source) -> TableFile | None:
    if source.release is None or not workspace.project.kind(source.kind).has("session_units"):
        return None
    return metadata_record(workspace, workspace.release(source.release), "units").tables["units"]


def _source_of(released: ReleaseFile | None, kind: FileKind, id: str, file_hash: str) -> Source:
    return _source(released, id) if released else Source(kind.name, id, file_hash)


def _source(file: ReleaseFile, id: str) -> Source:
    return Source(file.kind, id, file.file_hash, file.release, file.key, file.version_id)


def _release_source(release: Release) -> Source:
    return Source(RELEASE, release.version, blake2b(release.raw).hexdigest(), release.version, release.manifest_name)
