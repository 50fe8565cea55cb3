"""Manifests that are none, or that name what they must not: one clear error each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from vbn_assets.errors import ManifestError, UnknownRelease
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import OTHER, identify, parse_release, version_in

NAME = VBN.manifest_name("0.5.0")
HOST = f"https://{VBN.bucket}.s3.us-west-2.amazonaws.com"


def entry(key: str, digit: str = "a") -> dict[str, Any]:
    return {"url": f"{HOST}/{VBN.s3_name}/{key}", "version_id": "v1", "file_hash": digit * 128}


@pytest.fixture
def manifest() -> dict[str, Any]:
    tables = VBN.metadata_tables
    return {
        "project_name": VBN.s3_name,
        "manifest_version": "0.5.0",
        "data_pipeline": [{"name": "AllenSDK", "version": "2.16.2", "comment": ""}],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": {table: entry(f"project_metadata/{table}.csv") for table in tables},
        "data_files": {
            "0": entry("behavior_ecephys_sessions/7/probe_probeA_lfp.nwb"),
            "1": entry("behavior_ecephys_sessions/7/ecephys_session_7.nwb"),
            "2": entry("behavior_only_sessions/8/behavior_session_8.nwb"),
            "3": entry("something_new/9.nwb"),
        },
    }


def parse(document: object) -> Any:
    return parse_release(json.dumps(document).encode(), VBN, NAME)


def test_files_are_known_by_what_they_are_about(manifest: dict[str, Any]) -> None:
    release = parse(manifest)
    assert [file.identity for file in release.data.values()] == [
        ("probe_lfp", "7/probeA"),
        ("ecephys_session", "7"),
        ("behavior_session", "8"),
        (OTHER, "something_new/9.nwb"),
    ]
    assert release.pipeline == {"AllenSDK": "2.16.2"}
    assert release.file("ecephys_session", 7).file_id == "1"
    with pytest.raises(UnknownRelease, match="no ecephys_session file for 8"):
        release.file("ecephys_session", 8)


def test_a_session_is_the_same_under_the_early_key() -> None:
    early = identify(f"{VBN.s3_name}/ecephys_sessions/ecephys_session_7.nwb", VBN)
    assert early == identify(f"{VBN.s3_name}/behavior_ecephys_sessions/7/ecephys_session_7.nwb", VBN)


def test_the_packaged_manifests_parse(sample_folder: Path) -> None:
    history = json.loads(next(sample_folder.rglob("history.json")).read_bytes())
    for entry in history:
        manifest = entry["manifest"]
        for section in ("data_files", "metadata_files"):
            for file in manifest[section].values():
                file["version_id"] = "v"
        raw = json.dumps(manifest).encode()
        assert parse_release(raw, VBN, VBN.manifest_name(entry["version"])).raw == raw


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": 1, "a": 2}', "'a' stands twice"),
        (b"[]", "expected a JSON object, found list"),
        (b'{"project_names": 1}', "lacks a key; expected project_name, found 'project_names'"),
    ],
)
def test_what_is_no_manifest_is_refused(raw: bytes, expected: str) -> None:
    with pytest.raises(ManifestError, match=expected) as caught:
        parse_release(raw, VBN, NAME)
    assert NAME in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("data_files", None, "data_files"),
        ("data_files.0", "x", "data_files.0"),
        ("data_files.0.file_hash", None, "file_hash"),
        ("data_files.0.file_hash", "A" * 128, "file_hash"),
        ("data_files.0.version_id", 7, "version_id"),
        ("data_files.0.version_id", "", "version_id"),
        ("manifest_version", "five", "is no version"),
        ("manifest_version", "0.6.0", "not the file name's"),
        ("project_name", "visual-coding", "of another project"),
        ("metadata_files.units", "-", "metadata_files.units"),
        ("data_files.0.url", f"{HOST.replace('https', 'http')}/{VBN.s3_name}/a.nwb", "host"),
        ("data_files.0.url", f"https://example.org/{VBN.s3_name}/a.nwb", "host"),
        ("data_files.0.url", f"https://x@{VBN.bucket}.s3.amazonaws.com/{VBN.s3_name}/a.nwb", "host"),
        ("data_files.0.url", f"https://{VBN.bucket}.s3.amazonaws.com:444/{VBN.s3_name}/a.nwb", "host"),
        ("data_files.0.url", f"https://{VBN.bucket}.s3.amazonaws.com:99999/{VBN.s3_name}/a.nwb", "address"),
        ("data_files.0.url", f"https://{VBN.bucket}.s3.amazonaws.com.evil.org/{VBN.s3_name}/a.nwb", "host"),
        ("data_files.0.url", f"https://other.s3.amazonaws.com/{VBN.s3_name}/a.nwb", "bucket"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/../a.nwb", "another place"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/%2e%2e/a.nwb", "another place"),
        ("data_files.0.url", f"{HOST}//etc/passwd", "another place"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/a\\b.nwb", "another place"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/{'a' * 256}.nwb", "another place"),
        ("data_files.0.url", f"{HOST}/elsewhere/a.nwb", "outside the project"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/something_new/9.nwb", "one key"),
        ("data_files.0.url", f"{HOST}/{VBN.s3_name}/ecephys_sessions/ecephys_session_7.nwb", "one id"),
    ],
)
def test_one_wrong_value_is_refused(manifest: dict[str, Any], path: str, value: object, expected: str) -> None:
    broken = copy.deepcopy(manifest)
    *way, last = path.split(".")
    place = broken
    for step in way:
        place = place[step]
    place[last] = value
    with pytest.raises(ManifestError, match=expected) as caught:
        parse(broken)
    assert NAME in str(caught.value)
    assert "stay as they are" in str(caught.value)


def test_a_missing_table_is_named(manifest: dict[str, Any]) -> None:
    del manifest["metadata_files"]["probes"]
    with pytest.raises(ManifestError, match="lacks probes"):
        parse(manifest)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        (VBN.manifest_name("0.10.0"), "0.10.0"),
        (VBN.manifest_name("1.0.0-rc.1"), "1.0.0-rc.1"),
        (VBN.manifest_name("1.0"), None),
        (VBN.manifest_name(""), None),
        ("", None),
        (f"old-{VBN.manifest_name('0.1.0')}", None),
        ("visual-behavior-ophys_project_manifest_v1.0.0.json", None),
    ],
)
def test_the_version_in_a_name(name: str, version: str | None) -> None:
    assert version_in(name, VBN) == version
