"""Connections that are kept, closed by the server, slow, tunnelled, or trusted by certificates."""

from __future__ import annotations

import datetime
import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from vbn_assets.mirror.connections import CHUNK, Connections
from vbn_assets.mirror.objects import Interrupted

HOST = "objects.test"
BODY = os.urandom(2 * CHUNK + 5)


class Server(ThreadingHTTPServer):
    """Answers every GET with `BODY`; remembers on which connection each was asked."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.asked: list[tuple[str, int]] = []
        self.closed = threading.Semaphore(0)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self.closed.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Whole(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.client_address[1]))
        self.send_response(206)
        self.send_body()

    def send_body(self) -> None:
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)


class OneRequestEach(Whole):
    """Closes an idle connection without having said so, as servers do after a while."""

    def send_body(self) -> None:
        super().send_body()
        self.close_connection = True


class WithLengthsInside(Whole):
    def send_body(self) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in (BODY[:1000], BODY[1000:], b""):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))


class Trickling(Whole):
    """Twenty seconds of single bytes, then the end: who reads on as long as something comes, misses bytes."""

    def send_body(self) -> None:
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        for byte in BODY[:1000]:
            self.wfile.write(bytes([byte]))
            time.sleep(0.02)


class Proxy(BaseHTTPRequestHandler):
    """Whatever host is named, the tunnel ends at `target`."""

    target: tuple[str, int]
    said: list[tuple[str, str]]

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_CONNECT(self) -> None:
        self.said.append((self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(self.target) as there:
            back = threading.Thread(target=pump, args=(there, self.connection), daemon=True)
            back.start()
            pump(self.connection, there)
            back.join()


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        """One of the two has hung up, which ends the other."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def connections(url: str, seconds: float = 60) -> Connections:
    return Connections(url, connect_seconds=60, request_seconds=seconds)


def body(there: Connections) -> bytes:
    with there.get("/key", {}) as answer:
        return b"".join(map(bytes, answer.chunks(len(BODY))))


def test_a_connection_is_used_again() -> None:
    with serving(Whole) as server:
        there = connections(server.url + "/below/")
        assert [body(there), body(there)] == [BODY, BODY]
    (first, second) = server.asked
    assert first == second
    assert first[0] == "/below/key"


def test_one_whose_answer_was_not_read_is_not() -> None:
    with serving(Whole) as server:
        there = connections(server.url)
        with there.get("/key", {}) as answer:
            next(answer.chunks(len(BODY)))
        assert body(there) == BODY
    (_, first), (_, second) = server.asked
    assert first != second


def test_one_that_the_server_closed_meanwhile_is_replaced() -> None:
    with serving(OneRequestEach) as server:
        there = connections(server.url)
        for _ in range(3):
            assert body(there) == BODY
            server.closed.acquire()
    assert len({port for _, port in server.asked}) == 3


def test_a_body_with_lengths_inside() -> None:
    with serving(WithLengthsInside) as server:
        assert body(connections(server.url)) == BODY


def test_a_request_has_its_time_however_little_keeps_coming() -> None:
    with serving(Trickling) as server, pytest.raises(Interrupted, match="no answer in time"):
        body(connections(server.url, seconds=0.3))


@pytest.mark.parametrize("host", ["127.0.0.1:9", "nowhere.invalid"])
def test_nobody_is_there(host: str) -> None:
    with pytest.raises(Interrupted, match="no connection"):
        body(connections(f"http://{host}"))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate of `HOST` that is its own authority, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


@contextmanager
def behind_a_proxy(certificate: Path, through: Callable[[str], str]) -> Iterator[list[tuple[str, str]]]:
    """A TLS server that only a proxy finds; `through` is told the proxy's address, and what it was asked is yielded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    said: list[tuple[str, str]] = []
    with serving(Whole, context) as server:
        handler = type("ToServer", (Proxy,), {"target": server.server_address, "said": said})
        with serving(handler) as proxy, pytest.MonkeyPatch.context() as patch:
            patch.setenv("HTTPS_PROXY", through(f"127.0.0.1:{proxy.server_address[1]}"))
            patch.delenv("https_proxy", raising=False)
            yield said


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "AWS_CA_BUNDLE"])
def test_a_proxy_of_the_environment_is_used(certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with behind_a_proxy(certificate, lambda proxy: f"http://me:se%40cret@{proxy}") as said:
        assert body(connections(f"https://{HOST}")) == BODY
    assert said == [(f"{HOST}:443", f"Basic {b64encode(b'me:se@cret').decode()}")]


def test_a_proxy_may_be_named_without_a_scheme(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with behind_a_proxy(certificate, str) as said:
        assert body(connections(f"https://{HOST}")) == BODY
    assert said == [(f"{HOST}:443", "")]


def test_a_certificate_that_nobody_vouches_for_is_not_believed(certificate: Path) -> None:
    with behind_a_proxy(certificate, str), pytest.raises(Interrupted, match="certificate verify failed"):
        body(connections(f"https://{HOST}"))
