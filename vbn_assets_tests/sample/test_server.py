"""The local S3: what a stranger without credentials sees of it, release by release."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from vbn_assets.errors import UnknownRelease, VbnError
from vbn_assets.projects import PROJECTS, VBN, VBO, Project
from vbn_assets.releases.manifest import parse_release
from vbn_assets.sample.history import PACKAGED, read_history
from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import LocalS3, SampleBucket

if TYPE_CHECKING:
    from pathlib import Path


def anonymous(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint, region_name=VBN.region, config=Config(signature_version=UNSIGNED))


def versions_of(s3: Any, key: str) -> list[str]:
    listed = s3.list_object_versions(Bucket=VBN.bucket, Prefix=key)["Versions"]
    return [version["VersionId"] for version in listed if version["Key"] == key]


def manifest_names(s3: Any) -> list[str]:
    listed = s3.list_objects_v2(Bucket=VBN.bucket, Prefix=VBN.manifest_prefix())["Contents"]
    return sorted(entry["Key"].rpartition("/")[2] for entry in listed)


def test_every_file_of_every_release_can_be_read_anonymously_with_the_hash_its_manifest_states(
    sample_bucket: SampleProcess,
) -> None:
    s3 = anonymous(sample_bucket.endpoint)
    assert manifest_names(s3) == [VBN.manifest_name(version) for version in ("0.3.0", "0.4.0", "0.5.0")]
    for name in manifest_names(s3):
        body = s3.get_object(Bucket=VBN.bucket, Key=VBN.manifest_prefix() + name)["Body"].read()
        for file in parse_release(body, VBN, name).files():
            got = s3.get_object(Bucket=VBN.bucket, Key=file.key, VersionId=file.version_id)["Body"].read()
            assert hashlib.blake2b(got).hexdigest() == file.file_hash, file


def test_publishing_the_next_release_adds_versions_only_where_bytes_changed(fresh_bucket: SampleBucket) -> None:
    s3 = anonymous(fresh_bucket.endpoint)
    sessions = f"{VBN.s3_name}/behavior_ecephys_sessions"
    changed = f"{sessions}/1100000102/ecephys_session_1100000102.nwb"
    unchanged = f"{sessions}/1100000103/ecephys_session_1100000103.nwb"
    assert VBN.manifest_name("0.5.0") not in manifest_names(s3)
    assert len(versions_of(s3, changed)) == len(versions_of(s3, unchanged)) == 1

    assert fresh_bucket.publish_next() == "0.5.0"

    assert VBN.manifest_name("0.5.0") in manifest_names(s3)
    assert len(versions_of(s3, changed)) == 2
    assert len(versions_of(s3, unchanged)) == 1
    earlier, later = (
        {file.key: file.version_id for file in parse_release(body, VBN, VBN.manifest_name(version)).files()}
        for version, manifest in fresh_bucket.manifests.items()
        if version != "0.3.0"
        for body in [json.dumps(manifest).encode()]
    )
    assert earlier[unchanged] == later[unchanged]
    assert earlier[changed] != later[changed]
    assert fresh_bucket.publish_next() is None


def test_an_unknown_release_is_refused_and_nothing_is_published(fresh_bucket: SampleBucket) -> None:
    with pytest.raises(UnknownRelease, match=r"0\.9\.0.*0\.3\.0, 0\.4\.0, 0\.5\.0"):
        fresh_bucket.publish("0.9.0")
    assert fresh_bucket.published == ["0.3.0", "0.4.0"]


def test_a_second_server_in_one_process_is_refused_and_a_stopped_one_leaves_nothing(
    fresh_bucket: SampleBucket, sample_folder: Path
) -> None:
    with pytest.raises(RuntimeError, match=fresh_bucket.endpoint):
        LocalS3()
    fresh_bucket.stop()
    with pytest.raises(UnknownRelease):
        SampleBucket(sample_folder).start(through="0.9.0")
    with SampleBucket(sample_folder).start(through="0.3.0") as again:
        assert manifest_names(anonymous(again.endpoint)) == [VBN.manifest_name("0.3.0")]


def test_a_process_of_its_own_publishes_on_request_and_ends_when_stopped() -> None:
    with SampleProcess().start("0.4.0") as process:
        s3 = anonymous(process.endpoint)
        assert manifest_names(s3)[-1] == VBN.manifest_name("0.4.0")
        assert process.publish_next() == {VBN.bucket: "0.5.0"}
        assert manifest_names(s3)[-1] == VBN.manifest_name("0.5.0")
        assert process.publish_next() == {}
        endpoint = process.endpoint
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(endpoint, timeout=5)


def test_a_process_of_its_own_ends_when_its_owner_dies() -> None:
    owner = """
import os
from vbn_assets.sample.process import SampleProcess
print(SampleProcess().start("0.3.0").endpoint, flush=True)
os._exit(9)
"""
    # The server has its stderr from its owner: the output ends when both have ended.
    answer = subprocess.run([sys.executable, "-c", owner], capture_output=True, text=True, timeout=120, check=False)
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(answer.stdout.strip(), timeout=5)


def test_the_command_line_serves_every_bucket_of_a_folder_until_it_is_told_to_end(sample_folder: Path) -> None:
    command = [sys.executable, "-m", "vbn_assets.sample.server", "--folder", str(sample_folder), "--through", "0.3.0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())
        assert ready["published"] == {VBN.bucket: ["0.3.0"], VBO.bucket: ["0.3.0"]}
        assert ready["pid"] == process.pid
        os.kill(process.pid, signal.SIGUSR1)
        assert json.loads(process.stdout.readline()) == {"published": {VBN.bucket: "0.4.0", VBO.bucket: "1.0.1"}}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0


def test_a_folder_without_history_and_an_unknown_release_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(VbnError, match="ended before it was ready"):
        SampleProcess(tmp_path).start()
    command = [sys.executable, "-m", "vbn_assets.sample.server", "--through", "9.9.9"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[-1].endswith("--through 9.9.9: the history has 0.3.0, 0.4.0, 0.5.0, 1.0.1, 1.1.0")


@pytest.mark.parametrize("project", PROJECTS.values(), ids=PROJECTS)
def test_the_packaged_history_names_only_files_it_has_and_stores_each_once(project: Project) -> None:
    releases = read_history(PACKAGED, project.bucket)
    stored = {item.path: item.file_hash for release in releases for item in release.objects()}
    assert len(set(stored.values())) == len(stored)
    files = {path for path in (PACKAGED / project.bucket).rglob("*") if path.is_file() and path.name != "history.json"}
    assert files == set(stored)
    assert sum(path.stat().st_size for path in files) <= 12_000_000
