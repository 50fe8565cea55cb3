"""A small S3 that misbehaves on demand: one bucket, versioned objects, ranges, and a list of faults to come.

Only what a download asks of S3 is answered well; what asks for more meets nothing but faults.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

OK = "ok"
UNAVAILABLE = "503"
DENIED = "403"
GONE = "404"
HELD = "held"
"""No answer before the server is `released`."""
HELD_GONE = "held 404"
"""None before that either, then a 404."""
STALL = "stall"
"""Headers and half the body, then silence."""
TRICKLE = "trickle"
"""A byte every 0.05 s."""
RESET = "reset"
"""Half the body, then a TCP reset."""
CUT = "cut"
"""Half the body, then an orderly end of connection."""
WRONG = "wrong"
"""The right length, other bytes."""
SHORT = "short"
"""As `CUT`, but always after the same number of bytes."""
SHORT_BYTES = 512 << 10


class FaultyS3(ThreadingHTTPServer):
    """Serves `objects[key, version_id]`; each GET meets the next of `faults`, and none when they are used up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[tuple[str, str], bytes] = {}
        self.requests: list[tuple[str, int, int]] = []
        self.bytes_sent = 0
        self.released = threading.Event()
        self.closing = threading.Event()
        self._faults: Iterator[str] = iter(())
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def misbehave(self, faults: Iterable[str]) -> None:
        with self._lock:
            self._faults = iter(faults)

    def forget_traffic(self) -> None:
        with self._lock:
            self.requests.clear()
            self.bytes_sent = 0

    def next_fault(self, key: str, start: int, stop: int) -> str:
        with self._lock:
            self.requests.append((key, start, stop))
            return next(self._faults, OK)

    def count(self, sent: int) -> None:
        with self._lock:
            self.bytes_sent += sent

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: FaultyS3
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        key = unquote(address.path).removeprefix("/").partition("/")[2]
        body = self.server.objects.get((key, parse_qs(address.query).get("versionId", [""])[0]))
        size = len(body or b"")
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, stop = (int(match[1]), min(int(match[2]) + 1, size)) if match else (0, size)
        fault = self.server.next_fault(key, start, stop)
        if fault in (HELD, HELD_GONE):
            self.server.released.wait()
            fault = OK if fault == HELD else GONE
        if fault in (UNAVAILABLE, DENIED):
            self._refuse(int(fault), "SlowDown" if fault == UNAVAILABLE else "AccessDenied")
        elif fault == GONE or body is None:
            self._refuse(404, "NoSuchVersion")
        else:
            self.send_response(206)
            self.send_header("Content-Length", str(stop - start))
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("ETag", '"0"')
            self.end_headers()
            self._send(body[start:stop], fault)

    def _refuse(self, status: int, code: str) -> None:
        body = f"<Error><Code>{code}</Code></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send(self, body: bytes, fault: str) -> None:
        if fault == OK:
            self._write(body)
        elif fault == WRONG:
            self._write(bytes(byte ^ 1 for byte in body[:100]) + body[100:])
        elif fault == TRICKLE:
            for at in range(len(body)):
                self._write(body[at : at + 1])
                if self.server.closing.wait(0.05):
                    return
        else:
            self._write(body[: SHORT_BYTES if fault == SHORT else len(body) // 2])
            if fault == STALL:
                self.server.closing.wait()
            elif fault == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

    def _write(self, data: bytes) -> None:
        self.server.count(len(data))  # first: who has all the bytes may ask at once how many there were
        self.wfile.write(data)


@contextmanager
def faulty_s3() -> Iterator[FaultyS3]:
    server = FaultyS3()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.closing.set()
        server.shutdown()
        server.server_close()
