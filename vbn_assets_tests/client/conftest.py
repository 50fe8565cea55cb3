"""Session objects over a lake made from the packaged sample, and folders for caches of it; no one's own settings."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache
from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets.client.source import ProbeFacts, SessionSource
from vbn_assets.pipeline import Record, Workspace, extract_file, metadata_record, refresh_release, require_sound
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import SampleBucket
from vbn_assets.settings import Settings

Sources = Callable[[str, str, int], SessionSource]


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Sources:
    """What a session object reads from, by release, kind of file and id."""
    data_dir = tmp_path_factory.mktemp("client")
    workspace = Workspace(Settings(data_dir=data_dir, endpoint_url=sample_bucket.endpoint), VBN)
    for version in ("0.3.0", "0.5.0"):
        refresh_release(workspace, version)

    @cache
    def held(version: str, kind: str, id: int) -> Record:
        file = workspace.files_about(workspace.release(version), VBN.kind(kind))[str(id)]
        return require_sound(extract_file(workspace, workspace.mirror.fetch(file).path, file))

    def source(version: str, kind: str, id: int) -> SessionSource:
        release = workspace.release(version)
        probes = workspace.lake.read(metadata_record(workspace, release, "probes").tables["probes"]).to_pylist()
        facts = {
            probe["ecephys_probe_id"]: ProbeFacts(True, probe["lfp_sampling_rate"])
            for probe in probes
            if probe["has_lfp_data"] and probe["file_id"] is not None
        }
        return SessionSource(
            workspace.lake,
            held(version, kind, id),
            release,
            lambda: facts,
            lambda probe_id: held(version, "probe_lfp", probe_id),
        )

    return source


@pytest.fixture(scope="session")
def ecephys_session(source: Sources) -> Callable[[str, int], BehaviorEcephysSession]:
    """A new session object of a release's ecephys session."""
    return lambda version, id: BehaviorEcephysSession(source(version, "ecephys_session", id))


@pytest.fixture(scope="session")
def behavior_session(source: Sources) -> Callable[[str, int], BehaviorSession]:
    """A new session object of a release's behavior session, be it a file of its own or half of an ecephys session's."""

    def session(version: str, id: int) -> BehaviorSession:
        ecephys_session_id = BEHAVIOR_HALVES.get(id)
        if ecephys_session_id:
            return BehaviorSession(source(version, "ecephys_session", ecephys_session_id))
        return BehaviorSession(source(version, "behavior_session", id))

    return session


BEHAVIOR_HALVES = {1100000203: 1100000103}
"""Of behavior sessions of the sample that are half of an ecephys session: which one."""


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
        cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache(folder, manifest_name=manifest("0.3.0"))
        cache.load_manifest(manifest("0.4.0"))
        cache.load_latest_manifest()
    return folder
