"""What a mirror remembers of its files: AllenSDK's record of downloads, and ours of what was verified and when.

AllenSDK's `_downloaded_data.json` ({absolute path: hash}) says what was once downloaded; ours (`verified`) says which
bytes a path had at a size and modification time, so that a file is hashed once and not at every start. Both are
caches: if one is lost or broken, files are hashed again, never downloaded again. Hashing itself belongs to the callers.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.mirror.disk import locked, replace_file
from vbn_assets.mirror.verified import Seen, Verified

DOWNLOADS = "_downloaded_data.json"
"""AllenSDK's record; its name, form and place are AllenSDK's."""
_VERIFIED = ".verified.jsonl"
_LOCK = ".ledger.json.lock"
"""AllenSDK takes any file without `json` in its name for data."""
_WRITING_SECONDS, _LOOK_SECONDS = 0.5, 0.05
"""What AllenSDK takes to write a record of five thousand files, several times over; how often one looks meanwhile."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Entry:
    """What is to be written about a file that was hashed."""

    path: str
    """Absolute, links resolved."""
    seen: Seen
    is_download: bool
    """Whether AllenSDK is told of it."""


class Ledger:
    """Both records of one mirror. Threads and processes may share it.

    Below a folder that cannot be written, or that is not to be (`read_only`), they are this process's own.
    """

    def __init__(self, root: Path, *, read_only: bool = False) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._read_only = read_only
        self._verified = Verified(root / _VERIFIED)
        self._unwritten: dict[str, Seen] = {}
        self._guard = threading.Lock()
        self._waiting: list[_Entry] = []
        self._loaded: tuple[tuple[int, int] | None, dict[str, str]] = (None, {})

    def hash_of(self, path: Path) -> str | None:
        """The hash of a file that has not changed since it was last hashed; None if that is not known."""
        name = self._name(os.path.realpath(path))
        seen = self._unwritten.get(name) or self._verified.seen(name)
        return seen.file_hash if seen and seen.is_of(path.stat()) else None

    def remember(self, path: Path, status: os.stat_result, file_hash: str, *, right: bool) -> None:
        """A file of this status was hashed. `right` says that a release wants these bytes: AllenSDK is told too."""
        seen = Seen(status.st_size, status.st_mtime_ns, file_hash)
        entry = _Entry(os.path.realpath(path), seen, right and not path.is_symlink())
        if self._read_only or not os.access(self._root, os.W_OK):
            self._unwritten[self._name(entry.path)] = seen
            return
        with self._guard:
            self._waiting.append(entry)
        with self._lock():
            self._write_waiting()

    def forget(self, path: Path) -> None:
        """A file was taken away."""
        real = os.path.realpath(path)
        with self._lock():
            self._verified.add({self._name(real): None})
            downloads = self._downloads()
            if real in downloads:
                self._write_downloads({name: known for name, known in downloads.items() if name != real})

    def start_over(self, seen: Mapping[Path, Seen]) -> None:
        """Forget what was known: these files are there, and no others."""
        with self._lock():
            self._verified.start_over({self._name(os.path.realpath(path)): file for path, file in seen.items()})
            self._write_downloads({str(path): file.file_hash for path, file in seen.items()})

    def copies(self, file_hash: str) -> list[Path]:
        """Files that had this hash when last seen; whether they still have is for the caller to find out."""
        ours = (self._path(name) for name, seen in self._seen().items() if seen.file_hash == file_hash)
        allensdks = (path for path, known in self._downloads().items() if known == file_hash)
        return [Path(path) for path in dict.fromkeys((*ours, *allensdks)) if _is_file(path)]

    def hashes(self) -> set[str]:
        """The hashes of which there is a copy, as far as one can say without reading each."""
        known = {*self._hashed().items(), *self._downloads().items()}
        return {file_hash for path, file_hash in known if _is_file(path)}

    def _hashed(self) -> dict[str, str]:
        return {self._path(name): seen.file_hash for name, seen in self._seen().items()}

    def _seen(self) -> dict[str, Seen]:
        return self._verified.known() | self._unwritten

    def ensure(self) -> None:
        """Make AllenSDK's record if there is none: without it AllenSDK warns that it does not know its files."""
        with self._lock():
            if not self._downloads_path.exists():
                self._write_downloads(self._downloads())

    @property
    def _downloads_path(self) -> Path:
        return self._root / DOWNLOADS

    def _lock(self) -> AbstractContextManager[object]:
        return locked(self._root / _LOCK)

    def _name(self, real: str) -> str:
        """The file itself, by whatever name or link, from the mirror's root on: the mirror may move."""
        return os.path.relpath(real, self._real_root)

    def _path(self, name: str) -> str:
        """Where the file of that name is."""
        return f"{self._real_root}/{name}"

    def _write_waiting(self) -> None:
        """Write the entries of all threads that wait for the lock: AllenSDK's record is written whole each time."""
        with self._guard:
            entries, self._waiting = self._waiting, []
        downloads = self._downloads()
        self._verified.add({self._name(entry.path): entry.seen for entry in entries})
        told = {entry.path: entry.seen.file_hash for entry in entries if entry.is_download}
        if not told.items() <= downloads.items():
            self._write_downloads(downloads | told)

    def _downloads(self) -> dict[str, str]:
        """AllenSDK's record, read again if another process wrote it; if it is missing or broken, what ours knows."""
        with self._guard:
            stamp = _stamp(self._downloads_path)
            if stamp is None or stamp != self._loaded[0]:
                self._loaded = stamp, self._read_downloads()
            return self._loaded[1]

    def _read_downloads(self) -> dict[str, str]:
        try:
            return _once_written(self._downloads_path)
        except FileNotFoundError:
            pass
        except (ValueError, AttributeError) as error:
            _log.warning("%s cannot be read (%s): it is made anew from what else is known", self._downloads_path, error)
            if os.access(self._root, os.W_OK):
                self._downloads_path.replace(self._downloads_path.with_name(f"{DOWNLOADS}.broken"))
        return {path: known for path, known in self._hashed().items() if _is_file(path)}

    def _write_downloads(self, downloads: Mapping[str, str]) -> None:
        replace_file(self._downloads_path, _as_allensdk_writes(downloads).encode())
        with self._guard:
            self._loaded = _stamp(self._downloads_path), dict(downloads)


def _once_written(path: Path) -> dict[str, str]:
    """AllenSDK's record, which it writes in place: what is half there is read again before it counts as broken."""
    deadline = time.monotonic() + _WRITING_SECONDS
    while True:
        try:
            return {str(name): str(known) for name, known in json.loads(path.read_bytes()).items()}
        except (ValueError, AttributeError):
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_SECONDS)


def _is_file(path: str) -> bool:
    """Whether there is a file; a record may name another machine's places, and somebody else's."""
    try:
        return Path(path).is_file()
    except OSError:
        return False


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes when the file does; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _as_allensdk_writes(downloads: Mapping[str, str]) -> str:
    """Sorted and indented by two: `indent` would say so too, and take ten times as long."""
    lines = json.dumps(downloads, sort_keys=True, separators=(",\n  ", ": "))[1:-1]
    return f"{{\n  {lines}\n}}" if lines else "{}"
