"""A release history on disk: which objects a bucket gets with each release, and where their bytes are.

A history is a folder with one `<bucket>/history.json` for each bucket: a list of releases, oldest first, of

    {"version": …, "manifest_key": …, "manifest": {…, version ids null},
     "metadata": {table: object}, "data": {file_id: object}},   object = {"key": …, "file_hash": …, "path": …}

with paths below the folder; a file that several releases share stands once, and one whose name ends in `.xz` is
compressed on disk only. `server` publishes histories, `generator` makes them; nothing here knows S3 or HDF5.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PACKAGED = Path(__file__).parent / "release"
"""The packaged samples: VBN 0.3.0 to 0.5.0 and VBO 0.3.0 to 1.1.0, a handful of files each."""

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a release: its S3 key, the BLAKE2b hash of its bytes, and the file that holds them."""

    key: str
    file_hash: str
    path: Path

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """The object's bytes as a stream that can be rewound, as an S3 client needs it."""
        if self.path.suffix == ".xz":
            yield io.BytesIO(lzma.decompress(self.path.read_bytes()))
        else:
            with self.path.open("rb") as stream:
                yield stream


@dataclass(frozen=True)
class StoredRelease:
    """One release that can be published; the manifest's version ids are still unknown."""

    version: str
    manifest_key: str
    manifest: Mapping[str, Any]
    metadata: Mapping[str, StoredObject]
    """Metadata CSVs by table name."""
    data: Mapping[str, StoredObject]
    """Data files by file_id."""

    def objects(self) -> Iterator[StoredObject]:
        yield from self.metadata.values()
        yield from self.data.values()


def buckets(folder: Path) -> tuple[str, ...]:
    """Names of the buckets that a folder has a history for."""
    return tuple(sorted(path.parent.name for path in folder.glob("*/history.json")))


def read_history(folder: Path, bucket: str) -> tuple[StoredRelease, ...]:
    """The releases of one bucket, oldest first."""
    records = json.loads((folder / bucket / "history.json").read_text())
    return tuple(
        StoredRelease(
            version=record["version"],
            manifest_key=record["manifest_key"],
            manifest=record["manifest"],
            metadata=_objects(folder, record["metadata"]),
            data=_objects(folder, record["data"]),
        )
        for record in records
    )


def write_history(folder: Path, bucket: str, releases: Iterable[StoredRelease]) -> None:
    """Write `<bucket>/history.json` for files that are below `folder` already."""
    records = [
        {
            "version": release.version,
            "manifest_key": release.manifest_key,
            "manifest": release.manifest,
            "metadata": _records(folder, release.metadata),
            "data": _records(folder, release.data),
        }
        for release in releases
    ]
    (folder / bucket).mkdir(parents=True, exist_ok=True)
    (folder / bucket / "history.json").write_text(json.dumps(records, indent=1) + "\n")


def unpack(folder: Path, bucket: str, out: Path) -> tuple[StoredRelease, ...]:
    """Copy a history to `out` with every file decompressed, so that HDF5 can open it; the copied releases."""
    releases = tuple(
        StoredRelease(
            release.version,
            release.manifest_key,
            release.manifest,
            {table: _unpacked(stored, folder, out) for table, stored in release.metadata.items()},
            {file_id: _unpacked(stored, folder, out) for file_id, stored in release.data.items()},
        )
        for release in read_history(folder, bucket)
    )
    write_history(out, bucket, releases)
    return releases


def file_hash(path: Path) -> str:
    """BLAKE2b (64 bytes, hexadecimal) of a file, as manifests state it."""
    digest = hashlib.blake2b()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _objects(folder: Path, records: Mapping[str, Mapping[str, str]]) -> dict[str, StoredObject]:
    return {
        name: StoredObject(record["key"], record["file_hash"], folder / record["path"])
        for name, record in records.items()
    }


def _records(folder: Path, objects: Mapping[str, StoredObject]) -> dict[str, dict[str, str]]:
    return {
        name: {"key": stored.key, "file_hash": stored.file_hash, "path": str(stored.path.relative_to(folder))}
        for name, stored in objects.items()
    }


def _unpacked(stored: StoredObject, folder: Path, out: Path) -> StoredObject:
    target = out / stored.path.relative_to(folder)
    if target.suffix == ".xz":
        target = target.with_suffix("")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with stored.open() as source, target.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK)
    return StoredObject(stored.key, stored.file_hash, target)
