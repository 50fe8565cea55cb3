"""Files that are being written: they get their name when they are whole, and are gone if they never do.

A draft is locked by who writes it. One that is not was left by a writer that was killed; whoever writes next in the
same folder removes it.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from vbn_assets.errors import WarehouseError


@contextmanager
def drafts(folder: Path, count: int) -> Iterator[list[Path]]:
    """New empty files in `folder`, each to be written, forced to the disk and named."""
    with ExitStack() as until_named:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            remove_abandoned(folder)
            paths = [_locked(folder, until_named) for _ in range(count)]
        yield paths


def force(draft: Path) -> None:
    """Wait until what was written to a draft is on the disk."""
    with writing(draft), draft.open("rb") as file:
        os.fsync(file.fileno())


def name(draft: Path, path: Path) -> None:
    """Let a whole draft take its place, in one step."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(path)


def remove_abandoned(folder: Path) -> int:
    """Remove the drafts in `folder` that nobody holds; how many that were."""
    removed = 0
    for draft in folder.glob("*.tmp"):
        with suppress(FileNotFoundError, BlockingIOError), draft.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            draft.unlink()
            removed += 1
    return removed


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the operating system refuses meanwhile is a `WarehouseError` about `path`."""
    try:
        yield
    except OSError as error:
        raise WarehouseError(
            f"cannot write: {error}", file=str(path), remedy="Free some space or correct the folder's permissions."
        ) from error


def _locked(folder: Path, until_named: ExitStack) -> Path:
    while True:
        draft = folder / f"{uuid.uuid4().hex}.tmp"
        lock = until_named.enter_context(draft.open("wb"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        until_named.callback(draft.unlink, missing_ok=True)
        if draft.exists():  # nobody took it for abandoned before it was locked
            return draft
