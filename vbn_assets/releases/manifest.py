"""One release as its manifest describes it, checked before anything else may use it.

A manifest decides what we download and where we write, so nothing in it is believed: hosts, buckets and keys
are held against the project's own. Fetching manifests belongs to `bucket`, comparing them to `diff`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from semver import Version

from vbn_assets.errors import ManifestError, UnknownRelease
from vbn_assets.projects import Project

METADATA = "metadata"
"""The kind of a metadata CSV; its id is its table's name."""
OTHER = "other"
"""The kind of a data file whose key no `FileKind` recognises; its id is its key below the project's prefix."""

_SAFE_KEY = re.compile(r"[A-Za-z0-9._/-]+")
_LONGEST_NAME = 255
"""Of a file or folder, on the file systems in use."""
_BUCKET_HOST = re.compile(r"\.s3[.\-a-z0-9]*\.amazonaws\.com$")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    url: str
    version_id: str = Field(min_length=1)
    file_hash: str = Field(pattern=r"^[0-9a-f]{128}$")


class _Pipeline(BaseModel):
    model_config = ConfigDict(extra="ignore")

    name: str
    version: str | None = None


class _Manifest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    project_name: str
    manifest_version: str
    data_pipeline: list[_Pipeline]
    metadata_file_id_column_name: str
    metadata_files: dict[str, _Entry]
    data_files: dict[str, _Entry]


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One file of one release, pinned to an S3 object version and a BLAKE2b hash.

    (`kind`, `id`) is what the file is about and the same in every release; `key` and `file_id` are not.
    """

    release: str
    kind: str
    id: str
    file_id: str
    bucket: str
    key: str
    version_id: str
    file_hash: str

    @property
    def identity(self) -> tuple[str, str]:
        return self.kind, self.id

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]


@dataclass(frozen=True)
class Release:
    """One manifest, parsed and checked, with the bytes it was made from."""

    project: Project
    version: str
    raw: bytes
    pipeline: Mapping[str, str]
    """Names and versions of the software that wrote the release."""
    metadata: Mapping[str, ReleaseFile]
    """Metadata CSVs by table name."""
    data: Mapping[str, ReleaseFile]
    """Data files by file_id."""
    file_id_column: str = "file_id"
    """What its CSVs call that; the same in all releases so far."""

    @property
    def manifest_name(self) -> str:
        return self.project.manifest_name(self.version)

    @property
    def tables(self) -> list[str]:
        """The project's metadata tables that this release has."""
        return [name for name in self.project.metadata_tables if name in self.metadata]

    @property
    def semver(self) -> Version:
        return Version.parse(self.version)

    def files(self) -> Iterator[ReleaseFile]:
        yield from self.metadata.values()
        yield from self.data.values()

    def file(self, kind: str, id: str | int) -> ReleaseFile:
        """The file about `id`; `UnknownRelease` if the release has none."""
        for candidate in self.files():
            if candidate.identity == (kind, str(id)):
                return candidate
        raise UnknownRelease(
            f"has no {kind} file for {id}",
            file=self.manifest_name,
            remedy=f"`vbn sql` on {self.project.name}.release_files lists what there is.",
        )


def parse_release(raw: bytes, project: Project, name: str) -> Release:
    """The release that a manifest's bytes describe.

    `name` is the manifest's file name, from which its version must follow. Raises `ManifestError` for anything
    that is not a manifest of this project, or that names another host, bucket or place.
    """
    try:
        document = json.loads(raw, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"is not JSON: {error}", file=name, remedy=_REMEDY) from error
    if not isinstance(document, dict):
        raise ManifestError(
            "is not a manifest", file=name, expected="a JSON object", found=type(document).__name__, remedy=_REMEDY
        )
    try:
        manifest = _Manifest.model_validate(document)
    except ValidationError as error:
        raise _misfit(error, name) from error
    _check_header(manifest, project, name)
    version = manifest.manifest_version
    metadata = {
        table: _release_file(entry, table, (METADATA, table), project, version, name)
        for table, entry in manifest.metadata_files.items()
    }
    data = {
        file_id: _release_file(entry, file_id, None, project, version, name)
        for file_id, entry in manifest.data_files.items()
    }
    _check_unique((*metadata.values(), *data.values()), name)
    pipeline = {software.name: software.version or "" for software in manifest.data_pipeline}
    return Release(project, version, raw, pipeline, metadata, data, manifest.metadata_file_id_column_name)


_REMEDY = "The manifest is ignored and the releases before it stay as they are."


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return unique


def _misfit(error: ValidationError, name: str) -> ManifestError:
    """What pydantic found first, as our error."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return ManifestError(
            "lacks a key", file=name, expected=where, found=_shortened(", ".join(first["input"])), remedy=_REMEDY
        )
    return ManifestError(f"{where}: {first['msg']}", file=name, found=_shortened(first["input"]), remedy=_REMEDY)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _check_header(manifest: _Manifest, project: Project, name: str) -> None:
    if manifest.project_name != project.s3_name:
        raise ManifestError(
            "is of another project", file=name, expected=project.s3_name, found=manifest.project_name, remedy=_REMEDY
        )
    if not Version.is_valid(manifest.manifest_version):
        raise ManifestError(
            "manifest_version is no version",
            file=name,
            expected="three numbers as in 0.5.0",
            found=repr(manifest.manifest_version),
            remedy=_REMEDY,
        )
    if name != project.manifest_name(manifest.manifest_version):
        raise ManifestError(
            "manifest_version is not the file name's",
            file=name,
            expected=project.manifest_name(manifest.manifest_version),
            found=name,
            remedy=_REMEDY,
        )
    missing = sorted(set(project.metadata_tables) - project.later_tables - set(manifest.metadata_files))
    if missing:
        raise ManifestError(
            f"metadata_files lacks {', '.join(missing)}",
            file=name,
            expected=", ".join(project.metadata_tables),
            found=", ".join(manifest.metadata_files) or "none",
            remedy=_REMEDY,
        )


def _release_file(
    entry: _Entry, file_id: str, identity: tuple[str, str] | None, project: Project, version: str, name: str
) -> ReleaseFile:
    key = _key(entry.url, project, version, name)
    kind, id = identity or identify(key, project)
    return ReleaseFile(version, kind, id, file_id, project.bucket, key, entry.version_id, entry.file_hash)


def version_in(name: str, project: Project) -> str | None:
    """The version in a manifest's file name; None if the name is not one of the project's manifests."""
    before, after = project.manifest_name("|").split("|")
    version = name.removeprefix(before).removesuffix(after)
    return version if Version.is_valid(version) and name == project.manifest_name(version) else None


def identify(key: str, project: Project) -> tuple[str, str]:
    """(kind, id) of a data file's key; `OTHER` for one of no known kind."""
    below = key.removeprefix(f"{project.s3_name}/")
    for kind in project.kinds:
        match = kind.key.fullmatch(below)
        if match:
            return kind.name, "/".join(match.groups())
    return OTHER, below


def _key(url: str, project: Project, version: str, name: str) -> str:
    """The S3 key in a manifest's url, if it is one of the project's own and can only mean a place below it."""

    def refused(problem: str, expected: str) -> ManifestError:
        return ManifestError(problem, file=name, release=version, expected=expected, found=url, remedy=_REMEDY)

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise refused(
            f"has an address that is none ({error})", f"https://{project.bucket}.s3.amazonaws.com/…"
        ) from error
    if parts.scheme != "https" or not _BUCKET_HOST.search(host) or port or parts.username:
        raise refused("names a host that is not the project's", f"{project.bucket}.s3.{project.region}.amazonaws.com")
    if _BUCKET_HOST.sub("", host) != project.bucket:
        raise refused("names a bucket that is not the project's", project.bucket)
    key = parts.path.removeprefix("/")
    pieces = key.split("/")
    unsafe = any(piece in ("", ".", "..") or len(piece) > _LONGEST_NAME for piece in pieces)
    if unsafe or not _SAFE_KEY.fullmatch(key):
        raise refused("has a key that could mean another place", "letters, digits and ._- between single slashes")
    if pieces[0] != project.s3_name or len(pieces) < 2:
        raise refused("has a key outside the project", f"{project.s3_name}/…")
    return key


def _check_unique(files: tuple[ReleaseFile, ...], name: str) -> None:
    keys: dict[str, ReleaseFile] = {}
    identities: dict[tuple[str, str], ReleaseFile] = {}
    for file in files:
        by_key, by_identity = keys.setdefault(file.key, file), identities.setdefault(file.identity, file)
        for seen, what in ((by_key, "key"), (by_identity, "id")):
            if seen is not file:
                raise ManifestError(
                    f"has two files with one {what}",
                    file=name,
                    release=file.release,
                    expected=f"one entry for {file.key}",
                    found=f"file_id {seen.file_id} and {file.file_id}",
                    remedy=_REMEDY,
                )
