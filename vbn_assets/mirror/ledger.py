"""What a mirror remembers of its files: AllenSDK's record of downloads, and ours of what was verified and when.

AllenSDK's `_downloaded_data.json` ({absolute path: hash}) says what was once downloaded; ours says which bytes a
path had at a size and modification time, so that a file is hashed once and not at every start. Both are caches:
if one is lost or broken, files are hashed again, never downloaded again. Hashing itself belongs to the callers.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from vbn_assets.mirror.disk import locked, replace_file

DOWNLOADS = "_downloaded_data.json"
"""AllenSDK's record; its name, form and place are AllenSDK's."""
_VERIFIED = ".verified.json"
_LOCK = ".ledger.json.lock"
"""AllenSDK takes any file without `json` in its name for data."""

_Entry = TypeVar("_Entry")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """The hash a file had at a size and modification time (nanoseconds)."""

    size: int
    modified: int
    file_hash: str

    def is_of(self, status: os.stat_result) -> bool:
        return (self.size, self.modified) == (status.st_size, status.st_mtime_ns)


class Ledger:
    """Both records of one mirror. Threads and processes may share it.

    Below a folder that cannot be written, or that is not to be (`read_only`), they are this process's own.
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self._root = root
        self._read_only = read_only
        self._unwritten: dict[str, Seen] = {}
        self._guard = threading.Lock()
        self._loaded: tuple[tuple[int, int] | None, dict[str, Seen]] = (None, {})

    def hash_of(self, path: Path) -> str | None:
        """The hash of a file that has not changed since it was last hashed; None if that is not known."""
        seen = self._verified().get(self._name(path))
        return seen.file_hash if seen and seen.is_of(path.stat()) else None

    def remember(self, path: Path, status: os.stat_result, file_hash: str, *, right: bool) -> None:
        """A file of this status was hashed. `right` says that a release wants these bytes: AllenSDK is told too."""
        seen = {self._name(path): Seen(status.st_size, status.st_mtime_ns, file_hash)}
        if self._read_only or not os.access(self._root, os.W_OK):
            with self._guard:
                self._unwritten |= seen
            return
        with self._lock():
            downloads = self._read_downloads()
            self._write_verified(self._read_verified() | seen)
            absolute = str(path.resolve())
            if right and not path.is_symlink() and downloads.get(absolute) != file_hash:
                self._write_downloads(downloads | {absolute: file_hash})

    def forget(self, path: Path) -> None:
        """A file was taken away."""
        with self._lock():
            verified, downloads = self._read_verified(), self._read_downloads()
            verified.pop(self._name(path), None)
            self._write_verified(verified)
            if downloads.pop(str(path.resolve()), None):
                self._write_downloads(downloads)

    def start_over(self, seen: Mapping[Path, Seen]) -> None:
        """Forget what was known: these files are there, and no others."""
        with self._lock():
            self._write_verified({self._name(path): file for path, file in seen.items()})
            self._write_downloads({str(path): file.file_hash for path, file in seen.items()})

    def copies(self, file_hash: str) -> list[Path]:
        """Files that had this hash when last seen; whether they still have is for the caller to find out."""
        return [path for path, known in self._known() if known == file_hash and _is_file(path)]

    def hashes(self) -> set[str]:
        """The hashes of which there is a copy, as far as one can say without reading each."""
        return {known for path, known in self._known() if _is_file(path)}

    def _known(self) -> list[tuple[Path, str]]:
        """Paths and the hashes they had: of files that may be gone since, or be another machine's."""
        ours = [(self._root / name, seen.file_hash) for name, seen in self._verified().items()]
        return list(dict.fromkeys([*ours, *((Path(name), known) for name, known in self._read_downloads().items())]))

    def ensure(self) -> None:
        """Make AllenSDK's record if there is none: without it AllenSDK warns that it does not know its files."""
        with self._lock():
            if not self._downloads_path.exists():
                self._write_downloads(self._read_downloads())

    @property
    def _downloads_path(self) -> Path:
        return self._root / DOWNLOADS

    def _lock(self) -> AbstractContextManager[object]:
        return locked(self._root / _LOCK)

    def _name(self, path: Path) -> str:
        """The file itself, by whatever name or link, from the mirror's root on: the mirror may move."""
        return os.path.relpath(path.resolve(), self._root.resolve())

    def _verified(self) -> dict[str, Seen]:
        """What is known, read again only when another thread or process has written it."""
        path = self._root / _VERIFIED
        status = path.stat() if path.exists() else None
        stamp = (status.st_ino, status.st_mtime_ns) if status else None
        with self._guard:
            if stamp != self._loaded[0]:
                self._loaded = (stamp, self._read_verified())
            return self._loaded[1] | self._unwritten if self._unwritten else self._loaded[1]

    def _read_verified(self) -> dict[str, Seen]:
        return _read(self._root / _VERIFIED, lambda entry: Seen(int(entry[0]), int(entry[1]), str(entry[2]))) or {}

    def _write_verified(self, verified: dict[str, Seen]) -> None:
        rows = {name: [seen.size, seen.modified, seen.file_hash] for name, seen in sorted(verified.items())}
        replace_file(self._root / _VERIFIED, json.dumps(rows, indent=0).encode(), durable=False)

    def _read_downloads(self) -> dict[str, str]:
        """AllenSDK's record; if it is missing or broken, as much of it as ours knows."""
        downloads = _read(self._downloads_path, str)
        if downloads is None:
            known = ((self._root.resolve() / name, seen.file_hash) for name, seen in self._read_verified().items())
            return {str(path): file_hash for path, file_hash in known if _is_file(path)}
        return downloads

    def _write_downloads(self, downloads: dict[str, str]) -> None:
        replace_file(self._downloads_path, json.dumps(downloads, indent=2, sort_keys=True).encode())


def _is_file(path: Path) -> bool:
    """Whether there is a file; a record may name another machine's places, and somebody else's."""
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, entry: Callable[[Any], _Entry]) -> dict[str, _Entry] | None:
    """A record's entries; None if there is none or it cannot be read: then it is set aside with a warning."""
    try:
        return {str(name): entry(value) for name, value in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        _log.warning("%s cannot be read (%s): it is made anew from what else is known", path, error)
        if os.access(path.parent, os.W_OK):
            path.replace(path.with_name(f"{path.name}.broken"))
        return None
