"""The bodies of a bucket's object versions, byte range by byte range, over one pool of connections.

obstore (Rust) does the HTTP: measured against a local server it moves the bytes of boto3 in half the time
(docs/performance.md). What its errors mean to us is decided here; trying again is for `download`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from vbn_assets.errors import BucketError, FileGone
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import ReleaseFile

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

CHUNK = 256 << 10
"""Bytes handed on at a time: the size that measured fastest, and small enough to show that a slow line moves."""

_STATUS = re.compile(r"status code: ((\d{3})[\w ]*)")
_KIND = re.compile(r"kind: (Timeout|Connect|Interrupted)\b")
_KINDS = {
    "Timeout": "no answer in time",
    "Connect": "no connection",
    "Interrupted": "the connection broke off",
}
_MAY_PASS = frozenset({408, 429})
"""Refusals below 500 that say: later."""


class Interrupted(Exception):
    """A read ended early, for a reason that may be gone at the next try."""


class Contradiction(Exception):
    """The object has another size than an earlier answer said: one of the two was about other bytes."""


class Body:
    """A range of an object that began to arrive: the whole object's size, and the range's chunks once."""

    def __init__(self, file: ReleaseFile, size: int, chunks: Iterator[bytes]) -> None:
        self.size = size
        self._file = file
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        """Raises `Interrupted` where the range is cut short."""
        from obstore.exceptions import BaseError

        try:
            yield from self._chunks
        except BaseError as error:
            raise _meaning(error, self._file) from error


class Objects:
    """One bucket, anonymously. Threads may share it, and should: it holds the connections."""

    def __init__(
        self, project: Project, endpoint_url: str | None, connect_seconds: float, request_seconds: float
    ) -> None:
        self._project = project
        self._endpoint_url = endpoint_url
        self._connect = timedelta(seconds=connect_seconds)
        self._request = timedelta(seconds=request_seconds)

    def read(self, file: ReleaseFile, start: int, stop: int) -> Body:
        """Bytes `start` to `stop` of the very version that the release names, or to its end if that comes first.

        Raises `FileGone` if there is no such version, `BucketError` if reading is refused, `Contradiction` if the
        object ends before `start`, and `Interrupted` for anything that may pass.
        """
        import obstore
        from obstore.exceptions import BaseError

        try:
            answer = obstore.get(self._store, file.key, options={"range": (start, stop), "version": file.version_id})
        except (BaseError, FileNotFoundError) as error:
            raise _meaning(error, file) from error
        return Body(file, answer.meta["size"], answer.stream(min_chunk_size=CHUNK))

    @cached_property
    def _store(self) -> S3Store:
        from obstore.store import S3Store

        config: S3Config = {
            "region": self._project.region,
            "skip_signature": True,
            "virtual_hosted_style_request": self._endpoint_url is None,
        }
        if self._endpoint_url:
            config["endpoint"] = self._endpoint_url
        return S3Store(
            self._project.bucket,
            config=config,
            client_options={
                "allow_http": self._endpoint_url is not None,
                "connect_timeout": self._connect,
                "timeout": self._request,
            },
            retry_config={"max_retries": 0},
        )


def _meaning(error: Exception, file: ReleaseFile) -> Exception:
    """What an error of obstore's means; its text is the only place that has the HTTP status."""
    text = str(error)
    status = _STATUS.search(text)
    found = status[1].strip() if status else _reason(text)
    if isinstance(error, FileNotFoundError):
        return FileGone(
            "is not in the bucket any more",
            file=file.key,
            release=file.release,
            expected=f"version id {file.version_id}",
            found=found,
            remedy="`vbn releases` shows whether a newer release replaces this one.",
        )
    if (status and int(status[2]) == 416) or "StartTooLarge" in text:
        return Contradiction(found)
    if status and 400 <= int(status[2]) < 500 and int(status[2]) not in _MAY_PASS:
        return BucketError(
            f"{file.bucket} refuses to hand it out",
            file=file.key,
            release=file.release,
            expected="an object that anyone may read",
            found=found,
        )
    return Interrupted(found)


def _reason(text: str) -> str:
    kind = _KIND.search(text)
    return _KINDS[kind[1]] if kind else text.splitlines()[0]
