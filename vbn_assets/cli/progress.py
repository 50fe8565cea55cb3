"""How long work shows how far it is: bars in a terminal, a line now and then in a pipe or a log."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from vbn_assets.cli.console import Size, note, notes

if TYPE_CHECKING:
    from rich.progress import Task, TaskID

    from vbn_assets.releases.manifest import ReleaseFile

LINE_SECONDS = 10
"""Between two lines in a log: often enough to see that it goes on, seldom enough to read the log."""


class Display(Protocol):
    """A context that shows work on so many bytes and files; it is a `mirror.Progress` and a `sync.SyncProgress`."""

    def started(self, file: ReleaseFile, total: int, done: int) -> None: ...
    def advanced(self, file: ReleaseFile, count: int) -> None: ...
    def reading(self, file: ReleaseFile) -> None: ...

    def finished(self, file: ReleaseFile, line: str | None = None, *, failed: bool = False) -> None:
        """One more file is done, or failed; `line` stays on the screen."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def display(size: int, files: int, noun: str) -> Display:
    """Bars where somebody looks, lines elsewhere, for `size` bytes to come and `files` files named by `noun`."""
    return _Bars(size, files, noun) if sys.stderr.isatty() else _Lines(size, files, noun)


class _Bars:
    """One bar for all bytes, and one for each file under way."""

    def __init__(self, size: int, files: int, noun: str) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        speed, left = TransferSpeedColumn(), TimeRemainingColumn(compact=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            speed,
            left,
            console=notes(),
            transient=True,
        )
        self._files = files
        self._noun = noun
        self._done = 0
        self._read = ""
        self._all = self._progress.add_task(self._count, total=size)
        self._shown: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    @property
    def _count(self) -> str:
        reading = f", making tables of {self._read}" if self._read else ""
        return f"{self._done} of {self._files} {self._noun}s{reading}"

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        with self._lock:
            counted = self._remove(file)
            self._shown[file.key] = self._progress.add_task(f"  {file.name}", total=total, completed=done)
            self._progress.advance(self._all, done - counted)

    def advanced(self, file: ReleaseFile, count: int) -> None:
        with self._lock:
            shown = self._shown[file.key]
            self._progress.advance(shown, count)
            self._progress.update(shown, visible=not self._tasks()[shown].finished)
            self._progress.advance(self._all, count)

    def reading(self, file: ReleaseFile) -> None:
        with self._lock:
            self._remove(file)
            self._read = file.id
            self._progress.update(self._all, description=self._count)

    def finished(self, file: ReleaseFile, line: str | None = None, *, failed: bool = False) -> None:
        with self._lock:
            self._remove(file)
            self._done += 1
            self._read = ""
            self._progress.update(self._all, description=self._count)
        if line:
            note(line, style="red" if failed else None)

    def _remove(self, file: ReleaseFile) -> float:
        """Show the file no more; the bytes that were counted of it."""
        id = self._shown.pop(file.key, None)
        if id is None:
            return 0
        task = self._tasks()[id]
        self._progress.remove_task(id)
        return task.completed

    def _tasks(self) -> dict[TaskID, Task]:
        return {task.id: task for task in self._progress.tasks}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()


class _Lines:
    """A line for each file that is done, and one every few seconds while bytes come."""

    def __init__(self, size: int, files: int, noun: str) -> None:
        self._size = size
        self._files = files
        self._noun = noun
        self._done = 0
        self._counted: dict[str, int] = {}
        self._came = 0
        self._started = self._said = time.monotonic()
        self._lock = threading.Lock()

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        with self._lock:
            self._counted[file.key] = done

    def advanced(self, file: ReleaseFile, count: int) -> None:
        with self._lock:
            self._counted[file.key] += count
            self._came += count
            now = time.monotonic()
            if now - self._said < LINE_SECONDS:
                return
            self._said = now
            here, rate = sum(self._counted.values()), self._came / (now - self._started)
            left = max(0, self._size - here) / rate
            files = f"{self._done} of {self._files} {self._noun}s"
            note(f"{files}, {Size(here)} of {Size(self._size)}, {Size(rate)}/s, {left / 60:.0f} min left")

    def reading(self, file: ReleaseFile) -> None:
        pass

    def finished(self, file: ReleaseFile, line: str | None = None, *, failed: bool = False) -> None:
        with self._lock:
            self._done += 1
            if line:
                note(f"{line} ({self._done} of {self._files})")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass
