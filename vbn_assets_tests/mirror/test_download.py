"""Downloads from an S3 that misbehaves: each fault is survived or is one clear error, and nothing wrong gets a name."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from hashlib import blake2b
from itertools import repeat
from pathlib import Path

import pytest

from vbn_assets.errors import BucketError, DiskFull, DownloadError, FileGone, VbnError, WrongHash
from vbn_assets.mirror import How, Limits, Mirror
from vbn_assets.mirror.disk import locked
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import ReleaseFile
from vbn_assets_tests.faulty_s3 import (
    CUT,
    DENIED,
    GONE,
    HELD,
    HELD_GONE,
    OK,
    RESET,
    SHORT,
    STALL,
    TRICKLE,
    UNAVAILABLE,
    WRONG,
    FaultyS3,
)
from vbn_assets_tests.mirror.conftest import HASTY, IMPATIENT, MB, SECONDS, Watcher, content, work_files

Publish = Callable[..., ReleaseFile]


@pytest.mark.parametrize("size", [0, 1, MB, MB + 1, 5 * MB + 77])
def test_a_file_is_fetched_in_parts_and_verified(s3: FaultyS3, publish: Publish, mirror: Mirror, size: int) -> None:
    body = content(size)
    fetched = mirror.fetch(publish(body))
    assert fetched.path.read_bytes() == body
    assert (fetched.how, fetched.bytes, fetched.received) == (How.DOWNLOADED, size, size)
    assert s3.bytes_sent == size
    assert len(s3.requests) == -(-size // MB)
    assert not work_files(mirror)


def test_what_is_there_is_not_fetched_again(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    file = publish(content(MB))
    mirror.fetch(file)
    s3.forget_traffic()
    fetched = mirror.fetch(file)
    assert (fetched.how, fetched.bytes, fetched.received) == (How.PRESENT, MB, 0)
    assert not s3.requests


@pytest.mark.parametrize("fault", [UNAVAILABLE, RESET, CUT])
def test_a_fault_that_passes_is_survived(s3: FaultyS3, publish: Publish, mirror: Mirror, fault: str) -> None:
    body = content(4 * MB)
    s3.misbehave([fault, OK, fault, OK, OK, fault])
    fetched = mirror.fetch(publish(body))
    assert fetched.path.read_bytes() == body
    assert fetched.how is How.DOWNLOADED
    assert len(s3.requests) == 4 + 3


@pytest.mark.parametrize("fault", [STALL, TRICKLE])
def test_a_server_that_falls_silent_is_asked_again(s3: FaultyS3, publish: Publish, tmp_path: Path, fault: str) -> None:
    body = content(4 * MB)
    s3.misbehave([fault, OK, fault, OK, OK, fault])
    mirror = Mirror(tmp_path / "mirror", VBN, endpoint_url=s3.url, limits=replace(IMPATIENT, tries=1000))
    assert mirror.fetch(publish(body)).path.read_bytes() == body
    assert len(s3.requests) >= 4 + 3


def test_an_interrupted_part_goes_on_from_where_it_got_to(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    s3.misbehave([CUT])
    mirror.fetch(publish(content(MB)))
    (_, _, _), (_, start, stop) = s3.requests
    assert MB // 4 <= start <= MB // 2
    assert stop == MB


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (UNAVAILABLE, "503"),
        (STALL, "no answer in time"),
        (TRICKLE, "no answer in time"),
        (RESET, "connection broke off"),
    ],
)
def test_a_fault_that_stays_is_an_error_in_the_end(
    s3: FaultyS3, publish: Publish, tmp_path: Path, fault: str, reason: str
) -> None:
    file = publish(content(2 * MB))
    s3.misbehave(repeat(fault))
    limits = IMPATIENT if fault in (STALL, TRICKLE) else HASTY
    mirror = Mirror(tmp_path / "mirror", VBN, endpoint_url=s3.url, limits=limits)
    with pytest.raises(DownloadError, match=f"3 tries in vain.*{reason}") as caught:
        mirror.fetch(file)
    assert caught.value.retryable
    assert_one_line_about(caught.value, file)
    assert not mirror.path(file).exists()


def test_of_a_file_of_one_part_nothing_is_left(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    file = publish(content(MB))
    s3.misbehave([CUT, GONE])
    with pytest.raises(FileGone):
        mirror.fetch(file)
    assert not work_files(mirror)


def test_a_line_that_keeps_moving_is_not_given_up(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    """Every request ends early, more often than there are tries, but each one brings something."""
    body = content(3 * MB)
    s3.misbehave(repeat(SHORT))
    mirror = Mirror(mirror.root, VBN, endpoint_url=s3.url, limits=replace(HASTY, part_size=4 * MB))
    assert mirror.fetch(publish(body)).path.read_bytes() == body
    assert len(s3.requests) > HASTY.tries


@pytest.mark.parametrize(("fault", "error"), [(GONE, FileGone), (DENIED, BucketError)])
def test_a_refusal_is_an_error_at_once(
    s3: FaultyS3, publish: Publish, mirror: Mirror, fault: str, error: type[VbnError]
) -> None:
    file = publish(content(2 * MB))
    s3.misbehave(repeat(fault))
    with pytest.raises(error) as caught:
        mirror.fetch(file)
    assert len(s3.requests) == 1
    assert fault in str(caught.value)
    assert_one_line_about(caught.value, file)
    assert not caught.value.retryable
    assert not work_files(mirror)


def test_nobody_listens(publish: Publish, tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "mirror", VBN, endpoint_url="http://127.0.0.1:9", limits=HASTY)
    with pytest.raises(DownloadError, match="no connection"):
        mirror.fetch(publish(content(10)))


def test_wrong_bytes_once_are_fetched_again(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    body = content(2 * MB)
    s3.misbehave([OK, WRONG])
    fetched = mirror.fetch(publish(body))
    assert fetched.path.read_bytes() == body
    assert fetched.received == 2 * len(body)


def test_wrong_bytes_twice_are_an_error_and_leave_nothing(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    file = publish(content(2 * MB))
    s3.misbehave(repeat(WRONG))
    with pytest.raises(WrongHash, match=f"expected {file.file_hash}, found [0-9a-f]{{128}}") as caught:
        mirror.fetch(file)
    assert "discarded" in str(caught.value)
    assert not mirror.path(file).exists()
    assert not work_files(mirror)


def test_an_object_that_turns_out_to_be_another_is_begun_anew(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    """The version id is ignored at first: what was kept of that try has another size than the right object."""
    body = content(3 * MB)
    file = publish(body)
    s3.objects[file.key, file.version_id] = content(5 * MB, seed=1)
    s3.misbehave([OK, OK, GONE])
    with pytest.raises(FileGone):
        mirror.fetch(file)
    assert work_files(mirror)
    s3.objects[file.key, file.version_id] = body
    s3.misbehave([])
    assert mirror.fetch(file).path.read_bytes() == body


def test_what_is_complete_is_not_fetched_again(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    body = content(6 * MB)
    file = publish(body)
    fetch_until_gone(s3, mirror, file, kept=3)
    s3.misbehave([])
    s3.forget_traffic()
    watcher = Watcher()
    (planned,) = mirror.plan([file]).files
    fetched = mirror.fetch(file, watcher)
    assert fetched.path.read_bytes() == body
    assert fetched.how is planned.how is How.RESUMED
    assert fetched.received == planned.bytes == s3.bytes_sent == 3 * MB
    assert (watcher.begun, watcher.done, watcher.total) == ([3 * MB], 6 * MB, 6 * MB)


def test_rot_in_what_was_kept_is_found_and_fetched_anew(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    body = content(4 * MB)
    file = publish(body)
    fetch_until_gone(s3, mirror, file, kept=2)
    s3.misbehave([])
    (data,) = mirror.root.glob(".download/*.part")
    with data.open("r+b") as kept:
        kept.write(b"rot")
    assert mirror.fetch(file).path.read_bytes() == body


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"size": 1, "part_size": 2, "complete": [0]}'])
def test_a_state_that_cannot_be_is_not_trusted(publish: Publish, mirror: Mirror, state: str) -> None:
    body = content(2 * MB)
    file = publish(body)
    folder = mirror.root / ".download"
    folder.mkdir(parents=True)
    (folder / f"{file.file_hash}.json").write_text(state)
    (folder / f"{file.file_hash}.part").write_bytes(b"xx")
    assert mirror.fetch(file).path.read_bytes() == body


def test_progress_adds_up(publish: Publish, mirror: Mirror, s3: FaultyS3) -> None:
    s3.misbehave([OK, CUT, OK, CUT, RESET])
    watcher = Watcher()
    mirror.fetch(publish(content(5 * MB + 3)), watcher)
    assert (watcher.begun, watcher.total, watcher.done) == ([0], 5 * MB + 3, 5 * MB + 3)


def test_no_room_is_known_before_anything_is_written(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    file = publish(content(3 * MB))
    mirror = Mirror(mirror.root, VBN, endpoint_url=s3.url, limits=replace(HASTY, reserve=1 << 60))
    with pytest.raises(DiskFull, match=f"{3 * MB:,} bytes free") as caught:
        mirror.fetch(file)
    assert_one_line_about(caught.value, file)
    assert not work_files(mirror)


def test_a_disk_that_fills_up_keeps_what_is_complete(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    """A limit on file size stands for the full disk: the kernel refuses the write in the same place."""
    file = publish(content(3 * MB))
    script = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))\n"
    done = fetch_elsewhere(mirror, s3, file, before=script)
    _, errors = done.communicate()
    assert "DiskFull" in errors
    assert "does not fit on the disk" in errors
    assert not mirror.path(file).exists()
    assert mirror.fetch(file).bytes == 3 * MB


def test_a_download_killed_twice_goes_on_from_where_it_was(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    body = content(12 * MB)
    file = publish(body)
    for kept in (2, 4):
        s3.misbehave([OK, OK, *repeat(HELD, 9)])
        process = fetch_elsewhere(mirror, s3, file)
        wait_for_parts(mirror, kept)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert not mirror.path(file).exists()
    s3.misbehave([])
    s3.forget_traffic()
    fetched = mirror.fetch(file)
    assert fetched.how is How.RESUMED
    assert fetched.received == s3.bytes_sent == len(body) - 4 * MB
    assert fetched.path.read_bytes() == body
    assert not work_files(mirror)


def test_what_nobody_goes_on_with_is_swept(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    s3.misbehave([OK, *repeat(GONE, 9)])
    with pytest.raises(FileGone):
        mirror.fetch(publish(content(3 * MB)))
    assert mirror.sweep() == 0
    (data,) = mirror.root.glob(".download/*.part")
    os.utime(data, (0, time.time() - 31 * 86_400))
    with locked(data):
        assert mirror.sweep() == 0
    assert work_files(mirror)
    assert mirror.sweep() == 1
    assert not work_files(mirror)


def test_what_cannot_be_gone_on_with_is_swept(mirror: Mirror) -> None:
    """As a kill leaves a file of one part."""
    data = mirror.root / ".download" / "ab.part"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"half of it")
    assert mirror.sweep() == 1
    assert not work_files(mirror)


def test_two_processes_that_want_one_file_fetch_it_once(s3: FaultyS3, publish: Publish, mirror: Mirror) -> None:
    file = publish(content(4 * MB))
    s3.misbehave([HELD])
    processes = [fetch_elsewhere(mirror, s3, file) for _ in range(2)]
    s3.released.set()
    said = sorted(process.communicate()[0].strip() for process in processes)
    assert said == [How.DOWNLOADED, How.PRESENT]
    assert s3.bytes_sent == 4 * MB


def test_waits_double_up_to_a_limit_and_differ() -> None:
    limits = Limits()
    for failures, longest in ((1, 0.5), (2, 1), (4, 4), (9, 20)):
        waits = [limits.wait_after(failures) for _ in range(500)]
        assert 0 <= min(waits) < longest / 4
        assert longest * 3 / 4 < max(waits) <= longest


def assert_one_line_about(error: VbnError, file: ReleaseFile) -> None:
    text = str(error)
    assert file.name in text
    assert "release 0.5.0" in text
    assert "\n" not in text


def fetch_until_gone(s3: FaultyS3, mirror: Mirror, file: ReleaseFile, kept: int) -> None:
    """Have so many parts complete when the file is gone: a refusal also ends what is still on its way."""
    s3.misbehave([*repeat(OK, kept), *repeat(HELD_GONE, 9)])
    with ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(mirror.fetch, file)
        wait_for_parts(mirror, kept)
        s3.released.set()
        with pytest.raises(FileGone):
            fetched.result()


def fetch_elsewhere(mirror: Mirror, s3: FaultyS3, file: ReleaseFile, before: str = "") -> subprocess.Popen[str]:
    """Have another process fetch, which prints how; it is about to when this returns."""
    script = f"""{before}
from pathlib import Path
from vbn_assets.mirror import Limits, Mirror
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import ReleaseFile
limits = Limits(**{asdict(HASTY)!r})
mirror = Mirror(Path({str(mirror.root)!r}), VBN, endpoint_url={s3.url!r}, limits=limits)
print("asks", flush=True)
print(mirror.fetch(ReleaseFile(**{asdict(file)!r})).how)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "asks\n"
    return process


def wait_for_parts(mirror: Mirror, number: int) -> None:
    """Wait until that many parts are complete."""
    deadline = time.monotonic() + SECONDS
    while (
        sum(len(json.loads(state.read_bytes())["complete"]) for state in mirror.root.glob(".download/*.json")) < number
    ):
        assert time.monotonic() < deadline, "the download does not get on"
        time.sleep(0.02)


def test_the_hash_is_blake2b_as_in_the_manifests(publish: Publish, mirror: Mirror) -> None:
    fetched = mirror.fetch(publish(b"abc"))
    assert blake2b(fetched.path.read_bytes()).hexdigest() == fetched.file.file_hash
    assert fetched.file.file_hash.startswith("ba80a53f981c4d0d")
