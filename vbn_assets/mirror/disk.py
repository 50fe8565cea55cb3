"""What a mirror asks of a file system: writing in one step, hashing, locking, and one file under two names.

Which file goes where, and why, belongs to the callers.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a full disk, a spent quota and a limit on file size are called."""
Way = Callable[[Path, Path], None]
"""How a source can become a target that does not exist yet."""
_SLICE = 1 << 20


def replace_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Give `path` new content: a reader sees all of the old or all of the new.

    A power cut leaves one of them if it is to be `durable`; that takes the disk some milliseconds.
    """
    temporary = _beside(path)
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def rename_durably(source: Path, target: Path) -> None:
    """`source`, already synced, becomes `target`, and a power cut cannot undo it once this returns."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:  # else the folder is a link to another disk
            raise
        _move_to_other_disk(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _move_to_other_disk(source: Path, target: Path) -> None:
    temporary = _beside(target)
    try:
        shutil.copyfile(source, temporary)
        with temporary.open("rb") as copied:
            os.fsync(copied.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    source.unlink()


def hash_file(path: Path, advanced: Callable[[int], None] | None = None) -> str:
    """BLAKE2b-512 of a file's bytes in hexadecimal, as manifests give it."""
    digest = blake2b()
    slice_ = memoryview(bytearray(_SLICE))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(slice_):
            digest.update(slice_[:count])
            if advanced:
                advanced(count)
    return digest.hexdigest()


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Only one thread of one process is in here for `path`, the file's descriptor in hand.

    The others wait, or get a `BlockingIOError` if they are not to.
    The file and its folder may be removed meanwhile, or the file renamed: whoever is next makes it anew.
    """
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # there is no folder yet, or it went away with the one before us
            path.parent.mkdir(parents=True, exist_ok=True)
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def symlink(source: Path, target: Path) -> None:
    """A relative link, so that the mirror can be moved or mounted elsewhere."""
    target.symlink_to(os.path.relpath(source.resolve(), target.parent.resolve()))


def hard_link(source: Path, target: Path) -> None:
    target.hardlink_to(source.resolve())


def copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def place(source: Path, target: Path, ways: tuple[Way, ...]) -> None:
    """Make `source` appear as `target` too, in the first of `ways` that this file system has."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target)
    for way in ways:
        try:
            way(source, temporary)
            temporary.replace(target)
        except OSError:
            if way is ways[-1]:
                raise
        else:
            return
        finally:
            temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody else has. AllenSDK passes over names with `json` in them."""
    return path.with_name(f".{uuid.uuid4().hex}.json")


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
