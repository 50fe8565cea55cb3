"""Session objects over a lake made from the packaged sample, and folders for caches of it; no one's own settings."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from vbn_assets.client import OutdatedManifestWarning
from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache as ProjectCache
from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import SampleBucket


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> ProjectCache:
    """A cache that brings what the tests of sessions ask for; they agree on what is loaded by `load_manifest`."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("VBN_DATA_DIR", raising=False)
        environment.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
        return ProjectCache.from_s3_cache(tmp_path_factory.mktemp("sessions"))


@pytest.fixture(scope="session")
def ecephys_session(cache: ProjectCache) -> Callable[[str, int], BehaviorEcephysSession]:
    """A new session object of a release's ecephys session."""

    def session(version: str, id: int) -> BehaviorEcephysSession:
        load(cache, version)
        return cache.get_ecephys_session(id)

    return session


@pytest.fixture(scope="session")
def behavior_session(cache: ProjectCache) -> Callable[[str, int], BehaviorSession]:
    """A new session object of a release's behavior session, be it a file of its own or half of an ecephys session's."""

    def session(version: str, id: int) -> BehaviorSession:
        load(cache, version)
        return cache.get_behavior_session(id)

    return session


def load(cache: ProjectCache, version: str) -> None:
    """Show a release, without the warning that there is a newer one."""
    if cache.current_manifest() != manifest(version):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OutdatedManifestWarning)
            cache.load_manifest(manifest(version))


def manifest(version: str) -> str:
    return f"visual-behavior-neuropixels_project_manifest_v{version}.json"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VBN_DATA_DIR", "VBN_PROJECTS", "VBN_RELEASE_VBN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path, sample_bucket: SampleProcess, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, with the whole sample on S3."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
    return tmp_path / "cache"


@pytest.fixture
def fresh_folder(tmp_path: Path, fresh_bucket: SampleBucket, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, with an S3 of its own at 0.4.0 that goes on to 0.5.0."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", fresh_bucket.endpoint)
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Path:
    """A folder that a cache opened with every release of the sample, 0.5.0 last; read only."""
    folder = tmp_path_factory.mktemp("opened") / "cache"
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("VBN_DATA_DIR", raising=False)
        environment.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
        cache = ProjectCache.from_s3_cache(folder, manifest_name=manifest("0.3.0"))
        cache.load_manifest(manifest("0.4.0"))
        cache.load_latest_manifest()
    return folder
