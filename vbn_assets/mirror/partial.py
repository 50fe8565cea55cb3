"""A file on its way: its bytes so far, which parts of them are complete, and that nobody else works on it.

Kill the process anywhere and the parts marked complete are still there. A part is marked after its last byte was
written, whether it is on the disk or not: a power cut that leaves holes is found by the hash, which is always taken of
the whole file. A file of one part is marked nowhere, for there is nothing to go on from. Getting bytes and judging
hashes belong to `download` and `mirror`.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from vbn_assets.mirror.disk import locked, rename_durably

_DATA, _STATE = ".part", ".json"
_ABANDONED_SECONDS = 30 * 86_400
"""Whoever did not go on with a download for a month hardly wants the rest of it."""


@dataclass(frozen=True)
class Part:
    number: int
    start: int
    stop: int


class Partial:
    """A file on its way, named by the hash it must have. To be used inside `lock` only, but for `load`."""

    def __init__(self, folder: Path, file_hash: str, part_size: int) -> None:
        self.folder = folder
        self._data = folder / f"{file_hash}{_DATA}"
        self._state = folder / f"{file_hash}{_STATE}"
        self._state_new = folder / f"{file_hash}{_STATE}.new"
        self._descriptor = -1
        self._guard = threading.Lock()
        self.part_size = part_size
        self.size: int | None = None
        self._complete: set[int] = set()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait until nobody else works on this file, and read what they left. Only what can go on from there stays."""
        with locked(self._data) as self._descriptor:
            self.load()
            try:
                yield
            finally:
                if not self._state.exists():
                    self._data.unlink(missing_ok=True)

    def load(self) -> None:
        """See how far it is; state that contradicts the data counts as none."""
        try:
            state = json.loads(self._state.read_bytes())
            size, part_size, complete = int(state["size"]), int(state["part_size"]), set(state["complete"])
            usable = self._data.stat().st_size == size
        except (OSError, ValueError, KeyError, TypeError):
            usable = False
        if usable:
            self.size, self.part_size, self._complete = size, part_size, complete

    @property
    def done(self) -> int:
        """Bytes in complete parts."""
        return sum(part.stop - part.start for part in self.parts() if part.number in self._complete)

    def parts(self) -> list[Part]:
        """All parts, once the size is known; before that only the first, which brings the size."""
        if self.size is None:
            return [Part(0, 0, self.part_size)]
        starts = range(0, self.size, self.part_size)
        return [Part(number, start, min(start + self.part_size, self.size)) for number, start in enumerate(starts)]

    def has(self, part: Part) -> bool:
        return part.number in self._complete

    def begin(self, size: int) -> None:
        """The size has become known: make room for it."""
        os.truncate(self._descriptor, 0)
        os.truncate(self._descriptor, size)
        self.size = size
        if size > self.part_size:
            self._save()

    def write(self, chunk: bytes, at: int) -> None:
        while chunk:
            written = os.pwrite(self._descriptor, chunk, at)
            chunk, at = chunk[written:], at + written

    def complete(self, part: Part) -> None:
        """All bytes of the part are written."""
        with self._guard:
            self._complete.add(part.number)
            self._save()

    def open(self) -> FileIO:
        """The bytes, to be read from the first on."""
        return FileIO(self._data)

    def sync(self) -> None:
        """What is written by now is on the disk when this returns."""
        os.fsync(self._descriptor)

    def become(self, path: Path) -> None:
        """The bytes are right and all there: they get their name, which no power cut takes back."""
        self.sync()
        path.parent.mkdir(parents=True, exist_ok=True)
        rename_durably(self._data, path)
        self._forget()

    def start_over(self) -> None:
        """Forget the bytes: they are wrong."""
        os.truncate(self._descriptor, 0)
        self._forget()

    def _forget(self) -> None:
        self._state.unlink(missing_ok=True)
        self.size = None
        self._complete = set()

    def _save(self) -> None:
        state = {"size": self.size, "part_size": self.part_size, "complete": sorted(self._complete)}
        self._state_new.write_text(json.dumps(state))
        self._state_new.replace(self._state)


def sweep(folder: Path) -> int:
    """Remove what is abandoned or cannot be gone on with, and nobody works on; how many files that were to be."""
    removed = 0
    for data in folder.glob(f"*{_DATA}"):
        state = data.with_suffix(_STATE)
        with suppress(BlockingIOError), locked(data, wait=False):
            if not state.exists() or time.time() - data.stat().st_mtime > _ABANDONED_SECONDS:
                for path in (state, data.with_suffix(f"{_STATE}.new"), data):
                    path.unlink(missing_ok=True)
                removed += 1
    return removed
