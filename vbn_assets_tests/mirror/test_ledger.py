"""The ledger under several writers, and when AllenSDK's file or ours is broken or lost."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from vbn_assets.mirror.ledger import DOWNLOADS, Ledger

HASH = "ab" * 64


def filed(root: Path, name: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(name)
    return path


def remember(ledger: Ledger, path: Path, file_hash: str = HASH) -> None:
    ledger.remember(path, path.stat(), file_hash, right=True)


def test_allensdks_entries_stay(tmp_path: Path) -> None:
    (tmp_path / DOWNLOADS).write_text(json.dumps({"/elsewhere/x.nwb": "cd" * 64}))
    path = filed(tmp_path, "a.nwb")
    remember(Ledger(tmp_path), path)
    assert json.loads((tmp_path / DOWNLOADS).read_bytes()) == {"/elsewhere/x.nwb": "cd" * 64, str(path): HASH}


def test_writers_do_not_lose_each_others_entries(tmp_path: Path) -> None:
    paths = [filed(tmp_path, f"{number}.nwb") for number in range(40)]
    script = f"""
from pathlib import Path
from vbn_assets.mirror.ledger import Ledger
ledger = Ledger(Path({str(tmp_path)!r}))
for number in range(20):
    path = Path({str(tmp_path)!r}) / f"{{number}}.nwb"
    ledger.remember(path, path.stat(), {HASH!r}, right=True)
"""
    other = subprocess.Popen([sys.executable, "-c", script])
    ledger = Ledger(tmp_path)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda path: remember(ledger, path), paths[20:]))
    assert other.wait(30) == 0
    assert set(json.loads((tmp_path / DOWNLOADS).read_bytes())) == {str(path) for path in paths}
    assert all(ledger.hash_of(path) == HASH for path in paths)


def test_a_record_that_is_being_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vbn_assets.mirror.ledger._WRITING_SECONDS", 600)
    first, second = filed(tmp_path, "a.nwb"), filed(tmp_path, "b.nwb")
    whole = json.dumps({str(first): HASH})
    with (tmp_path / DOWNLOADS).open("w") as record:
        record.write(whole[:20])
        record.flush()
        with ThreadPoolExecutor(1) as thread:
            remembering = thread.submit(remember, Ledger(tmp_path), second)
            assert not wait([remembering], timeout=0.1).done
            record.write(whole[20:])
            record.flush()
            remembering.result()
    assert json.loads((tmp_path / DOWNLOADS).read_bytes()) == {str(first): HASH, str(second): HASH}


@pytest.mark.parametrize("broken", [b"", b"{", b"[1]", b"\xff"])
def test_a_broken_record_is_set_aside_and_made_anew(
    tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = filed(tmp_path, "a.nwb"), filed(tmp_path, "b.nwb")
    remember(Ledger(tmp_path), first)
    (tmp_path / DOWNLOADS).write_bytes(broken)
    with caplog.at_level(logging.WARNING):
        remember(Ledger(tmp_path), second)
    assert json.loads((tmp_path / DOWNLOADS).read_bytes()) == {str(first): HASH, str(second): HASH}
    assert (tmp_path / f"{DOWNLOADS}.broken").read_bytes() == broken
    assert DOWNLOADS in caplog.text


@pytest.mark.parametrize("broken", [b"", b"{", b"[1]", b'{"a.nwb": [1]}', b'{"a.nwb": null}'])
def test_ours_broken_means_hashing_again(tmp_path: Path, broken: bytes) -> None:
    path = filed(tmp_path, "a.nwb")
    remember(Ledger(tmp_path), path)
    (tmp_path / ".verified.jsonl").write_bytes(broken)
    assert Ledger(tmp_path).hash_of(path) is None


def test_copies_are_files_that_are_still_there(tmp_path: Path) -> None:
    ours, gone, theirs = (filed(tmp_path, name) for name in ("ours.nwb", "gone.nwb", "theirs.nwb"))
    (tmp_path / DOWNLOADS).write_text(json.dumps({str(theirs): HASH}))
    ledger = Ledger(tmp_path)
    remember(ledger, ours)
    remember(ledger, gone)
    gone.unlink()
    assert ledger.copies(HASH) == [ours, theirs]
    assert ledger.copies("cd" * 64) == []
    assert ledger.hashes() == {HASH}


def test_what_was_taken_away_is_forgotten(tmp_path: Path) -> None:
    path = filed(tmp_path, "a.nwb")
    ledger = Ledger(tmp_path)
    remember(ledger, path)
    path.unlink()
    ledger.forget(path)
    assert json.loads((tmp_path / DOWNLOADS).read_bytes()) == {}
    assert ledger.hashes() == set()
