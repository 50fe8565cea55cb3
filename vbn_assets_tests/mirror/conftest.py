"""A misbehaving S3 for every test of this room, files published in it, and a mirror that does not wait long."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import pytest

from vbn_assets.mirror import Limits, Mirror
from vbn_assets.projects import VBN
from vbn_assets.releases.bucket import list_manifests, read_manifest, unsigned_client
from vbn_assets.releases.manifest import Release, ReleaseFile
from vbn_assets.sample.process import SampleProcess
from vbn_assets_tests.faulty_s3 import FaultyS3, faulty_s3

MB = 1 << 20
SECONDS = 600
"""For what takes one or two; longer than this it is stuck."""
HASTY = Limits(
    part_size=MB, connections=4, tries=3, first_wait=0.01, longest_wait=0.05, reserve=0, request_seconds=SECONDS
)
"""Comes back soon after a fault, but gives a good answer up as little as a busy machine may need."""
IMPATIENT = replace(HASTY, request_seconds=0.5)
"""For servers that fall silent. It may give up good answers too, so that requests cannot be counted."""


def content(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


@dataclass
class Watcher:
    """A `Progress` that writes down what it is told."""

    total: int = 0
    done: int = 0
    begun: list[int] = field(default_factory=list)

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        self.total, self.done = total, done
        self.begun.append(done)

    def advanced(self, file: ReleaseFile, count: int) -> None:
        self.done += count


@pytest.fixture
def s3() -> Iterator[FaultyS3]:
    with faulty_s3() as server:
        yield server


@pytest.fixture
def publish(s3: FaultyS3) -> Callable[..., ReleaseFile]:
    """Put bytes into the bucket as a session file of a release."""

    def publish(body: bytes, release: str = "0.5.0", session: int = 1, folder: str = "ecephys_sessions") -> ReleaseFile:
        key = f"{VBN.s3_name}/{folder}/ecephys_session_{session}.nwb"
        file_hash = blake2b(body).hexdigest()
        version_id = f"v-{file_hash[:8]}"
        s3.objects[key, version_id] = body
        return ReleaseFile(release, "ecephys_session", str(session), "0", VBN.bucket, key, version_id, file_hash)

    return publish


@pytest.fixture
def mirror(s3: FaultyS3, tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror", VBN, endpoint_url=s3.url, limits=HASTY)


@pytest.fixture(scope="module")
def published(sample_bucket: SampleProcess) -> list[Release]:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    return [read_manifest(client, VBN, manifest.name) for manifest in list_manifests(client, VBN)]


@pytest.fixture
def sample(sample_bucket: SampleProcess, tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "sample", VBN, endpoint_url=sample_bucket.endpoint)


def work_files(mirror: Mirror) -> list[str]:
    """What is left in the work folders."""
    return sorted(path.name for path in mirror.root.glob(".download/*"))
