"""What every room's tests share: the packaged sample on a real S3, its files decompressed, and AllenSDK's answers."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from vbn_assets.projects import PROJECTS, Project
from vbn_assets.releases.manifest import METADATA, identify
from vbn_assets.sample.history import PACKAGED, StoredRelease, read_history, unpack
from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import SampleBucket

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """What tests start can be interrupted, also where a shell runs the tests in its background: those ignore SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def sample_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged histories with every file decompressed; read only."""
    folder = tmp_path_factory.mktemp("sample")
    for project in PROJECTS.values():
        unpack(PACKAGED, project.bucket, folder)
    return folder


@pytest.fixture(scope="session")
def sample_files(sample_folder: Path) -> dict[tuple[str, str, str], Path]:
    """Decompressed files by (release, kind, id) as in `ReleaseFile.identity`; read only.

    E.g. `sample_files["0.5.0", "ecephys_session", "1100000102"]` or `sample_files["0.3.0", "metadata", "units"]`;
    projects have no such three in common.
    """
    return {
        (release.version, kind, id): path
        for project in PROJECTS.values()
        for release in read_history(sample_folder, project.bucket)
        for kind, id, path in _identified(release, project)
    }


def _identified(release: StoredRelease, project: Project) -> Iterator[tuple[str, str, Path]]:
    for table, stored in release.metadata.items():
        yield METADATA, table, stored.path
    for stored in release.data.values():
        yield *identify(stored.key, project), stored.path


@pytest.fixture(scope="session")
def sample_bucket(sample_folder: Path) -> Iterator[SampleProcess]:
    """A local S3 with the whole packaged histories, shared by all tests of a run: read only. See `.endpoint`."""
    with SampleProcess(sample_folder) as process:
        yield process


@pytest.fixture
def fresh_bucket(sample_folder: Path) -> Iterator[SampleBucket]:
    """A test's own S3 of VBN, at 0.4.0 with 0.5.0 still to `publish_next()`; `.client` may break what is in it."""
    with SampleBucket(sample_folder).start(through="0.4.0") as bucket:
        yield bucket
