"""One file from the bucket into its work folder, in parallel parts, hashed as it comes.

A part that is interrupted goes on from the byte it got to, after a wait that doubles with every try in vain. A
request may take `request_seconds`: one that stalls or trickles ends then, and is in vain if it brought less than
one chunk. What is right and where it goes is decided by `mirror`.
"""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

from vbn_assets.errors import DiskFull, DownloadError
from vbn_assets.mirror.objects import Contradiction, Interrupted, Objects
from vbn_assets.mirror.partial import Part, Partial
from vbn_assets.mirror.progress import Progress
from vbn_assets.releases.manifest import ReleaseFile

_SLICE = 1 << 20
_SYNCED_PARTS = 8
"""How many parts are written between two syncs, so that the disk is not first asked when everything is there."""
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
    """A line that brings a connection less than a chunk in this time (2 kB/s) counts as dead."""
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

    def run(self) -> Download:
        """All parts that are missing; the hash is of the whole file, parts of earlier runs included.

        Raises `FileGone`, `BucketError`, `DiskFull`, `DownloadError` when every try was in vain, and `Contradiction`;
        complete parts stay for the next run.
        """
        begun, first = 0, None
        if self._partial.size is None:
            first = self._first()
        else:
            begun = self._partial.done
            self._require_room(self._partial.size - begun)
            self._progress.started(self._file, self._partial.size, begun)
        size = self._partial.size or 0
        if first is not None and size <= self._limits.part_size:
            return Download(self._in_one(first), size, size)
        return Download(self._in_parts(first), size, size - begun)

    def _first(self) -> Iterator[bytes]:
        """The chunks of the first part. The size of the whole comes with them."""
        if self._file.file_hash == _EMPTY:  # S3 has no ranges of an empty object
            self._begin(0)
            return iter(())
        (part,) = self._partial.parts()
        chunks = self._chunks(part)
        return chain([next(chunks)], chunks)

    def _in_one(self, chunks: Iterator[bytes]) -> str:
        """A file of one part, hashed as it comes."""
        digest, at = blake2b(), 0
        for chunk in chunks:
            digest.update(chunk)
            self._partial.write(chunk, at)
            at += len(chunk)
        return digest.hexdigest()

    def _in_parts(self, first: Iterator[bytes] | None) -> str:
        """Parts arrive in any order and are hashed in theirs, while later ones are still on their way."""
        parts = self._partial.parts()
        coming: dict[int, Future[None]] = {}
        with ThreadPoolExecutor(self._limits.connections, thread_name_prefix="download") as pool:
            try:
                if first is not None:
                    coming[0] = pool.submit(self._fetch, parts[0], first)
                with self._line_for(parts):
                    for part in parts:
                        if part.number not in coming and not self._partial.has(part):
                            coming[part.number] = pool.submit(self._fetch, part, self._chunks(part))
                    return self._hash(parts, coming)
            except BaseException:
                self._stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _line_for(self, parts: Sequence[Part]) -> AbstractContextManager[object]:
        """A large file fills the line alone: two would both come later, and neither sooner."""
        return self._line if len(parts) > self._limits.connections else nullcontext()

    def _hash(self, parts: Iterable[Part], coming: Mapping[int, Future[None]]) -> str:
        digest, slice_ = blake2b(), memoryview(bytearray(_SLICE))
        with self._partial.open() as data:
            for part in parts:
                if part.number in coming:
                    coming[part.number].result()
                for start in range(part.start, part.stop, _SLICE):
                    digest.update(slice_[: data.readinto(slice_[: part.stop - start])])
        return digest.hexdigest()

    def _fetch(self, part: Part, chunks: Iterator[bytes]) -> None:
        at = part.start
        for chunk in chunks:
            self._partial.write(chunk, at)
            at += len(chunk)
        self._partial.complete(part)
        if part.number % _SYNCED_PARTS == 0:
            self._partial.sync()

    def _chunks(self, part: Part) -> Iterator[bytes]:
        """The bytes of a part, however often asking for the rest of them takes."""
        at, failures = part.start, 0
        while not self._stopped.is_set():
            before = at
            try:
                with self._objects.read(self._file, at, part.stop) as body:
                    self._agree(body.size)
                    for chunk in body:
                        yield chunk
                        at += len(chunk)
                        self._progress.advanced(self._file, len(chunk))
                        if self._stopped.is_set():
                            raise Interrupted("stopped")
                return
            except Interrupted as reason:
                failures = 1 if at > before else failures + 1
                if failures == self._limits.tries:
                    raise self._given_up(part, at, reason) from reason
                self._stopped.wait(self._limits.wait_after(failures))
        raise Interrupted("stopped")

    def _agree(self, size: int) -> None:
        """All answers must be about an object of the same size; the first one brings it."""
        if self._partial.size is None:
            self._begin(size)
        elif size != self._partial.size:
            raise Contradiction(f"{size} bytes after {self._partial.size}")

    def _begin(self, size: int) -> None:
        self._require_room(size)
        self._partial.begin(size)
        self._progress.started(self._file, size, 0)

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
        free = shutil.disk_usage(self._partial.folder).free
        if free < needed + self._limits.reserve:
            raise DiskFull(
                "does not fit on the disk",
                file=self._file.key,
                release=self._file.release,
                expected=f"{needed:,} bytes free and {self._limits.reserve:,} in reserve",
                found=f"{free:,}",
                remedy="Free some space, or point VBN_DATA_DIR at a larger disk.",
            )
