"""Our record of what was hashed: a line of JSON for each file, appended, of which the last about a file counts.

`["name", size, modified, "hash"]`, or `["name"]` for a file that was taken away. Appending costs the same for the first
file as for the ten thousandth. Nothing is forced to the disk: what is lost or broken is hashed again.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.mirror.disk import replace_file


@dataclass(frozen=True)
class Seen:
    """The hash a file had at a size and modification time (nanoseconds)."""

    size: int
    modified: int
    file_hash: str

    def is_of(self, status: os.stat_result) -> bool:
        return (self.size, self.modified) == (status.st_size, status.st_mtime_ns)


class Verified:
    """The record at `path`. Threads may share it; processes may write it one at a time, and read it meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._inode, self._read_to = 0, 0
        self._known: dict[str, Seen] = {}

    def known(self) -> dict[str, Seen]:
        """What is known by now, by name. Only what was appended since the last time is read."""
        with self._guard:
            self._catch_up()
            return dict(self._known)

    def seen(self, name: str) -> Seen | None:
        with self._guard:
            self._catch_up()
            return self._known.get(name)

    def add(self, files: Mapping[str, Seen | None]) -> None:
        """Files were hashed, or taken away (None)."""
        with self._guard:
            torn = self._catch_up()
            with self._path.open("ab") as record:
                record.write(b"\n" * torn + _lines(files))

    def start_over(self, files: Mapping[str, Seen]) -> None:
        """These are all there are."""
        replace_file(self._path, _lines(files), durable=False)

    def _catch_up(self) -> bool:
        """Read on; whether the last line has no end, because it is being written, or never was to its end."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._inode, self._read_to, self._known = 0, 0, {}
            return False
        if status.st_ino != self._inode or status.st_size < self._read_to:
            self._inode, self._read_to, self._known = status.st_ino, 0, {}
        if status.st_size > self._read_to:
            with self._path.open("rb") as record:
                record.seek(self._read_to)
                ended, newline, _ = record.read().rpartition(b"\n")
            self._read_to += len(ended) + len(newline)
            for name, seen in _entries(ended):
                self._known.pop(name, None)
                if seen:
                    self._known[name] = seen
        return status.st_size > self._read_to


def _lines(files: Mapping[str, Seen | None]) -> bytes:
    rows = ([name, seen.size, seen.modified, seen.file_hash] if seen else [name] for name, seen in files.items())
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _entries(lines: bytes) -> Iterator[tuple[str, Seen | None]]:
    """What the lines say, but for those that are broken: their files count as not seen."""
    for line in lines.splitlines():
        try:
            name, *facts = json.loads(line)
            yield str(name), Seen(int(facts[0]), int(facts[1]), str(facts[2])) if facts else None
        except (ValueError, TypeError, LookupError):
            continue
