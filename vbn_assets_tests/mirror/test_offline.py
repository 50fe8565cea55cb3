"""A mirror that may not ask the network: what is here is found, what is not is said, and nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from vbn_assets.errors import NotHere, WrongHash
from vbn_assets.mirror import How, Mirror, StaticMirror
from vbn_assets.mirror.disk import hash_file
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import Release, ReleaseFile
from vbn_assets_tests.faulty_s3 import FaultyS3
from vbn_assets_tests.mirror.conftest import MB, content

Publish = Callable[..., ReleaseFile]


def test_what_is_not_here_is_missing_and_what_is_comes_by_a_link(mirror: Mirror, publish: Publish) -> None:
    held, absent = publish(content(MB)), publish(content(10), session=2)
    again = publish(content(MB), release="0.4.0")
    mirror.fetch(held)
    offline = Mirror(mirror.root, VBN, offline=True)
    assert offline.fetch(held).how is How.PRESENT
    assert offline.fetch(again).how is How.LINKED
    with pytest.raises(FileNotFoundError, match=r"without a connection to s3 and .*session_2\.nwb is not already"):
        offline.fetch(absent)


def test_wrong_bytes_are_not_taken_for_the_file(mirror: Mirror, publish: Publish) -> None:
    file = publish(content(MB))
    path = mirror.path(file)
    path.parent.mkdir(parents=True)
    path.write_bytes(content(MB)[:-1])
    with pytest.raises(WrongHash, match="from_s3_cache"):
        Mirror(mirror.root, VBN, offline=True).fetch(file)
    assert path.exists()


@pytest.mark.parametrize("gone", [r"C:\Users\me\cache\ecephys_session_1.nwb", "/nowhere/ecephys_session_1.nwb"])
def test_linking_downloads_nothing_for_a_record_of_files_that_are_gone(
    s3: FaultyS3, mirror: Mirror, publish: Publish, gone: str
) -> None:
    file = publish(content(MB))
    mirror.root.mkdir()
    (mirror.root / "_downloaded_data.json").write_text(json.dumps({gone: file.file_hash}))
    assert mirror.plan([file]).of(How.DOWNLOADED)
    assert not mirror.link(file)
    assert not mirror.path(file).exists()
    assert s3.requests == []


def test_the_record_of_downloads_can_be_made_anew(mirror: Mirror, publish: Publish) -> None:
    file, again = publish(content(MB)), publish(content(MB), release="0.4.0")
    path = mirror.fetch(file).path
    mirror.fetch(again)
    (mirror.root / "notes.txt").write_text("not of a release")
    (mirror.root / "_downloaded_data.json").unlink()
    read: list[int] = []
    mirror.hash_all(read.append)
    assert json.loads((mirror.root / "_downloaded_data.json").read_text()) == {str(path.resolve()): file.file_hash}
    assert sum(read) == MB
    assert mirror.content() == [path.resolve()]


def test_a_mounted_bucket_is_read_and_never_written(tmp_path: Path, publish: Publish) -> None:
    file, absent = publish(content(MB)), publish(content(10), session=2)
    path = tmp_path / file.key
    path.parent.mkdir(parents=True)
    path.write_bytes(content(MB))
    before = sorted(tmp_path.rglob("*"))
    mirror = StaticMirror(tmp_path, VBN)
    assert mirror.fetch(file).path == path
    assert hash_file(path) == file.file_hash
    assert mirror.link(file)
    with pytest.raises(NotHere, match="is not already on your system"):
        mirror.fetch(absent)
    path.write_bytes(b"cut short")
    with pytest.raises(WrongHash):
        mirror.fetch(file)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_mounted_bucket_has_its_manifests_where_the_bucket_does(sample: Mirror, published: list[Release]) -> None:
    manifests = sample.root / VBN.manifest_prefix()
    manifests.mkdir(parents=True)
    (manifests / published[0].manifest_name).write_bytes(published[0].raw)
    assert [release.version for release in StaticMirror(sample.root, VBN).releases()] == [published[0].version]
    assert StaticMirror(sample.root, VBN).release(published[0].version) == published[0]
    assert StaticMirror(sample.root, VBN).release(published[1].version) is None
