"""One file from the bucket into its work folder, in parallel parts, hashed as it comes.

A part that is interrupted goes on from the byte it got to, after a wait that doubles with every try in vain. A
request may take `request_seconds`: one that stalls or trickles ends then, and is in vain if it brought less than
one chunk. What is right and where it goes is decided by `mirror`.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import blake2b

from vbn_assets.errors import DiskFull, DownloadError
from vbn_assets.mirror.objects import Contradiction, Interrupted, Objects
from vbn_assets.mirror.partial import Part, Partial
from vbn_assets.mirror.progress import Progress
from vbn_assets.releases.manifest import ReleaseFile

_SLICE = 1 << 20
_EMPTY = blake2b().hexdigest()


@dataclass(frozen=True)
class Limits:
    """How hard a download tries, and what it may use."""

    part_size: int = 16 << 20
    """What a kill may lose of each connection's work, and what S3's own clients ask for at a time."""
    connections: int = 8
    """S3 gives one connection 50–90 MB/s; eight fill the lines people have."""
    connect_seconds: float = 5
    request_seconds: float = 30
    """A line that brings a connection less than a chunk in this time (9 kB/s) counts as dead."""
    tries: int = 8
    """Tries in vain, one after another, of one part: with the waits, half a minute of 503s is survived."""
    first_wait: float = 0.5
    longest_wait: float = 20
    reserve: int = 1 << 30
    """Bytes of disk that stay free for everything else on the machine."""

    def wait_after(self, failures: int) -> float:
        """Exponential backoff with full jitter: clients that failed together do not come back together."""
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (failures - 1)))  # noqa: S311


@dataclass(frozen=True)
class Download:
    """What a download brought: the hash of the whole file, and the bytes that came over the network."""

    file_hash: str
    size: int
    received: int


class Downloader:
    """Fetches one file; made for each. `line` is held by the one large file that is on its way."""

    def __init__(
        self,
        file: ReleaseFile,
        objects: Objects,
        partial: Partial,
        limits: Limits,
        progress: Progress,
        line: threading.Lock,
    ) -> None:
        self._file = file
        self._objects = objects
        self._partial = partial
        self._limits = limits
        self._progress = progress
        self._line = line
        self._stopped = threading.Event()
        self._sized = threading.Event()

    def run(self) -> Download:
        """All parts that are missing; the hash is of what the disk has, parts of earlier runs included.

        Raises `FileGone`, `BucketError`, `DiskFull`, `DownloadError` when every try was in vain, and `Contradiction`;
        complete parts stay for the next run.
        """
        coming: dict[int, Future[None]] = {}
        with ThreadPoolExecutor(self._limits.connections, thread_name_prefix="download") as pool:
            try:
                begun = self._begin(pool, coming)
                size = self._partial.size or 0
                # A large file fills the line alone: two would both come later, and neither sooner.
                with self._line if size > self._limits.part_size * self._limits.connections else nullcontext():
                    file_hash = self._fetch_and_hash(pool, coming)
            except BaseException:
                self._stop(coming.values())
                raise
        return Download(file_hash, size, size - begun)

    def _begin(self, pool: ThreadPoolExecutor, coming: dict[int, Future[None]]) -> int:
        """Get to know the size, which comes with the head of the first part; the bytes that were there already."""
        if self._partial.size is None and self._file.file_hash == _EMPTY:  # S3 has no ranges of an empty object
            self._partial.begin(0)
        if self._partial.size is None:
            (first,) = self._partial.parts()
            coming[first.number] = pool.submit(self._fetch, first)
            coming[first.number].add_done_callback(lambda _: self._sized.set())
            self._sized.wait()
            if self._partial.size is None:
                coming[first.number].result()
            return 0
        begun = self._partial.done
        self._require_room(self._partial.size - begun)
        self._progress.started(self._file, self._partial.size, begun)
        return begun

    def _fetch_and_hash(self, pool: ThreadPoolExecutor, coming: dict[int, Future[None]]) -> str:
        """Parts arrive in any order and are hashed in theirs, while later ones are still on their way."""
        digest = blake2b()
        parts = self._partial.parts()
        for part in parts:
            if part.number not in coming and not self._partial.has(part):
                coming[part.number] = pool.submit(self._fetch, part)
        with self._partial.data.open("rb", buffering=0) as data:
            for part in parts:
                if part.number in coming:
                    coming[part.number].result()
                data.seek(part.start)
                for start in range(part.start, part.stop, _SLICE):
                    digest.update(data.read(min(_SLICE, part.stop - start)))
            os.fsync(data.fileno())
        return digest.hexdigest()

    def _fetch(self, part: Part) -> None:
        at, failures = part.start, 0
        while not self._stopped.is_set():
            before = at
            try:
                for count in self._write(part, at):
                    at += count
                self._partial.complete(part)
                return
            except Interrupted as reason:
                failures = 1 if at > before else failures + 1
                if failures == self._limits.tries:
                    raise self._given_up(part, at, reason) from reason
                self._stopped.wait(self._limits.wait_after(failures))

    def _write(self, part: Part, start: int) -> Iterator[int]:
        """Write the part from `start` on; yields the bytes of each chunk."""
        body = self._objects.read(self._file, start, part.stop)
        if self._partial.size is None:
            self._require_room(body.size)
            self._partial.begin(body.size)
            self._progress.started(self._file, body.size, 0)
            self._sized.set()
        elif body.size != self._partial.size:
            raise Contradiction(f"{body.size} bytes after {self._partial.size}")
        missing = min(part.stop, body.size) - start
        with self._partial.data.open("r+b") as data:
            data.seek(start)
            for chunk in body:
                data.write(chunk)
                missing -= len(chunk)
                self._progress.advanced(self._file, len(chunk))
                yield len(chunk)
                if self._stopped.is_set():
                    raise Interrupted("stopped")
        if missing:
            raise Interrupted(f"{missing} bytes are missing at the end")

    def _stop(self, coming: Iterable[Future[None]]) -> None:
        self._stopped.set()
        for future in coming:
            future.cancel()

    def _given_up(self, part: Part, at: int, reason: Interrupted) -> DownloadError:
        return DownloadError(
            f"could not be downloaded: {self._limits.tries} tries in vain",
            file=self._file.key,
            release=self._file.release,
            expected=f"bytes {part.start} to {part.stop}",
            found=f"{reason} at byte {at}",
            remedy="What is complete is kept; the next fetch goes on from there.",
        )

    def _require_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._partial.data.parent).free
        if free < needed + self._limits.reserve:
            raise DiskFull(
                "does not fit on the disk",
                file=self._file.key,
                release=self._file.release,
                expected=f"{needed:,} bytes free and {self._limits.reserve:,} in reserve",
                found=f"{free:,}",
                remedy="Free some space, or point VBN_DATA_DIR at a larger disk.",
            )
