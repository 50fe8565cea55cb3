"""The warehouse shows what the lake has: exactly, at once, and whatever happens while it is built."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from vbn_assets.errors import UnknownRelease, WarehouseError
from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.warehouse.made import ROWS, add_release, add_session, lake_of, session_source


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data with spaces and 'quotes'")


def ask(settings: Settings, query: str) -> list[tuple[object, ...]]:
    with open_warehouse(settings.warehouse_path) as con:
        return con.execute(query).fetchall()


def shown(settings: Settings, schema: str = "vbn") -> list[tuple[object, ...]]:
    """Session, the release its rows are from, and whether that is the current one's file."""
    return ask(
        settings,
        f"SELECT id, release, in_step FROM {schema}.warehouse_files WHERE table_name = 'trials' ORDER BY id",
    )


def test_an_empty_lake_makes_every_table_with_its_columns(settings: Settings) -> None:
    publish(settings)
    columns = ask(settings, "SELECT table_name, column_name FROM duckdb_columns() WHERE schema_name = 'vbn'")
    described = {(table.name, column.name) for table in VBN.tables.values() for column in table.columns}
    assert described <= set(columns)
    assert ask(settings, "SELECT count(*) FROM vbn.spike_times") == [(0,)]


def test_each_release_has_its_schema_and_the_current_one_the_project_s(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.9.0", {1: "a", 2: "b"})
    add_release(lake, "0.10.0", {1: "a", 2: "c", 3: "d"}, units="v")
    for id, letter in ((1, "a"), (2, "b"), (2, "c")):
        add_session(lake, id, letter)
    publish(settings)
    assert ask(settings, "SELECT release, is_current, held_sessions FROM vbn.releases") == [
        ("0.9.0", False, 2),
        ("0.10.0", True, 2),
    ]
    assert ask(settings, "SELECT added, removed, changed, unchanged FROM vbn.releases WHERE release = '0.10.0'") == [
        (1, 0, 2, 5)
    ]
    for schema in ("vbn_v0_9_0", "vbn_v0_10_0", "vbn"):
        assert ask(settings, f"SELECT count(*) FROM {schema}.spike_times") == [(2 * ROWS,)]
        assert ask(settings, f"SELECT count(*) FROM {schema}.trials") == [(2 * ROWS,)]


def test_a_session_behind_the_release_stays_and_says_so(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {1: "a", 2: "b", 3: "x"})
    for id, letter in ((1, "a"), (2, "b"), (3, "x")):
        add_session(lake, id, letter, "0.4.0")
    publish(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "c"})
    publish(settings)
    assert shown(settings) == [("1", "0.4.0", True), ("2", "0.4.0", False)], "3 is gone from the release"
    assert shown(settings, "vbn_v0_5_0") == [("1", "0.4.0", True)]
    assert len(shown(settings, "vbn_v0_4_0")) == 3
    add_session(lake, 2, "c", "0.5.0")
    assert publish(settings).incremental
    assert shown(settings) == [("1", "0.4.0", True), ("2", "0.5.0", True)]
    assert ask(settings, "SELECT count(*) FROM vbn.trials WHERE ecephys_session_id IS NOT NULL") == [(2 * ROWS,)]


def test_a_file_of_no_release_is_shown_until_a_released_one_is(settings: Settings) -> None:
    lake = lake_of(settings)
    add_session(lake, 1, "mine")
    publish(settings)
    assert shown(settings) == [("1", None, False)]
    add_release(lake, "0.5.0", {1: "a"})
    add_session(lake, 1, "a", "0.5.0")
    publish(settings)
    assert shown(settings) == [("1", "0.5.0", True)]


def test_a_record_with_a_broken_claim_is_not_published(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    add_session(lake, 1, "a")
    add_session(lake, 2, "b", broken="unit 7")
    publish(settings)
    assert [row[0] for row in shown(settings)] == ["1"]


def test_a_pinned_release_is_the_one_shown(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {1: "a"})
    add_release(lake, "0.5.0", {1: "b"})
    publish(settings.model_copy(update={"pins": {"vbn": "0.4.0"}}))
    assert ask(settings, "SELECT release FROM vbn.releases WHERE is_current") == [("0.4.0",)]
    with pytest.raises(UnknownRelease, match=r"0\.9\.0.*one of 0\.4\.0, 0\.5\.0"):
        publish(settings.model_copy(update={"pins": {"vbn": "0.9.0"}}))


def test_columns_that_only_some_files_have_are_kept(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    add_session(lake, 1, "a")
    publish(settings)
    add_session(lake, 2, "b", new_column=pa.array([1.5, None, 2.5]))
    publish(settings)
    for trials in ("vbn.trials", "vb.trials"):
        values = ask(settings, f"SELECT behavior_session_id, new_column FROM {trials} ORDER BY ALL")
        assert values == [(1001, None)] * 3 + [(1002, 1.5), (1002, 2.5), (1002, None)]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
def test_a_column_nobody_described_has_the_type_that_holds_every_files_values(
    settings: Settings, order: tuple[int, ...]
) -> None:
    """As where a stimulus has a parameter that in one session happens to be 0 and 1 only, which reads as a bool."""
    parameters = {1: pa.array([True, False, None]), 2: pa.array([1.5, 0.1, None]), 3: pa.array([2, 3, None])}
    lake = lake_of(settings)
    add_release(lake, "0.5.0", dict.fromkeys(parameters, "a"))
    for id in order:
        add_session(lake, id, "a", parameter=parameters[id])
        publish(settings)
    for schema in ("vbn", "vbn_v0_5_0"):
        values = ask(settings, f"SELECT behavior_session_id - 1000, parameter FROM {schema}.trials ORDER BY ALL")
        assert values == [(1, 0), (1, 1), (1, None), (2, 0.1), (2, 1.5), (2, None), (3, 2), (3, 3), (3, None)]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
def test_a_column_that_is_lists_in_some_files_is_text(settings: Settings, order: tuple[int, ...]) -> None:
    extra = {1: pa.array([[1.5], [], None]), 2: pa.array([1.5, 2.5, None]), 3: pa.array(["a", "b", None])}
    lake = lake_of(settings)
    add_release(lake, "0.5.0", dict.fromkeys(extra, "a"))
    for id in order:
        add_session(lake, id, "a", extra=extra[id], mouse_id=pa.array([7, 8, 9]))
        publish(settings)
    texts = {1: ["[1.5]", "[]", None], 2: ["1.5", "2.5", None], 3: ["a", "b", None]}
    wanted = {(id, text) for id, each in texts.items() for text in each}
    for trials in ("vbn.trials", "vbn_v0_5_0.trials", "vb.trials"):
        assert set(ask(settings, f"SELECT behavior_session_id - 1000, extra FROM {trials}")) == wanted
    assert ask(settings, "SELECT DISTINCT mouse_id FROM vbn.trials ORDER BY ALL") == [(7,), (8,), (9,)]


def test_a_release_may_take_up_a_file_that_was_of_none(settings: Settings) -> None:
    lake = lake_of(settings)
    add_session(lake, 1, "a")
    add_release(lake, "0.5.0", {1: "a"})
    publish(settings)
    released = "SELECT DISTINCT release FROM vbn.warehouse_files WHERE kind = 'ecephys_session'"
    assert ask(settings, released) == [(None,)]
    add_session(lake, 1, "a", release="0.5.0")
    publish(settings)
    assert ask(settings, released) == [("0.5.0",)]


def test_it_is_known_again_where_the_file_system_keeps_whole_seconds(settings: Settings) -> None:
    add_release(lake_of(settings), "0.5.0", {1: "a"})
    path = publish(settings).path
    second = path.stat().st_mtime_ns // 10**9 * 10**9
    os.utime(path, ns=(second, second))
    assert not publish(settings).changed


def test_nothing_new_changes_nothing(settings: Settings) -> None:
    add_release(lake_of(settings), "0.5.0", {1: "a"})
    publish(settings)
    before = settings.warehouse_path.stat()
    publication = publish(settings)
    assert not publication.changed
    assert settings.warehouse_path.stat().st_ino == before.st_ino


def test_a_folder_that_was_moved_is_published_anew(settings: Settings, tmp_path: Path) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a"})
    add_session(lake, 1, "a")
    publish(settings)
    moved = Settings(data_dir=settings.data_dir.rename(tmp_path / "elsewhere"))
    assert publish(moved).changed
    assert ask(moved, "SELECT count(*) FROM vbn.spike_times") == [(ROWS,)]


def test_comments_say_what_columns_mean(settings: Settings) -> None:
    publish(settings)
    query = "SELECT comment FROM duckdb_columns() WHERE table_name = 'spike_times' AND column_name = 'spike_time'"
    assert ask(settings, query) == [("Time of the spike [s]",)]


def test_what_one_publish_leaves_alone_is_as_the_one_before_made_it(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.4.0", {1: "a", 2: "a"})
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    add_session(lake, 1, "a")
    publish(settings)
    for id, letter, held in ((2, "b", (1, 2)), (2, "a", (2, 2))):
        add_session(lake, id, letter)
        assert publish(settings).incremental
        counted = [ask(settings, f"SELECT count(*) FROM vbn_v0_{n}_0.trials") for n in (4, 5)]
        assert counted == [[(n * ROWS,)] for n in held]
        assert ask(settings, "SELECT count(*) FROM vb.trials") == [(2 * ROWS,)]
        uncommented = "SELECT schema_name, table_name FROM duckdb_columns() WHERE comment IS NULL"
        assert ask(settings, f"{uncommented} AND table_name IN ('trials', 'spike_times', 'units')") == []


def test_readers_never_wait_and_never_see_half_a_publish(settings: Settings) -> None:
    """A reader opens and asks all the while, another keeps the first file open: both only see whole states."""
    lake = lake_of(settings)
    add_release(lake, "0.5.0", dict.fromkeys(range(1, 6), "a"))
    publish(settings)
    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(ask(settings, "SELECT count(*), count(DISTINCT behavior_session_id) FROM vbn.trials")[0])

    kept_open = open_warehouse(settings.warehouse_path)
    reader = _opened_elsewhere(_READER, settings)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        for id in range(1, 6):
            add_session(lake, id, "a")
            publish(settings)
    finally:
        stop.set()
        thread.join()
    reader.communicate()
    assert reader.returncode == 0, "a reader that holds the file open throughout never fails"
    assert kept_open.execute("SELECT count(*) FROM vbn.trials").fetchone() == (0,)
    kept_open.close()
    assert set(seen) <= {(ROWS * n, n) for n in range(6)}
    assert ask(settings, "SELECT count(*) FROM vbn.trials") == [(5 * ROWS,)]


_READER = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
print("open", flush=True)
sys.stdin.read()
assert con.execute("SELECT count(*) FROM vbn.trials").fetchone() == (0,)
"""


def _opened_elsewhere(script: str, settings: Settings) -> subprocess.Popen[str]:
    """Another process that has the warehouse open, until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(settings.warehouse_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "open\n"
    return process


def test_two_publishes_at_once_do_the_work_once(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a"})
    add_session(lake, 1, "a")
    with ThreadPoolExecutor(2) as pool:
        publications = [pool.submit(publish, settings) for _ in range(2)]
    assert sorted(publication.result().changed for publication in publications) == [False, True]


KILLED_AT = ("copy", "build", "stamp", "rename")


@pytest.mark.parametrize("step", KILLED_AT)
def test_killed_at_any_step_the_old_warehouse_stays_and_the_next_publish_finishes(
    settings: Settings, step: str
) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    add_session(lake, 1, "a")
    publish(settings)
    add_session(lake, 2, "b")
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(settings.data_dir), step], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [row[0] for row in shown(settings)] == ["1"]
    assert publish(settings).changed
    assert [row[0] for row in shown(settings)] == ["1", "2"]
    left = [path.name for path in settings.data_dir.iterdir() if path.name.startswith(".warehouse")]
    assert left == [".warehouse.duckdb.lock"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from vbn_assets.settings import Settings
from vbn_assets.warehouse.publish import publish

import vbn_assets.warehouse.publish as module

AUDITED = {"stamp": "os.utime", "rename": "os.rename"}
DONE = {"copy": "_copy", "build": "build"}
step = sys.argv[2]


def kill(event, args):
    if event == AUDITED.get(step):
        os.kill(os.getpid(), signal.SIGKILL)


if step in DONE:
    work = getattr(module, DONE[step])

    def work_and_die(*args):
        work(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(module, DONE[step], work_and_die)
sys.addaudithook(kill)
publish(Settings(data_dir=Path(sys.argv[1])))
"""


def test_a_warehouse_somebody_wrote_to_is_made_anew(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a"})
    add_session(lake, 1, "a")
    publish(settings)
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute("DELETE FROM vbn.trials")
    assert ask(settings, "SELECT count(*) FROM vbn.trials") == [(0,)]
    publication = publish(settings)
    assert publication.changed
    assert not publication.incremental
    assert ask(settings, "SELECT count(*) FROM vbn.trials") == [(ROWS,)]


def test_a_broken_warehouse_file_is_made_anew(settings: Settings) -> None:
    add_release(lake_of(settings), "0.5.0", {1: "a"})
    settings.warehouse_path.write_bytes(b"not a database" * 1000)
    publish(settings)
    assert ask(settings, "SELECT count(*) FROM vbn.releases") == [(1,)]


def test_a_lost_lake_file_is_named_and_the_warehouse_stays(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a", 2: "b"})
    add_session(lake, 1, "a")
    publish(settings)
    record = add_session(lake, 2, "b")
    lake.path(record.tables["trials"]).unlink()
    with pytest.raises(WarehouseError, match="trials"):
        publish(settings)
    assert [row[0] for row in shown(settings)] == ["1"]


def test_a_record_that_is_none_is_named(settings: Settings) -> None:
    lake = lake_of(settings)
    add_session(lake, 1, "a")
    (path,) = settings.lake_dir.rglob(f"{session_source(1, 'a').file_hash[:16]}.json")
    path.write_text("{")
    with pytest.raises(WarehouseError, match=str(path.name)):
        publish(settings)


def test_where_nothing_can_be_written_it_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with pytest.raises(WarehouseError, match=r"warehouse.duckdb: cannot be written; expected a folder"):
        publish(Settings(data_dir=tmp_path / "data"))


def test_a_missing_warehouse_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(WarehouseError, match="vbn sync"):
        open_warehouse(settings.warehouse_path)


def test_a_warehouse_opened_for_writing_elsewhere_does_not_stop_a_publish(settings: Settings) -> None:
    lake = lake_of(settings)
    add_release(lake, "0.5.0", {1: "a"})
    publish(settings)
    writer = _opened_elsewhere(_WRITER, settings)
    add_session(lake, 1, "a")
    publish(settings)
    assert [row[0] for row in shown(settings)] == ["1"]
    writer.communicate()
    assert writer.returncode == 0


_WRITER = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
con.execute("CREATE TABLE main.mine AS SELECT 1")
print("open", flush=True)
sys.stdin.read()
con.close()
"""


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not(settings: Settings) -> None:
    lake = lake_of(settings)
    script = (
        "import sys; from pathlib import Path; from vbn_assets.warehouse.drafts import drafts\n"
        "with drafts(Path(sys.argv[1]), 1) as (draft,): print(draft, flush=True); sys.stdin.read()"
    )

    def write() -> tuple[subprocess.Popen[str], Path]:
        folder = settings.lake_dir / "vbn" / "drafts"
        writer = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout
        return writer, Path(writer.stdout.readline().strip())

    (killed, left), (writing, written) = write(), write()
    assert lake.sweep() == 0
    killed.kill()
    killed.communicate()
    assert left.exists()
    assert lake.sweep() == 1
    assert (left.exists(), written.exists()) == (False, True)
    writing.kill()
    writing.communicate()
    again, _ = write()
    assert not written.exists(), "whoever writes next removes what was left"
    again.kill()
    again.communicate()
