"""HTTP connections to one server that stay open from one request to the next; each request has its time.

The standard library's client: over TLS as over plain HTTP it moves bytes in half the processor time of the Rust one
that was here before (docs/performance.md). What an answer means is for `objects` to say.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

if TYPE_CHECKING:
    from ssl import SSLContext

CHUNK = 256 << 10
"""Bytes handed on at a time: they stay in the processor's cache, and show often enough that a slow line moves."""
_PASSING = (OSError, HTTPException)


class Interrupted(Exception):
    """No answer, or one that ended early, for a reason that may be gone at the next try."""


class Answer:
    """What came back for one request. Reading it is `Interrupted` at the `deadline`."""

    def __init__(self, connection: HTTPConnection, deadline: float) -> None:
        self._socket = connection.sock  # the connection forgets it if the server will close it
        self._deadline = deadline
        self._hurry()
        self._response = connection.getresponse()
        self.status = self._response.status
        self.reason = self._response.reason
        self.complete = False
        """Whether everything that was asked for has come."""

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def chunks(self, size: int) -> Iterator[memoryview]:
        """The body, `size` bytes. A chunk is good until the next is asked for. `Interrupted` if it ends early."""
        buffer, filled, missing = memoryview(bytearray(min(CHUNK, size))), 0, size
        while missing and (count := self._read(buffer[filled:][:missing])):
            filled, missing = filled + count, missing - count
            if filled == len(buffer):
                yield buffer
                filled = 0
        if filled:
            yield buffer[:filled]
        if missing:
            raise Interrupted(f"{missing} bytes are missing at the end")
        self.complete = True

    def close(self) -> None:
        self._response.close()

    def _read(self, into: memoryview) -> int:
        # `readinto1` of a response copies what it reads; only bodies with lengths inside of them need that.
        reader = self._response if self._response.chunked else self._response.fp
        try:
            self._hurry()
            return reader.readinto1(into)
        except _PASSING as error:
            raise Interrupted(_reason(error)) from error

    def _hurry(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


class Connections:
    """As many connections to the server at `url` as are in use at once. Threads may share them."""

    def __init__(self, url: str, connect_seconds: float, request_seconds: float) -> None:
        self._url = urlsplit(url)
        self._connect_seconds = connect_seconds
        self._request_seconds = request_seconds
        self._idle: deque[HTTPConnection] = deque()

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer to a GET, while the block lasts."""
        connection, answer = self._ask(self._url.path.rstrip("/") + path, headers)
        try:
            yield answer
        finally:
            answer.close()
            if answer.complete:
                self._idle.append(connection)
            else:
                connection.close()

    def _ask(self, path: str, headers: Mapping[str, str]) -> tuple[HTTPConnection, Answer]:
        while True:
            connection, was_idle = self._connection()
            try:
                connection.request("GET", path, headers=headers)
                return connection, Answer(connection, time.monotonic() + self._request_seconds)
            except _PASSING as error:
                connection.close()
                if not was_idle or isinstance(error, TimeoutError):  # servers end what was idle for long
                    raise Interrupted(_reason(error)) from error

    def _connection(self) -> tuple[HTTPConnection, bool]:
        """A connection, and whether it was idle before."""
        try:
            return self._idle.pop(), True
        except IndexError:
            connection = self._new()
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise Interrupted(f"no connection: {error.strerror or error}") from error
        return connection, False

    def _new(self) -> HTTPConnection:
        """With TLS by way of the environment's proxy; a server without is one's own, and on this side of it."""
        if self._url.scheme != "https":
            return HTTPConnection(*_address(self._url), timeout=self._connect_seconds)
        proxy = _proxy(self._url)
        connection = HTTPSConnection(
            *_address(proxy or self._url), timeout=self._connect_seconds, context=self._certificates
        )
        if proxy:
            connection.set_tunnel(*_address(self._url), headers=_credentials(proxy))
        return connection

    @cached_property
    def _certificates(self) -> SSLContext:
        """Those that the system trusts; and botocore's, because some Pythons do not find the system's."""
        from ssl import create_default_context

        from botocore.httpsession import get_cert_path

        context = create_default_context()
        context.load_verify_locations(get_cert_path(True))
        return context


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionError):
        return "the connection broke off"
    return str(error) or type(error).__name__


def _address(url: SplitResult) -> tuple[str, int | None]:
    return url.hostname or "", url.port


def _proxy(url: SplitResult) -> SplitResult | None:
    from urllib.request import getproxies, proxy_bypass

    proxy = None if proxy_bypass(url.netloc) else getproxies().get(url.scheme)
    return urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    named = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(named.encode()).decode()}"}
