"""Writing in one step, locking, and placing one file under two names where links do not work."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbn_assets.mirror import disk


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system, to which there is no hard link."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm, as Linux has it")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_what_cannot_be_linked_is_copied(tmp_path: Path, other_disk: Path) -> None:
    source = tmp_path / "source"
    source.write_text("bytes")
    target = other_disk / "deep" / "target"
    disk.place(source, target, (disk.hard_link, disk.copy))
    assert target.read_text() == "bytes"
    assert not target.samefile(source)
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_what_is_renamed_gets_to_another_disk_too(tmp_path: Path, other_disk: Path) -> None:
    """As where somebody linked a release's folder to a larger disk."""
    source = tmp_path / "source"
    source.write_text("bytes")
    disk.rename_durably(source, other_disk / "target")
    assert (other_disk / "target").read_text() == "bytes"
    assert [path.name for path in other_disk.iterdir()] == ["target"]
    assert not source.exists()


def test_when_no_way_works_the_last_one_says_why(tmp_path: Path, other_disk: Path) -> None:
    source = tmp_path / "source"
    source.write_text("bytes")
    with pytest.raises(OSError, match="cross-device"):
        disk.place(source, other_disk / "target", (disk.hard_link,))
    assert not list(other_disk.iterdir())


@pytest.mark.parametrize("way", [disk.symlink, disk.hard_link, disk.copy])
def test_what_stood_there_is_replaced(tmp_path: Path, way: disk.Way) -> None:
    source, target = tmp_path / "a" / "source", tmp_path / "b" / "target"
    for path in (source, target):
        path.parent.mkdir()
        path.write_text(path.name)
    disk.place(source, target, (way,))
    assert target.read_text() == "source"


def test_a_reader_sees_all_of_the_old_or_all_of_the_new(tmp_path: Path) -> None:
    """Whatever is met while another thread writes, and once more at the end."""
    path = tmp_path / "file"
    disk.replace_file(path, b"0" * 100_000)

    def write() -> None:
        for number in range(30):
            disk.replace_file(path, b"%d" % (number % 10) * 100_000)

    writing = threading.Thread(target=write)
    writing.start()
    under_way = True
    while under_way:
        under_way = writing.is_alive()
        body = path.read_bytes()
        assert (len(body), len(set(body))) == (100_000, 1)
    writing.join()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lock_holds_though_its_folder_goes_away(tmp_path: Path) -> None:
    lock = tmp_path / "work" / "lock"
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with disk.locked(lock):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1
                lock.unlink()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most) == (0, 1)
