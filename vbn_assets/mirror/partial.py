"""The work folder of one download: its bytes so far, which parts are complete, and the lock of who works on it.

Kill the process anywhere and the parts marked complete are still there. A part is marked after its last byte
was written; nothing is synced before the end, for a power cut that leaves holes is found by the hash, which is
always taken of the whole file. Getting bytes and judging hashes belong to `download` and `mirror`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from vbn_assets.mirror.disk import locked


@dataclass(frozen=True)
class Part:
    number: int
    start: int
    stop: int


class Partial:
    """A file on its way, named by the hash it must have. To be used inside `lock` only."""

    def __init__(self, folder: Path, part_size: int) -> None:
        self.data = folder / "data"
        self._folder = folder
        self._state = folder / "state.json"
        self._state_new = folder / "state.json.new"
        self._lock = folder / "lock"
        self._guard = threading.Lock()
        self.part_size = part_size
        self.size: int | None = None
        self._complete: set[int] = set()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Wait until nobody else works on this file, and read what they left."""
        with locked(self._lock):
            self.load()
            try:
                yield
            finally:
                if self.size is None:
                    self._remove()

    def load(self) -> None:
        """See how far it is; state that contradicts the data counts as none."""
        try:
            state = json.loads(self._state.read_bytes())
            size, part_size, complete = int(state["size"]), int(state["part_size"]), set(state["complete"])
            usable = self.data.stat().st_size == size
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
        with self.data.open("wb") as file:
            file.truncate(size)
        self.size = size
        self._save()

    def complete(self, part: Part) -> None:
        """All bytes of the part are written."""
        with self._guard:
            self._complete.add(part.number)
            self._save()

    def start_over(self) -> None:
        """Forget the bytes: they are wrong, or they are where they belong. Nothing is left if this is the end."""
        self._state.unlink(missing_ok=True)
        self.data.unlink(missing_ok=True)
        self.size = None
        self._complete = set()

    def _remove(self) -> None:
        """Nothing is left of it. The lock goes last: who made it anew meanwhile has it, and the folder stays."""
        for path in (self.data, self._state, self._state_new, self._lock):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self._folder.rmdir()

    def _save(self) -> None:
        state = {"size": self.size, "part_size": self.part_size, "complete": sorted(self._complete)}
        self._state_new.write_text(json.dumps(state))
        self._state_new.replace(self._state)
