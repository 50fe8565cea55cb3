"""Which file each row of a release's metadata means: manifest and CSVs brought together.

A release numbers its files anew, so a `file_id` joins CSV and manifest within one release only; across releases a
file is (kind, id). Reading the CSVs belongs to `csv_tables`, the manifest to `vbn_assets.releases`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from vbn_assets.errors import MetadataError
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.manifest import METADATA, Release, ReleaseFile
from vbn_assets.tables import conform

_REMEDY = "The release contradicts itself and is not published; the releases before stay as they are."


_Ids = Mapping[str, int | None]
"""What a row says that its file is about, by the names of the ids' columns."""


@dataclass(frozen=True, slots=True)
class _About:
    """What the row of a metadata table that points at a file says of it."""

    id: int | None
    ids: _Ids


_NOTHING = _About(None, {})


def resolve_files(tables: Mapping[str, pa.Table], release: Release) -> pa.Table:
    """Table `release_files` of one release: every file of the manifest with the id that the metadata gives it.

    `tables` are the release's metadata tables by name. A data file that no row points at keeps the id of its key.
    Raises `MetadataError` for a file_id that is not in the manifest, that two rows share, or whose key is about
    something else.
    """
    abouts, behavior_files = _abouts(tables, release), _behavior_files(tables, release)
    metadata = [_row(file, _NOTHING, behavior_files) for file in release.metadata.values()]
    data = [
        _row(file, abouts.get(file.file_id, _from_key(file, release)), behavior_files) for file in release.data.values()
    ]
    description = release.project.tables["release_files"]
    files = pa.Table.from_pylist([*metadata, *data], description.schema)
    return conform(files, description, file=release.manifest_name, release=release.version)


def _row(file: ReleaseFile, about: _About, behavior_files: Collection[tuple[str, int]]) -> dict[str, object]:
    return {
        "release": file.release,
        "kind": file.kind,
        "id": about.id,
        "name": file.id,
        **about.ids,
        "is_behavior_file": (file.kind, about.id) in behavior_files,
        "file_id": None if file.kind == METADATA else file.file_id,
        "key": file.key,
        "version_id": file.version_id,
        "file_hash": file.file_hash,
    }


def _abouts(tables: Mapping[str, pa.Table], release: Release) -> dict[str, _About]:
    """By file_id, what each row with a file says the file is about."""
    abouts: dict[str, _About] = {}
    for kind in release.project.kinds:
        for file_id, row in _rows_with_file(tables[kind.table], kind, release.project):
            about = _About(row[kind.id_column], {name: row.get(name) for name in release.project.session_ids})
            file = release.data.get(file_id)
            if file is None:
                raise _contradiction(kind, about, release, "one of the manifest's data_files", f"no file {file_id}")
            if file_id in abouts:
                raise _contradiction(
                    kind, about, release, "one row for each file_id", f"{abouts[file_id].id} has {file_id} too"
                )
            id = _id_in_key(release.project, kind, row)
            if file.identity != (kind.name, id):
                raise _contradiction(kind, about, release, f"{kind.name} of {id}", file.key)
            abouts[file_id] = about
    return abouts


def _rows_with_file(table: pa.Table, kind: FileKind, project: Project) -> list[tuple[str, dict[str, int]]]:
    """Rows that point at a file, by file_id; blank and negative ones point at none."""
    wanted = ("file_id", *project.session_ids, kind.id_column, "name")
    rows = table.select([name for name in table.column_names if name in wanted]).to_pylist()
    return [(str(row["file_id"]), row) for row in rows if row.get("file_id") is not None and row["file_id"] >= 0]


def _behavior_files(tables: Mapping[str, pa.Table], release: Release) -> set[tuple[str, int]]:
    """Kind and id of the file that AllenSDK takes each behavior session from.

    That is its own, else that of its recording; of a recording with several files, the first that the session's row
    lists.
    """
    behavior, recording = release.project.kind("behavior_session"), release.project.sessions
    table = tables[behavior.table]
    named = [name for name in (behavior.id_column, recording.id_column, "file_id") if name in table.column_names]
    chosen: set[tuple[str, int]] = set()
    for row in table.select(named).to_pylist():
        listed = row.get(recording.id_column)
        file_id = row.get("file_id")
        if file_id is not None and file_id >= 0:
            chosen.add((behavior.name, row[behavior.id_column]))
        elif listed:
            chosen.add((recording.name, listed[0] if isinstance(listed, list) else listed))
    return chosen


def _id_in_key(project: Project, kind: FileKind, row: Mapping[str, int]) -> str:
    """The id by which a file's key names what a row is about; LFP keys have session and probe name."""
    if kind.is_part:
        return f"{row[project.recording_id]}/{row['name']}"
    return str(row[kind.id_column])


def _from_key(file: ReleaseFile, release: Release) -> _About:
    """What a file's key alone says: nothing of an LFP file's probe id, as keys have the probe's name."""
    kind = next((kind for kind in release.project.kinds if kind.name == file.kind), None)
    if kind is None:
        return _NOTHING
    first = int(file.id.partition("/")[0])
    if kind.is_part:
        return _About(None, {release.project.recording_id: first})
    return _About(first, {kind.id_column: first} if kind.id_column in release.project.session_ids else {})


def _contradiction(kind: FileKind, about: _About, release: Release, expected: str, found: str) -> MetadataError:
    return MetadataError(
        f"{kind.id_column} {about.id} has a file_id that is not its file's",
        file=f"{kind.table}.csv",
        release=release.version,
        expected=expected,
        found=found,
        remedy=_REMEDY,
    )
