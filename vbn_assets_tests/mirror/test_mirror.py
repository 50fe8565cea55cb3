"""The mirror's folder: AllenSDK's layout, links, what is held, what rotted, what came from elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pytest

from vbn_assets.errors import DownloadError, ManifestError, SettingsError, WrongHash
from vbn_assets.mirror import How, Mirror
from vbn_assets.projects import VBN
from vbn_assets.releases.bucket import object_sizes, unsigned_client
from vbn_assets.releases.manifest import Release, ReleaseFile, parse_release
from vbn_assets.sample.process import SampleProcess
from vbn_assets_tests.as_nobody import as_nobody
from vbn_assets_tests.faulty_s3 import FaultyS3
from vbn_assets_tests.mirror.conftest import MB, Watcher, content

Publish = Callable[..., ReleaseFile]
LEDGER = "_downloaded_data.json"


def ledger(mirror: Mirror) -> dict[str, str]:
    downloads: dict[str, str] = json.loads((mirror.root / LEDGER).read_bytes())
    return downloads


def test_the_folder_is_as_allensdk_makes_it(sample: Mirror, published: list[Release]) -> None:
    for release in published:
        sample.keep_manifest(release)
        for file in release.files():
            sample.fetch(file)
    seen = {str(path.relative_to(sample.root)) for path in sample.root.rglob("*") if path.is_file()}
    files = {file for release in published for file in release.files()}
    expected = {f"{VBN.s3_name}-{file.release}/{file.key.partition('/')[2]}" for file in files}
    expected |= {release.manifest_name for release in published} | {LEDGER}
    assert {name for name in seen if not name.startswith(".")} == expected
    assert not [name for name in seen - expected if "json" not in name]
    for file in files:
        assert blake2b(sample.path(file).read_bytes()).hexdigest() == file.file_hash


def test_the_ledger_lists_real_files_sorted(sample: Mirror, published: list[Release]) -> None:
    for release in published[1:]:
        for file in release.metadata.values():
            sample.fetch(file)
    text = (sample.root / LEDGER).read_text()
    assert text == json.dumps(ledger(sample), indent=2, sort_keys=True)
    real = [path for path in sample.root.rglob("*.csv") if not path.is_symlink()]
    assert ledger(sample) == {str(path): blake2b(path.read_bytes()).hexdigest() for path in real}
    assert len(real) < 10


def test_a_file_that_did_not_change_is_linked(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    body = content(MB)
    old = mirror.fetch(publish(body, "0.3.0"))
    s3.forget_traffic()
    new = mirror.fetch(publish(body, "0.4.0", folder="behavior_ecephys_sessions/1"))
    assert (new.how, new.bytes, new.received) == (How.LINKED, MB, 0)
    assert not s3.requests
    assert new.path.readlink() == Path("../../..") / old.path.relative_to(mirror.root)
    mirror.root.rename(mirror.root.with_name("moved"))
    moved = Mirror(mirror.root.with_name("moved"), VBN)
    assert moved.holds(old.file)
    assert moved.holds(new.file)


def test_a_link_whose_file_was_deleted_is_fetched(publish: Publish, mirror: Mirror) -> None:
    body = content(10)
    old = mirror.fetch(publish(body, "0.3.0"))
    new = mirror.fetch(publish(body, "0.4.0"))
    old.path.unlink()
    assert not mirror.holds(new.file)
    assert mirror.fetch(new.file).how is How.DOWNLOADED
    assert not new.path.is_symlink()
    assert mirror.fetch(old.file).how is How.LINKED


def test_a_copy_that_rotted_is_not_linked(publish: Publish, mirror: Mirror) -> None:
    body = content(10)
    old = mirror.fetch(publish(body, "0.3.0"))
    old.path.write_bytes(b"rotten")
    assert mirror.fetch(publish(body, "0.4.0")).how is How.DOWNLOADED


def test_a_file_is_hashed_once(publish: Publish, mirror: Mirror) -> None:
    """Bytes changed behind the back of size and time are seen by the scrub, not by every look."""
    fetched = mirror.fetch(publish(content(1000)))
    status = fetched.path.stat()
    fetched.path.write_bytes(b"x" * 1000)
    os.utime(fetched.path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert Mirror(mirror.root, VBN).holds(fetched.file)
    os.utime(fetched.path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert not Mirror(mirror.root, VBN).holds(fetched.file)


def test_a_file_cut_short_by_somebody_is_replaced_and_kept_aside(publish: Publish, mirror: Mirror) -> None:
    body = content(1000)
    file = publish(body)
    mirror.path(file).parent.mkdir(parents=True)
    mirror.path(file).write_bytes(body[:500])
    assert mirror.fetch(file).how is How.DOWNLOADED
    assert mirror.path(file).read_bytes() == body
    (aside,) = (mirror.root / ".quarantine").iterdir()
    assert mirror.set_aside() == [aside]
    assert aside.read_bytes() == body[:500]


def test_a_folder_in_the_place_of_a_file(publish: Publish, mirror: Mirror) -> None:
    file = publish(content(10))
    mirror.path(file).mkdir(parents=True)
    with pytest.raises(WrongHash, match="taken by a folder"):
        mirror.fetch(file)


def test_a_key_cannot_leave_the_mirror(publish: Publish, mirror: Mirror) -> None:
    file = replace(publish(b"x"), key=f"{VBN.s3_name}/../../outside.nwb")
    with pytest.raises(ValueError, match="leaves the mirror"):
        mirror.fetch(file)


def test_the_scrub_reads_all_of_it_and_the_next_fetch_repairs(publish: Publish, mirror: Mirror) -> None:
    body = content(2000)
    old, new = publish(body, "0.3.0"), publish(body, "0.4.0")
    other = publish(content(500, seed=1), session=2)
    missing = publish(content(10, seed=2), session=3)
    for file in (old, new, other):
        mirror.fetch(file)
    files = [new, old, other, missing]
    watcher = Watcher()
    assert {checked.file: checked.intact for checked in mirror.scrub(files, watcher)} == {old: True, other: True}
    assert watcher.done == 500

    path, status = mirror.path(old), mirror.path(old).stat()
    path.write_bytes(body[:-1] + b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    rotten, sound = sorted(mirror.scrub(files), key=lambda checked: checked.intact)
    assert sound.intact
    assert (rotten.file, rotten.path, rotten.bytes) == (old, path, 2000)
    text = str(rotten.problem)
    assert str(path) in text
    assert f"expected {old.file_hash}" in text
    (aside,) = (mirror.root / ".quarantine").iterdir()
    assert mirror.set_aside() == [aside]
    assert f"moved to {aside}" in text
    assert not path.exists()
    assert str(path) not in ledger(mirror)
    assert mirror.fetch(old).how is How.DOWNLOADED
    assert mirror.path(new).read_bytes() == body


def test_by_default_the_scrub_reads_every_kept_release(sample: Mirror, published: list[Release]) -> None:
    for release in published:
        sample.keep_manifest(release)
        sample.fetch(release.metadata["units"])
    assert [checked.path.name for checked in sample.scrub()] == ["units.csv"] * 3


def test_the_plan_says_what_fetching_does(
    sample: Mirror, sample_bucket: SampleProcess, published: list[Release]
) -> None:
    sizes = object_sizes(unsigned_client(sample_bucket.endpoint, VBN.region), VBN)
    _, before, after = published
    sample.fetch(before.metadata["channels"])
    files = [*before.metadata.values(), *after.files()]
    plan = sample.plan(files, sizes)
    fetched = [sample.fetch(file) for file in files]
    assert [planned.how for planned in plan.files] == [one.how for one in fetched]
    assert [planned.bytes for planned in plan.files] == [one.received for one in fetched]
    assert plan.bytes == sum(one.received for one in fetched)
    assert {how: len(plan.of(how)) for how in (How.PRESENT, How.RESUMED)} == {How.PRESENT: 1, How.RESUMED: 0}
    assert sample.plan(files).bytes == 0


def test_a_plan_without_sizes_says_so(sample: Mirror, published: list[Release]) -> None:
    plan = sample.plan(published[0].metadata.values())
    assert (plan.bytes, plan.unknown) == (0, 5)


def test_releases_are_kept_as_bytes_in_order_of_version(sample: Mirror, published: list[Release]) -> None:
    assert sample.releases() == []
    ten = renamed(published[0], "0.10.0")
    for release in (ten, published[2], published[0]):
        assert sample.keep_manifest(release).read_bytes() == release.raw
    assert [release.version for release in sample.releases()] == ["0.3.0", "0.5.0", "0.10.0"]
    assert sample.releases()[0].raw == published[0].raw
    assert (sample.root / LEDGER).read_text() == "{}"


def test_a_kept_manifest_does_not_change_which_release_allensdk_opens(sample: Mirror, published: list[Release]) -> None:
    note = sample.root / "_manifest_last_used.txt"
    sample.keep_manifest(published[1])
    assert not note.exists()
    sample.use(published[0])
    sample.keep_manifest(published[2])
    assert note.read_text() == VBN.manifest_name("0.3.0")


def test_a_broken_manifest_on_disk_is_named(sample: Mirror, published: list[Release]) -> None:
    path = sample.keep_manifest(published[0])
    path.write_bytes(published[0].raw[:100])
    with pytest.raises(ManifestError, match="is not JSON") as caught:
        sample.release("0.3.0")
    assert str(path) in str(caught.value)
    assert "Remove it" in str(caught.value)
    sample.keep_manifest(published[1])
    assert sample.releases() == [published[1]], "the others are none the worse"
    assert sample.versions() == ["0.3.0", "0.4.0"]
    sample.keep_manifest(published[0])
    assert sample.releases() == published[:2]


def test_a_file_that_the_disk_does_not_give_is_an_error_of_its_own(sample: Mirror, published: list[Release]) -> None:
    """Of /proc/self/mem nothing can be read from its start: the same error as of a dying disk."""
    sample.keep_manifest(published[0])
    units, channels = (published[0].metadata[name] for name in ("units", "channels"))
    sample.fetch(channels)
    sample.path(units).symlink_to("/proc/self/mem")
    with pytest.raises(DownloadError, match=r"units.csv of release 0.3.0: cannot be read or written"):
        sample.fetch(units)
    assert {checked.file: checked.intact for checked in sample.scrub()} == {channels: True, units: False}


def test_a_folder_that_allensdk_filled_is_taken_over(sample: Mirror, published: list[Release]) -> None:
    """As AllenSDK leaves it: plain files, absolute links, its own ledger and nothing of ours."""
    for release in published[1:]:
        sample.keep_manifest(release)
        for file in release.files():
            sample.fetch(file)
    for path in [*sample.root.rglob("*.nwb"), *sample.root.rglob("*.csv")]:
        if path.is_symlink():
            target = path.resolve()
            path.unlink()
            path.symlink_to(target)
    for ours in sample.root.glob(".*.json*"):
        ours.unlink()
    before = ledger(sample)
    offline = Mirror(sample.root, VBN, endpoint_url="http://127.0.0.1:9")
    files = [file for release in offline.releases() for file in release.files()]
    assert {offline.fetch(file).how for file in files} == {How.PRESENT}
    assert ledger(offline) == before


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that users other than the one running the tests can reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_a_mirror_that_is_read_only_can_be_read(s3: FaultyS3, publish: Publish, open_folder: Path) -> None:
    writable = Mirror(open_folder / "mirror", VBN, endpoint_url=s3.url)
    held, absent = publish(content(MB)), publish(content(10), session=2)
    path = writable.fetch(held).path
    (writable.root / ".verified.jsonl").unlink()
    writable.root.chmod(0o555)

    def read_only() -> None:
        mirror = Mirror(writable.root, VBN, endpoint_url=s3.url)
        assert [mirror.fetch(held).how for _ in range(2)] == [How.PRESENT] * 2
        assert mirror.verify(held).intact
        assert mirror.plan([held, absent]).of(How.PRESENT)
        with pytest.raises(SettingsError, match=r"mirror cannot be written.*VBN_DATA_DIR"):
            mirror.fetch(absent)

    assert as_nobody(read_only) == 0
    path.write_bytes(b"rotten")

    def rotten() -> None:
        mirror = Mirror(writable.root, VBN, endpoint_url=s3.url)
        assert not mirror.holds(held)
        assert "read-only" in str(mirror.verify(held).problem)

    assert as_nobody(rotten) == 0
    assert path.exists()


def test_a_place_where_no_mirror_can_be_made(published: list[Release], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="mirror cannot be written"):
        Mirror(tmp_path / "file" / "mirror", VBN).keep_manifest(published[0])


def renamed(release: Release, version: str) -> Release:
    """The same release under another version."""
    document = json.loads(release.raw)
    document["manifest_version"] = version
    return parse_release(json.dumps(document).encode(), VBN, VBN.manifest_name(version))


def test_the_room_costs_nothing_to_import() -> None:
    script = (
        "import sys, vbn_assets.mirror, vbn_assets.releases.bucket\n"
        "print({'boto3', 'botocore', 'urllib3'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
