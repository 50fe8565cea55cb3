"""A local S3 that publishes a release history, release by release, as the Allen Institute does.

Objects keep their keys and get new version ids when their bytes change; a manifest appears last, completed with
the version ids that S3 handed out. `SampleBucket` serves from a thread of this process; this module's command
line is the same as a process of its own, which `process` starts. What there is to publish belongs to `history`.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import signal
import sys
import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from vbn_assets.errors import UnknownRelease
from vbn_assets.projects import VBN
from vbn_assets.sample.history import PACKAGED, StoredRelease, buckets, read_history

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import TracebackType

    from mypy_boto3_s3 import S3Client

_REGION: Final = "us-west-2"


class LocalS3:
    """A moto server on 127.0.0.1 in this process; empty when it starts and when it has stopped.

    moto keeps the state of all its servers in one place a process, so there is one `LocalS3` at a time. It copies
    a whole object for each read of a part: objects of some 100 MB are what it is good for.
    """

    endpoint: str
    _running: ClassVar[LocalS3 | None] = None

    def __init__(self, port: int = 0) -> None:
        from moto.server import ThreadedMotoServer

        if LocalS3._running:
            raise RuntimeError(f"a local S3 runs in this process already, at {LocalS3._running.endpoint}")
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        self._server.start()
        LocalS3._running = self
        host, bound = self._server.get_host_and_port()
        self.endpoint = f"http://{host}:{bound}"

    def client(self) -> S3Client:
        """A client that may write; readers need no credentials."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=_REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - moto accepts anything, AWS nothing of it
        )

    def stop(self) -> None:
        if LocalS3._running is not self:
            return
        forget = urllib.request.Request(f"{self.endpoint}/moto-api/reset", method="POST")  # noqa: S310 - our own http
        urllib.request.urlopen(forget, timeout=10).close()  # noqa: S310
        self._server.stop()
        LocalS3._running = None


class SampleBucket:
    """One bucket of a local S3, and the releases published in it so far.

    with SampleBucket().start(through="0.4.0") as bucket:
        ... bucket.endpoint ...
        bucket.publish_next()
    """

    def __init__(
        self, folder: Path = PACKAGED, bucket: str = VBN.bucket, *, port: int = 0, s3: LocalS3 | None = None
    ) -> None:
        self.bucket = bucket
        self.history = read_history(folder, bucket)
        self.published: list[str] = []
        self.manifests: dict[str, dict[str, Any]] = {}
        """Published manifests by version, as they are in the bucket."""
        self._port = port
        self._shared = s3
        self._s3: LocalS3 | None = None
        self._client: S3Client | None = None
        self._current: dict[str, tuple[str, str]] = {}
        """Key → (hash, version id) of the object's newest version."""

    @property
    def versions(self) -> list[str]:
        """Every release of the history, oldest first, published or not."""
        return [release.version for release in self.history]

    @property
    def endpoint(self) -> str:
        if self._s3 is None:
            raise RuntimeError("start() the sample bucket first")
        return self._s3.endpoint

    @property
    def client(self) -> S3Client:
        """A client that may write to the bucket, e.g. to break something in it."""
        if self._client is None:
            raise RuntimeError("start() the sample bucket first")
        return self._client

    def start(self, through: str | None = None) -> Self:
        """Make the bucket and publish every release up to and with `through`; by default all of them."""
        through = self._known(through or self.versions[-1])
        self.published, self.manifests, self._current = [], {}, {}
        self._s3 = self._shared or LocalS3(self._port)
        self._client = self._s3.client()
        self._client.create_bucket(
            Bucket=self.bucket, ACL="public-read", CreateBucketConfiguration={"LocationConstraint": _REGION}
        )
        self._client.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.publish(through)
        return self

    def stop(self) -> None:
        if self._s3 and not self._shared:
            self._s3.stop()
        self._s3 = self._client = None

    def publish(self, version: str) -> list[str]:
        """Publish every release up to and with `version` that is not published yet; the versions published now."""
        now = self.history[len(self.published) : self.versions.index(self._known(version)) + 1]
        for release in now:
            self._publish(release)
        return [release.version for release in now]

    def publish_next(self) -> str | None:
        """Publish the next release; its version, or None after the last."""
        if len(self.published) == len(self.history):
            return None
        return self.publish(self.versions[len(self.published)])[0]

    def _known(self, version: str) -> str:
        if version not in self.versions:
            raise UnknownRelease("is not in the history", release=version, expected=", ".join(self.versions))
        return version

    def _publish(self, release: StoredRelease) -> None:
        for stored in release.objects():
            if self._current.get(stored.key, ("", ""))[0] != stored.file_hash:
                with stored.open() as body:
                    answer = self.client.put_object(Bucket=self.bucket, Key=stored.key, Body=body, ACL="public-read")
                self._current[stored.key] = (stored.file_hash, answer["VersionId"])
        manifest = self._completed(release)
        self.client.put_object(
            Bucket=self.bucket,
            Key=release.manifest_key,
            Body=json.dumps(manifest, indent=2).encode(),
            ACL="public-read",
        )
        self.manifests[release.version] = manifest
        self.published.append(release.version)

    def _completed(self, release: StoredRelease) -> dict[str, Any]:
        manifest: dict[str, Any] = copy.deepcopy(dict(release.manifest))
        for section, objects in (("metadata_files", release.metadata), ("data_files", release.data)):
            for name, entry in manifest[section].items():
                entry["version_id"] = self._current[objects[name].key][1]
        return manifest

    def __enter__(self) -> Self:
        if self._s3 is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def serve(folder: Path, port: int, through: Collection[str], with_stdin: bool) -> None:
    """Serve every bucket of a folder until SIGTERM or SIGINT; SIGUSR1 publishes the next releases.

    Prints one JSON line when ready and one for each SIGUSR1. A bucket is published up to the one of `through` that it
    has.
    """
    received = _signals(signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)
    if with_stdin:
        threading.Thread(target=_terminate_at_end_of_stdin, daemon=True).start()
    s3 = LocalS3(port)
    served = [SampleBucket(folder, bucket, s3=s3) for bucket in buckets(folder)]
    for bucket in served:
        bucket.start(next((version for version in bucket.versions if version in through), None))
    ready = {"endpoint": s3.endpoint, "pid": os.getpid(), "published": {b.bucket: b.published for b in served}}
    print(json.dumps(ready), flush=True)
    while next(received) == signal.SIGUSR1:
        published = {bucket.bucket: bucket.publish_next() for bucket in served}
        print(json.dumps({"published": {name: version for name, version in published.items() if version}}), flush=True)
    s3.stop()


def _signals(*awaited: signal.Signals) -> Iterator[int]:
    """These signals from now on, in order, each when it is asked for: none interrupts a release half-published.

    Blocking them would not do: numpy's and Arrow's threads, there since the import, would still get them and die.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in awaited:
        signal.signal(number, lambda *_: None)
    return iter(lambda: os.read(reader, 1)[0], None)


def _terminate_at_end_of_stdin() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str] | None = None) -> int:
    """`python -m vbn_assets.sample.server`."""
    parser = argparse.ArgumentParser(prog="python -m vbn_assets.sample.server", description=serve.__doc__)
    parser.add_argument("--folder", type=Path, default=PACKAGED, help="a release history (default: the packaged one)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument(
        "--through",
        metavar="VERSION",
        nargs="+",
        default=[],
        help="the last release of each to begin with",
    )
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input is closed")
    given = parser.parse_args(arguments)
    known = {release.version for bucket in buckets(given.folder) for release in read_history(given.folder, bucket)}
    if not known:
        parser.error(f"{given.folder} has no <bucket>/history.json")
    unknown = set(given.through) - known
    if unknown:
        parser.error(f"--through {' '.join(unknown)}: the history has {', '.join(sorted(known))}")
    serve(given.folder, given.port, given.through, given.with_stdin)
    return 0


if __name__ == "__main__":
    sys.exit(main())
