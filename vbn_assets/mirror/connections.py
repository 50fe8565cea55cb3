"""HTTP connections to one server, kept from one request to the next by urllib3; each request has its time.

urllib3 moves bytes in half the processor time of the Rust client that was here before, over TLS in two thirds of it
(docs/performance.md), and boto3 has brought it anyway. What an answer means is for `objects` to say.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from urllib3 import PoolManager, ProxyManager, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, ReadTimeoutError
from urllib3.util import make_headers

from vbn_assets.mirror.objects import Interrupted

if TYPE_CHECKING:
    from ssl import SSLContext

    from urllib3 import BaseHTTPResponse

CHUNK = 256 << 10
"""Bytes read at a time, at most: they stay in the processor's cache."""
_LEAST = 64 << 10
"""Bytes handed on at a time, but for the last: TLS brings 16 kB, and each would be a write."""
_KEPT = 32
"""Connections that stay open while nobody uses them: as many as all downloads of a sync use at once."""


class Answer:
    """What came back for one request. Reading it is `Interrupted` at the `deadline`."""

    def __init__(self, response: BaseHTTPResponse, deadline: float) -> None:
        self._response = response
        self._deadline = deadline
        self.status = response.status
        self.reason = response.reason

    def header(self, name: str) -> str:
        return self._response.headers.get(name, "")

    def chunks(self, size: int) -> Iterator[bytes]:
        """The body, `size` bytes. `Interrupted` if it ends early, without what came of the last chunk."""
        chunk, missing = b"", size
        while missing:
            piece = self._read(min(CHUNK, missing))
            if not piece:
                raise Interrupted(f"{missing} bytes are missing at the end")
            chunk += piece
            missing -= len(piece)
            if len(chunk) >= _LEAST or not missing:
                yield chunk
                chunk = b""

    def _read(self, count: int) -> bytes:
        """Whatever is there, up to `count` bytes."""
        self._hurry()
        try:
            return self._response.read1(count, decode_content=False)
        except HTTPError as error:
            raise Interrupted(_reason(error)) from error

    def _hurry(self) -> None:
        """What is left of the request's time is all that the next read may take."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Interrupted("no answer in time")
        connection = self._response.connection
        if isinstance(connection, HTTPConnection) and connection.sock:
            connection.sock.settimeout(left)


class Connections:
    """As many connections to the server at `url` as are in use at once. Threads may share them."""

    def __init__(self, url: str, connect_seconds: float, request_seconds: float) -> None:
        self._url = url.rstrip("/")
        self._timeout = Timeout(connect=connect_seconds, read=request_seconds)
        self._request_seconds = request_seconds

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """The answer to a GET, while the block lasts. Redirects are answers too."""
        deadline = time.monotonic() + self._request_seconds
        try:
            response = self._pool.request(
                "GET", self._url + path, headers=headers, timeout=self._timeout, retries=False, preload_content=False
            )
        except HTTPError as error:
            raise Interrupted(_reason(error)) from error
        try:
            yield Answer(response, deadline)
        finally:
            # One that was read to its end is back among the idle ones by now, and stays open.
            response.close()
            response.release_conn()

    @cached_property
    def _pool(self) -> PoolManager:
        """With TLS by way of the environment's proxy; a server without is one's own, and on this side of it."""
        if urlsplit(self._url).scheme != "https":
            return PoolManager(num_pools=1, maxsize=_KEPT)
        proxy = _proxy(self._url)
        if not proxy:
            return PoolManager(num_pools=1, maxsize=_KEPT, ssl_context=_certificates())
        return ProxyManager(
            proxy, num_pools=1, maxsize=_KEPT, ssl_context=_certificates(), proxy_headers=_credentials(proxy)
        )


def _certificates() -> SSLContext:
    """Those that the system trusts; botocore's, because some Pythons do not find the system's; and those that botocore
    is told of, by `AWS_CA_BUNDLE` or its configuration, as behind a company's proxy."""
    from ssl import create_default_context

    from botocore.httpsession import get_cert_path
    from botocore.session import get_session

    context = create_default_context()
    context.load_verify_locations(get_cert_path(True))
    if told := get_session().get_config_variable("ca_bundle"):
        context.load_verify_locations(told)
    return context


def _reason(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError | ConnectTimeoutError):
        return f"no connection: {error}"
    if isinstance(error, ReadTimeoutError):
        return "no answer in time"
    if isinstance(error, ProtocolError):
        return "the connection broke off"
    return str(error) or type(error).__name__


def _proxy(url: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    server = urlsplit(url)
    proxy = None if proxy_bypass(server.netloc) else getproxies().get(server.scheme)
    return proxy if not proxy or "//" in proxy else f"http://{proxy}"


def _credentials(proxy: str) -> dict[str, str]:
    named = urlsplit(proxy)
    if named.username is None:
        return {}
    return dict(make_headers(proxy_basic_auth=f"{unquote(named.username)}:{unquote(named.password or '')}"))
