"""How a person sees that something takes a while: a bar in a terminal or a notebook, nothing elsewhere.

For the client and for commands without a count of files; `cli.progress` shows those that have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vbn_assets.mirror import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from vbn_assets.releases.manifest import ReleaseFile


@contextmanager
def shown_progress() -> Iterator[Progress | None]:
    """A progress that draws a bar for each file while the block runs; None where nobody would see it."""
    bars = _bars()
    if bars is None:
        yield None
        return
    with bars:
        yield _Downloads(bars)


@contextmanager
def shown_hashing(size: int) -> Iterator[Callable[[int], None]]:
    """A function that counts the bytes that are hashed, out of `size`, on a bar if somebody would see it."""
    bars = _bars()
    if bars is None:
        yield lambda count: None
        return
    with bars:
        task = bars.add_task("hashing", total=size)
        yield lambda count: bars.advance(task, count)


@contextmanager
def shown_work(what: str) -> Iterator[None]:
    """Says what is being done while the block runs, where somebody would see it."""
    console = _console()
    if console is None:
        yield
        return
    with console.status(what):
        yield


class _Downloads:
    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        if file.key not in self._tasks:
            self._tasks[file.key] = self._bars.add_task(file.name)
        self._bars.reset(self._tasks[file.key], total=total, completed=done)

    def advanced(self, file: ReleaseFile, count: int) -> None:
        self._bars.advance(self._tasks[file.key], count)


def _bars() -> Bars | None:
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    console = _console()
    if console is None:
        return None
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
    )


def _console() -> Console | None:
    """stderr, or the notebook's cell; None for a log or a pipe."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:  # without them rich only says that it wants them
        return Console(stderr=True, force_terminal=True, force_jupyter=False)
    return console if console.is_terminal or console.is_jupyter else None
