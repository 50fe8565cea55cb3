"""The bodies of a bucket's object versions, byte range by byte range, and what it means if they do not come.

How bytes get here is `connections`; trying again is for `download`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

from vbn_assets.errors import BucketError, FileGone
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import ReleaseFile

if TYPE_CHECKING:
    from vbn_assets.mirror.connections import Answer, Connections

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_MAY_PASS = frozenset({408, 429})
"""Refusals below 500 that say: later."""


class Interrupted(Exception):
    """No answer, or one that ended early, for a reason that may be gone at the next try."""


class Contradiction(Exception):
    """The object has another size than an earlier answer said: one of the two was about other bytes."""


class Body:
    """A range of an object that began to arrive: the whole object's size, and the range's chunks once."""

    def __init__(self, answer: Answer, start: int, stop: int) -> None:
        found = _RANGE.fullmatch(answer.header("Content-Range"))
        first, last, self.size = map(int, found.groups()) if found else (0, 0, 0)
        if (first, last + 1) != (start, min(stop, self.size)):
            raise Interrupted("another range came than was asked for")
        self._answer = answer
        self._length = last + 1 - first

    def __iter__(self) -> Iterator[bytes]:
        """Its chunks. Raises `Interrupted` where the range is cut short."""
        return self._answer.chunks(self._length)


class Objects:
    """One bucket, anonymously. Threads may share it, and should: it holds the connections."""

    def __init__(
        self, project: Project, endpoint_url: str | None, connect_seconds: float, request_seconds: float
    ) -> None:
        self._url = project.bucket_url(endpoint_url)
        self._seconds = connect_seconds, request_seconds

    @cached_property
    def _connections(self) -> Connections:
        """Made when something is fetched: urllib3 is a tenth of what a process imports that fetches nothing."""
        from vbn_assets.mirror.connections import Connections

        return Connections(self._url, *self._seconds)

    @contextmanager
    def read(self, file: ReleaseFile, start: int, stop: int) -> Iterator[Body]:
        """Bytes `start` to `stop` of the very version that the release names, or to its end if that comes first.

        Raises `FileGone` if there is no such version, `BucketError` if reading is refused, `Contradiction` if the
        object ends before `start`, and `Interrupted` for anything that may pass.
        """
        path = f"/{quote(file.key)}?versionId={quote(file.version_id, safe='')}"
        with self._connections.get(path, {"Range": f"bytes={start}-{stop - 1}"}) as answer:
            if answer.status != 206:
                raise _refusal(answer, file)
            yield Body(answer, start, stop)


def _refusal(answer: Answer, file: ReleaseFile) -> Exception:
    found = f"{answer.status} {answer.reason}"
    if answer.status == 404:
        return FileGone(
            "is not in the bucket any more",
            file=file.key,
            release=file.release,
            expected=f"version id {file.version_id}",
            found=found,
            remedy="`vbn releases` shows whether a newer release replaces this one.",
        )
    if answer.status == 416:
        return Contradiction(found)
    if 300 <= answer.status < 500 and answer.status not in _MAY_PASS:
        return BucketError(
            f"{file.bucket} refuses to hand it out",
            file=file.key,
            release=file.release,
            expected="an object that anyone may read",
            found=found,
        )
    return Interrupted(found)
