"""Our record of what was hashed: appended by one, followed by others, torn by a power cut."""

from __future__ import annotations

from pathlib import Path

import pytest

from vbn_assets.mirror.verified import Seen, Verified

A, B, C = Seen(1, 10, "aa"), Seen(2, 20, "bb"), Seen(3, 30, "cc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "record"


def test_what_one_appends_another_finds(path: Path) -> None:
    writer, reader = Verified(path), Verified(path)
    assert reader.known() == {}
    writer.add({"a": A, "b": B})
    assert reader.known() == {"a": A, "b": B}
    writer.add({"a": C, "b": None})
    assert reader.known() == Verified(path).known() == {"a": C}
    assert (reader.seen("a"), reader.seen("b")) == (C, None)


def test_only_what_is_new_is_written(path: Path) -> None:
    record = Verified(path)
    record.add({"a": A})
    before = path.read_bytes()
    record.add({"b": B})
    assert path.read_bytes().startswith(before)


def test_a_record_made_anew_or_lost_is_read_anew(path: Path) -> None:
    writer, reader = Verified(path), Verified(path)
    writer.add({"a": A, "b": B})
    assert reader.known() == {"a": A, "b": B}
    writer.start_over({"c": C})
    assert writer.known() == reader.known() == {"c": C}
    path.unlink()
    assert reader.known() == {}


@pytest.mark.parametrize("kept", range(1, 12))
def test_a_line_that_was_cut_off_costs_only_itself(path: Path, kept: int) -> None:
    Verified(path).add({"a": A})
    whole = path.read_bytes()
    Verified(path).add({"b": B})
    path.write_bytes(path.read_bytes()[: len(whole) + kept])
    reader = Verified(path)
    assert reader.known() == {"a": A}
    Verified(path).add({"c": C})
    assert reader.known() == Verified(path).known() == {"a": A, "c": C}


@pytest.mark.parametrize("broken", [b"", b"{", b"[1", b"7", b"null", b'["b", 1]', b'["b", null, 1, ""]', b"\xff"])
def test_a_line_that_says_nothing_is_passed_over(path: Path, broken: bytes) -> None:
    Verified(path).add({"a": A})
    path.write_bytes(broken + b"\n" + path.read_bytes())
    assert Verified(path).known() == {"a": A}
