"""What a release changed, on made releases and on the packaged history."""

from __future__ import annotations

import cProfile
import json
from collections.abc import Iterable
from hashlib import blake2b

from vbn_assets.projects import VBN, VBO
from vbn_assets.releases.bucket import list_manifests, object_sizes, read_manifest, unsigned_client
from vbn_assets.releases.diff import Change, diff_releases
from vbn_assets.releases.manifest import Release, ReleaseFile, parse_release
from vbn_assets.sample.process import SampleProcess


def release(version: str, files: Iterable[tuple[str, str, str]]) -> Release:
    """A release of (id, key, content) sessions."""
    data = {
        str(number): ReleaseFile(
            version,
            "ecephys_session",
            id,
            str(number),
            VBN.bucket,
            key,
            f"v-{content}",
            blake2b(content.encode()).hexdigest(),
        )
        for number, (id, key, content) in enumerate(files)
    }
    return Release(VBN, version, b"", {}, {}, data)


def test_every_file_is_in_the_diff_once_by_what_became_of_it() -> None:
    before = release("0.1.0", [("1", "a", "one"), ("2", "b", "two"), ("3", "c", "three"), ("4", "d", "four")])
    after = release("0.2.0", [("5", "e", "five"), ("4", "d", "four"), ("3", "z", "three"), ("2", "b", "TWO")])
    sizes = {("e", "v-five"): 5, ("b", "v-TWO"): 30, ("b", "v-two"): 20, ("a", "v-one"): 1}
    diff = diff_releases(before, after, sizes)
    assert [(file.id, file.change, file.bytes) for file in diff.files] == [
        ("5", Change.ADDED, 5),
        ("4", Change.UNCHANGED, None),
        ("3", Change.MOVED, None),
        ("2", Change.CHANGED, 30),
        ("1", Change.REMOVED, 1),
    ]
    (moved,) = diff.of(Change.MOVED)
    assert moved.before is before.data["2"]
    assert moved.after is after.data["2"]
    assert diff.counts == {"ecephys_session": dict.fromkeys(Change, 1)}
    assert diff.bytes == {"ecephys_session": {Change.ADDED: 5, Change.CHANGED: 30, Change.REMOVED: 1}}


def test_with_no_release_before_everything_is_added() -> None:
    diff = diff_releases(None, release("0.1.0", [("1", "a", "one")]))
    assert [(file.change, file.before) for file in diff.files] == [(Change.ADDED, None)]


def test_the_packaged_history(sample_bucket: SampleProcess) -> None:
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    listed = [read_manifest(client, VBN, manifest.name) for manifest in list_manifests(client, VBN)]
    first, second, third = listed
    early = diff_releases(first, second, object_sizes(client, VBN))
    assert early.counts["ecephys_session"] == {Change.MOVED: 1, Change.CHANGED: 1, Change.ADDED: 1}
    assert all(file.bytes for file in early.files)
    late = diff_releases(second, third)
    assert {file.id for file in late.of(Change.CHANGED) if file.kind == "ecephys_session"} == {
        "1100000102",
        "1100000104",
    }
    assert late.bytes == {}


def test_a_release_twice_as_large_takes_twice_the_work(sample_bucket: SampleProcess) -> None:
    """In calls, which are the same on every machine: of two releases that have no file in common."""
    client = unsigned_client(sample_bucket.endpoint, VBN.region)
    small = read_manifest(client, VBN, VBN.manifest_name("0.4.0"))
    once, twice = (_calls_to_parse_and_compare(small, files) for files in (1000, 2000))
    assert 1.9 < twice / once < 2.1


def _calls_to_parse_and_compare(small: Release, files: int) -> int:
    raw = _enlarged(small, files)
    with cProfile.Profile() as profile:
        diff = diff_releases(small, parse_release(raw, VBN, small.manifest_name))
    assert len(diff.files) == files + len(small.metadata) + len(small.data)
    return sum(entry.callcount for entry in profile.getstats())


def _enlarged(small: Release, sessions: int) -> bytes:
    document = json.loads(small.raw)
    pattern = next(iter(document["data_files"].values()))
    base = pattern["url"].split(VBN.s3_name + "/")[0] + VBN.s3_name
    document["data_files"] = {
        str(number): {
            "url": f"{base}/behavior_only_sessions/{number}/behavior_session_{number}.nwb",
            "version_id": f"v{number}",
            "file_hash": blake2b(str(number).encode()).hexdigest(),
        }
        for number in range(sessions)
    }
    return json.dumps(document).encode()


def ophys_manifest(version: str, host: str, ids: Iterable[tuple[str, int]], first: int, step: int) -> Release:
    """A VBO release of real size; its file ids count from `first` in steps."""

    def entry(key: str) -> dict[str, str]:
        url = f"https://{VBO.bucket}.{host}.amazonaws.com/{VBO.s3_name}/{key}"
        return {"url": url, "version_id": version, "file_hash": blake2b(f"{version} {key}".encode()).hexdigest()}

    keys = (f"{folder}/{folder.removesuffix('s')}_{id}.nwb" for folder, id in ids)
    manifest = {
        "project_name": VBO.s3_name,
        "manifest_version": version,
        "data_pipeline": [{"name": "AllenSDK", "version": "2.16.0", "comment": ""}],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": {table: entry(f"project_metadata/{table}.csv") for table in VBO.metadata_tables},
        "data_files": {str(first + step * number): entry(key) for number, key in enumerate(keys)},
    }
    return parse_release(json.dumps(manifest).encode(), VBO, VBO.manifest_name(version))


def test_files_written_anew_are_the_same_by_id_whatever_their_hosts_and_numbers() -> None:
    """As from VBO 1.0.1 to 1.1.0: 6,027 files, none of them unchanged, and all but a few about the same."""
    planes = [("behavior_ophys_experiments", 900_000_000 + number) for number in range(1941)]
    sessions = [("behavior_sessions", 800_000_000 + number) for number in range(4082)]
    before = ophys_manifest("1.0.1", "s3-us-west-2", [*planes, *sessions], 1_085_368_388, 51)
    after = ophys_manifest("1.1.0", "s3.us-west-2", [*planes[5:], *sessions[3:]], 0, 1)
    diff = diff_releases(before, after)
    assert diff.counts == {
        "metadata": {Change.CHANGED: 4},
        "ophys_experiment": {Change.CHANGED: 1936, Change.REMOVED: 5},
        "behavior_session": {Change.CHANGED: 4079, Change.REMOVED: 3},
    }
    assert after.data["0"].identity == ("ophys_experiment", "900000005"), "0 is a file"
