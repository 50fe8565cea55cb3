"""A second S3 on this machine to download from: SeaweedFS or less than that, and a slow line in front of it."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vbn_assets.projects import VBN

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STARTS_WITHIN_SECONDS = 120
_BITE = 64 << 10


@dataclass(frozen=True)
class Store:
    """A server that has a bucket of VBN's name, which anybody may read."""

    name: str
    endpoint: str
    put: Callable[[str, bytes], str]
    """Stores an object under a key; its version id."""


@contextmanager
def stored(weed: str | None, folder: Path) -> Iterator[Store]:
    """SeaweedFS where the program is given, else a server that only knows how to be downloaded from."""
    with _seaweedfs(weed, folder) if weed else _plain_store(folder) as store:
        yield store


@contextmanager
def _plain_store(folder: Path) -> Iterator[Store]:
    def put(key: str, data: bytes) -> str:
        path = folder / VBN.bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return "1"

    command: list[str | Path] = [sys.executable, Path(__file__).with_name("plain_store.py"), folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield Store("a plain server", f"http://127.0.0.1:{int(server.stdout.readline())}", put)


@contextmanager
def _seaweedfs(binary: str, folder: Path) -> Iterator[Store]:
    ports = {name: str(_free_port()) for name in ("master.port", "volume.port", "filer.port", "s3.port")}
    command = [binary, "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", "-volume.max=100"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += ["-master.volumeSizeLimitMB=4096", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        _wait_for(endpoint, server)
        client = _client_of(endpoint)
        client.create_bucket(Bucket=VBN.bucket)
        client.put_bucket_versioning(Bucket=VBN.bucket, VersioningConfiguration={"Status": "Enabled"})
        put = client.put_object
        yield Store("SeaweedFS", endpoint, lambda key, data: put(Bucket=VBN.bucket, Key=key, Body=data)["VersionId"])
    finally:
        server.terminate()
        server.wait()


def _client_of(endpoint: str) -> S3Client:
    import boto3

    return boto3.client(
        "s3", endpoint_url=endpoint, region_name=VBN.region, aws_access_key_id="any", aws_secret_access_key="any"
    )


@contextmanager
def slow_line(endpoint: str, bytes_a_second: int) -> Iterator[str]:
    """The same server, through connections that bring no more than this each."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    here = _free_port()
    loop = asyncio.new_event_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port), limit=_BITE)
        await asyncio.gather(_carry(reader, back, None), _carry(there, writer, bytes_a_second))

    def serve() -> None:
        loop.run_until_complete(asyncio.start_server(carry, "127.0.0.1", here, limit=_BITE))
        loop.run_forever()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{here}"


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, bytes_a_second: int | None) -> None:
    started, carried = time.monotonic(), 0
    while bite := await source.read(_BITE):
        now = time.monotonic()
        if bytes_a_second and now - started > 1 + carried / bytes_a_second:  # it was idle: nothing is saved up
            started, carried = now, 0
        sink.write(bite)
        await sink.drain()
        carried += len(bite)
        if bytes_a_second:
            await asyncio.sleep(max(0.0, started + carried / bytes_a_second - time.monotonic()))
    sink.close()


def _wait_for(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("SeaweedFS did not start")


def _free_port() -> int:
    """SeaweedFS takes the port 10,000 above too."""
    for port in range(20_000 + time.time_ns() % 20_000, 55_000):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")
