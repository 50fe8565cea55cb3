"""`vbn` on the sample: what it says, what it does, and the code it ends with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vbn_assets.mirror.disk import locked
from vbn_assets.projects import VBN
from vbn_assets.sample.server import SampleBucket
from vbn_assets_tests.cli.conftest import Vbn

Files = dict[tuple[str, str, str], Path]
SESSIONS = ["1100000102", "1100000103", "1100000104"]


def one_line(said: str) -> str:
    """What was said, if it is one line and no trace."""
    assert said.count("\n") == 1, said
    assert said.startswith("vbn: ")
    return said


def test_help_is_there_without_importing_what_the_work_needs() -> None:
    slow = ["pyarrow", "numpy", "pandas", "duckdb", "pynwb", "h5py", "boto3", "dagster", "pydantic"]
    script = (
        "import sys; sys.argv = ['vbn', '--help']\n"
        "from vbn_assets.cli import main\n"
        "try: main()\n"
        f"except SystemExit: sys.exit(' '.join(set({slow}) & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.stderr == "\n"
    for command in ("releases", "diff", "status", "sync", "extract", "sql", "publish", "scrub", "run", "demo"):
        assert f" {command} " in answer.stdout


def test_releases_are_listed_with_what_is_held(fresh_vbn: Vbn) -> None:
    before = fresh_vbn("releases").stdout.splitlines()
    assert before[1].split() == [
        "release",
        "state",
        "sessions",
        "behavior",
        "sessions",
        "probes",
        "metadata",
        "software",
    ]
    assert [line.split()[:6] for line in before[2:]] == [
        ["0.3.0", "published", "2", "0", "0", "5"],
        ["0.4.0", "published", "3", "1", "2", "5"],
    ]
    assert fresh_vbn("sync", "--release", "0.3.0", "--yes").returncode == 0
    after = fresh_vbn("releases").stdout.splitlines()
    assert [line.split()[1] for line in after[2:]] == ["current", "published"]


def test_a_manifest_that_is_none_is_named_and_the_others_are_listed(fresh_vbn: Vbn, fresh_bucket: SampleBucket) -> None:
    broken = VBN.manifest_prefix() + VBN.manifest_name("0.4.0")
    fresh_bucket.client.put_object(Bucket=VBN.bucket, Key=broken, Body=b"{", ACL="public-read")
    answer = fresh_vbn("releases")
    assert answer.returncode == 0
    assert [line.split()[1] for line in answer.stdout.splitlines()[2:]] == ["published", "unusable"]
    assert "v0.4.0.json: is not JSON" in answer.stderr


def test_a_diff_counts_by_kind_and_names_the_files(vbn: Vbn) -> None:
    answer = vbn("diff", "0.3.0", "0.4.0", "--list")
    assert answer.returncode == 0
    counts, _, files = answer.stdout.partition("\n\n")
    ecephys = next(line for line in counts.splitlines() if line.startswith("ecephys_session"))
    assert ecephys.replace(" (", "(").split()[1:] == ["1(3.8", "MB)", "1(3.7", "MB)", "1(3.1", "MB)"]
    named = {tuple(line.split()[:3]) for line in files.splitlines()[1:]}
    assert ("moved", "ecephys_session", "1100000102") in named
    assert ("added", "probe_lfp", "1100000104/probeB") in named
    assert len(named) == 11


def test_a_dry_run_says_what_would_come_and_fetches_no_session(vbn: Vbn) -> None:
    answer = vbn("sync", "--where", "ecephys_session_id <> 1100000103", "--dry-run")
    assert answer.returncode == 0
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert ["1100000102", "missing", "downloaded", "3.1", "MB"] in lines
    assert ["ecephys_session", "2", "0", "0", "0", "6.9", "MB"] in lines
    assert list(vbn.data.rglob("*.nwb")) == []
    assert not (vbn.data / "warehouse.duckdb").exists()


def test_sync_brings_the_named_sessions_and_then_finds_them_done(vbn: Vbn) -> None:
    asked = ("sync", "--sessions", SESSIONS[0], f"{SESSIONS[1]},{SESSIONS[0]}", "--yes")
    answer = vbn(*asked)
    assert answer.returncode == 0, answer.stderr
    assert f"session {SESSIONS[1]}: " in answer.stderr
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials ORDER BY ALL") == SESSIONS[:2]
    made = vbn.rows("SELECT table_name, made_at FROM vbn.warehouse_files ORDER BY ALL")
    again = vbn(*asked[:-1])  # nothing to ask about
    assert again.returncode == 0, again.stderr
    assert "2 sessions chosen, 2 made already" in again.stdout
    assert "is up to date" in again.stderr
    assert vbn.rows("SELECT table_name, made_at FROM vbn.warehouse_files ORDER BY ALL") == made


def test_sessions_without_probes_and_lfp_files_are_brought_where_asked_for(vbn: Vbn) -> None:
    asked = ("sync", "--sessions", SESSIONS[0], "1100000213", "--lfp")
    dry = vbn(*asked, "--dry-run")
    lines = [line.split()[:2] for line in dry.stdout.splitlines()]
    assert lines[-4:-1] == [["ecephys_session", "1"], ["behavior_session", "1"], ["probe_lfp", "1"]]
    answer = vbn(*asked, "--yes")
    assert answer.returncode == 0, answer.stderr
    assert f"probe_lfp {SESSIONS[0]}/probeA: " in answer.stderr
    assert vbn.rows("SELECT DISTINCT behavior_session_id FROM vbn.trials ORDER BY ALL") == ["1100000202", "1100000213"]
    assert vbn.rows("SELECT DISTINCT ecephys_probe_id FROM vbn.lfp") == ["1100000303"]
    assert "3 files chosen, 3 made already" in vbn(*asked).stdout
    status = [line.split()[:2] for line in vbn("status").stdout.splitlines()]
    assert status[6:8] == [["behavior", "sessions"], ["held", "1"]]
    assert status[11:13] == [["probes", "count"], ["held", "1"]]


def test_a_plain_sync_brings_what_the_settings_name_of_every_kind(vbn: Vbn) -> None:
    vbn = replace(vbn, settings={"VBN_HOLD": "image_set = 'H'", "VBN_HOLD_BEHAVIOR": "all", "VBN_LFP": "1"})
    assert vbn("sync", "--yes").returncode == 0
    held = vbn.rows(
        "SELECT DISTINCT kind, id FROM vbn.warehouse_files WHERE kind LIKE '%\\_%' ESCAPE '\\' ORDER BY ALL"
    )
    assert held == [
        "behavior_session,1100000213",
        f"ecephys_session,{SESSIONS[0]}",
        f"probe_lfp,{SESSIONS[0]}/probeA",
    ]


def test_a_new_release_makes_anew_only_what_it_changed(fresh_vbn: Vbn, fresh_bucket: SampleBucket) -> None:
    assert fresh_vbn("sync", "--all", "--yes").returncode == 0
    made = dict(line.split(",") for line in fresh_vbn.rows(_MADE))
    fresh_bucket.publish_next()
    time.sleep(1)  # records bear whole seconds
    answer = fresh_vbn("sync", "--yes")
    assert answer.returncode == 0, answer.stderr
    now = dict(line.split(",") for line in fresh_vbn.rows(_MADE))
    assert {id for id in now if now[id] != made[id]} == {SESSIONS[0], SESSIONS[2]}
    again = fresh_vbn("sync", "--sessions", SESSIONS[1], "--release", "0.5.0", "--yes")
    assert "1 session chosen, 1 made already" in again.stdout
    assert fresh_vbn.rows("SELECT release, held_sessions FROM vbn.releases WHERE is_current") == ["0.5.0,3"]
    states = [line.split()[:2] for line in fresh_vbn("status").stdout.splitlines()[2:6]]
    assert states == [["held", "3"], ["stale", "0"], ["unsound", "0"], ["missing", "0"]]


_MADE = "SELECT DISTINCT id, made_at FROM vbn.warehouse_files WHERE kind = 'ecephys_session' ORDER BY ALL"


def test_vbn_hold_names_what_a_plain_sync_brings_and_status_what_is_left(vbn: Vbn) -> None:
    vbn = replace(vbn, settings={"VBN_HOLD": "experience_level = 'Novel'"})
    assert "no release is held" in vbn("status").stdout
    assert vbn("sync", "--yes").returncode == 0
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.spike_times") == [SESSIONS[0]]
    states = [line.split()[:2] for line in vbn("status").stdout.splitlines()[2:6]]
    assert states == [["held", "1"], ["stale", "0"], ["unsound", "0"], ["missing", "2"]]


def test_one_session_that_fails_is_named_and_the_others_are_there(fresh_vbn: Vbn, fresh_bucket: SampleBucket) -> None:
    _replace_bytes(fresh_bucket, SESSIONS[1])
    answer = fresh_vbn("sync", "--all", "--yes")
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith(f"vbn: 1 of 3 sessions failed: {SESSIONS[1]}.")
    assert f"session {SESSIONS[1]} failed: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert fresh_vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials ORDER BY ALL") == SESSIONS[::2]


def _replace_bytes(bucket: SampleBucket, session: str) -> None:
    """Pin the current release's session to an object version that does not have its bytes."""
    manifest = bucket.manifests["0.4.0"]
    entry = next(entry for entry in manifest["data_files"].values() if f"ecephys_session_{session}" in entry["url"])
    key = entry["url"].partition(".amazonaws.com/")[2]
    put = bucket.client.put_object(Bucket=VBN.bucket, Key=key, Body=b"other bytes", ACL="public-read")
    entry["version_id"] = put["VersionId"]
    name = VBN.manifest_prefix() + VBN.manifest_name("0.4.0")
    bucket.client.put_object(Bucket=VBN.bucket, Key=name, Body=json.dumps(manifest).encode(), ACL="public-read")


@contextmanager
def syncing_up_to(session: str, vbn: Vbn, sample_files: Files) -> Iterator[subprocess.Popen[str]]:
    """A sync of all sessions that waits for one of them while the block lasts: it seems to be fetched elsewhere."""
    body = sample_files["0.5.0", "ecephys_session", session].read_bytes()
    with locked(vbn.data / "mirror" / ".download" / f"{blake2b(body).hexdigest()}.part"):
        yield vbn.start("sync", "--all", "--yes")


def wait_until_made(session: str, process: subprocess.Popen[str]) -> None:
    assert process.stderr
    if not any(session in line for line in process.stderr):
        pytest.fail(f"ended without session {session}")


def last_words(process: subprocess.Popen[str]) -> str:
    """What it says from now to its end on stderr."""
    assert process.stderr
    with process:
        return process.stderr.read()


def test_an_interrupted_sync_ends_in_one_line_and_the_next_one_goes_on(vbn: Vbn, sample_files: Files) -> None:
    with syncing_up_to(SESSIONS[0], vbn, sample_files) as process:
        while not list(vbn.data.glob(f"mirror/**/ecephys_session_{SESSIONS[1]}.nwb")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
    said = last_words(process)
    assert process.returncode == 130
    assert "vbn: interrupted." in said
    assert "Traceback" not in said
    assert vbn("sync", "--all", "--yes").returncode == 0
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials ORDER BY ALL") == SESSIONS


def test_an_interrupted_sync_publishes_what_it_has_done(vbn: Vbn, sample_files: Files) -> None:
    with syncing_up_to(SESSIONS[1], vbn, sample_files) as process:
        wait_until_made(SESSIONS[0], process)
        process.send_signal(signal.SIGINT)
    said = last_words(process)
    assert process.returncode == 130
    assert "publishing what is done (1 session)" in said
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == SESSIONS[:1]
    assert "Next: `vbn publish`" not in vbn("status").stdout


def test_what_a_killed_sync_has_done_is_published_when_asked(vbn: Vbn, sample_files: Files) -> None:
    assert vbn("sync", "--yes").returncode == 0
    with syncing_up_to(SESSIONS[1], vbn, sample_files) as process:
        wait_until_made(SESSIONS[0], process)
        process.kill()
    last_words(process)
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == []
    assert "Next: `vbn publish`" in vbn("status").stdout
    assert vbn("publish").returncode == 0
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == SESSIONS[:1]


def test_a_condition_can_be_about_sessions_without_probes(vbn: Vbn) -> None:
    asked = ("sync", "--kind", "behavior_session", "--where", "session_type LIKE 'HABITUATION%'")
    lines = [line.split() for line in vbn(*asked, "--dry-run").stdout.splitlines()]
    assert ["1100000213", "missing", "downloaded", "1.3", "MB"] in lines
    assert vbn(*asked, "--yes").returncode == 0
    assert vbn.rows("SELECT DISTINCT behavior_session_id FROM vbn.trials") == ["1100000213"]
    none = vbn("sync", "--kind", "behavior_session", "--where", "mouse_id = 1")
    assert "0 sessions chosen" in none.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sync", "--all"), "nobody is there to answer. Add --yes"),
        (("sync", "--all", "--where", "TRUE", "--yes"), "--sessions, --where and --all exclude each other"),
        (("sync", "--sessions", "abc", "--yes"), "expected digits, found 'abc'"),
        (("sync", "--sessions", "12", "--yes"), "has no ecephys_session or behavior_session file for 12"),
        (("sync", "--all", "--kind", "probe_lfp"), "expected ecephys_session or behavior_session, found 'probe_lfp'"),
        (("sync", "--kind", "behavior_session"), "Add one, or leave it out"),
        (("sync", "--release", "9.9.9", "--yes"), "v9.9.9.json"),
        (("sync", "--where", "bogus = 1", "--yes"), '"bogus" not found'),
        (("sync", "--where", " ", "--yes"), "it is empty"),
        (("sync", "--where", "TRUE); SELECT (1", "--yes"), "it is more than a condition"),
        (("diff", "0.4.0", "9.9.9"), "v9.9.9.json"),
        (("status", "--project", "vbx"), "there is no project 'vbx'"),
        (("extract", "nowhere.nwb"), "nowhere.nwb: is no file"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(vbn: Vbn, arguments: tuple[str, ...], says: str) -> None:
    answer = vbn(*arguments)
    assert answer.returncode == 2
    assert says in one_line(answer.stderr)


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("VBN_DATA_DIR", "/tmp/what[ever]", "takes for a pattern"),
        ("VBN_HOLD", "experience_level =", "the condition on ecephys_sessions cannot be understood"),
        ("VBN_HOLD", "1 = (SELECT count(*) FROM read_csv('/etc/hostname'))", "file system operations are disabled"),
        ("VBN_RELEASE_VBN", "9.9.9", "v9.9.9.json"),
        ("VBN_PROJECTS", "vbx", "there is no project 'vbx'"),
        ("VBN_POLL_SECONDS", "soon", "VBN_POLL_SECONDS cannot be read"),
        ("AWS_ENDPOINT_URL", "nowhere", "AWS_ENDPOINT_URL is no address"),
    ],
)
def test_a_setting_that_means_nothing_is_one_line_and_exit_code_2(
    vbn: Vbn, setting: str, value: str, says: str
) -> None:
    answer = replace(vbn, settings={setting: value})("sync", "--yes")
    assert answer.returncode == 2
    assert says in one_line(answer.stderr)


def test_an_unknown_option_is_wrong_usage(vbn: Vbn) -> None:
    answer = vbn("sync", "--nonsense")
    assert answer.returncode == 2
    assert "No such option: --nonsense" in answer.stderr


def test_a_bucket_out_of_reach_fails_in_one_line_and_debug_shows_the_trace(vbn: Vbn) -> None:
    nowhere = replace(vbn, endpoint="http://127.0.0.1:9")
    answer = nowhere("releases")
    assert answer.returncode == 1
    assert f"{VBN.bucket}: does not answer" in one_line(answer.stderr)
    debugged = replace(nowhere, settings={"VBN_DEBUG": "1"})("releases")
    assert debugged.returncode == 1
    assert "Traceback" in debugged.stderr


def test_sql_writes_every_format_and_reads_stdin(synced_vbn: Vbn, tmp_path: Path) -> None:
    vbn = synced_vbn
    query = "SELECT unit_id, structure_acronym FROM vbn.units ORDER BY unit_id LIMIT 2"
    table = vbn("sql", "-", stdin=query)
    assert table.returncode == 0
    assert "structure_acronym" in table.stdout
    listed = json.loads(vbn("sql", query, "--format", "json").stdout)
    parquet = tmp_path / "units.parquet"
    assert vbn("sql", query, "--format", "parquet", "--output", str(parquet)).returncode == 0
    assert pq.read_table(parquet).to_pylist() == listed
    csv = tmp_path / "units.csv"
    assert vbn("sql", query, "--output", str(csv)).returncode == 0
    assert csv.read_text().splitlines()[1:] == vbn.rows(query)
    unclear = vbn("sql", query, "--output", str(tmp_path / "units.txt"))
    assert unclear.returncode == 2
    assert "expected .csv .json .parquet" in one_line(unclear.stderr)
    nowhere = vbn("sql", query, "--format", "table", "--output", str(tmp_path / "nowhere" / "units.txt"))
    assert nowhere.returncode == 1
    assert "No such file or directory" in one_line(nowhere.stderr)
    assert [int(line.partition(",")[0]) for line in vbn.rows(query)] == [row["unit_id"] for row in listed]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "syntax error"),
        ("FROM vbn.trialss", 'Did you mean "trials"?'),
        ("CREATE TABLE vbn.mine AS SELECT 1", "read-only"),
    ],
)
def test_a_query_that_does_not_work_is_one_line(synced_vbn: Vbn, query: str, says: str) -> None:
    answer = synced_vbn("sql", query)
    assert answer.returncode == 2
    assert says in one_line(answer.stderr)


def test_a_file_on_disk_becomes_a_session_of_its_release_or_of_none(
    vbn: Vbn, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    file = sample_files["0.5.0", "ecephys_session", SESSIONS[0]]
    answer = vbn("extract", str(file))
    assert answer.returncode == 0, answer.stderr
    assert "of no known release" in answer.stderr
    assert ["trials", "15"] in [line.split()[:2] for line in answer.stdout.splitlines()]
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == [SESSIONS[0]]
    other = sample_files["0.5.0", "ecephys_session", SESSIONS[2]]
    assert vbn("sync", "--yes").returncode == 0
    assert "of release 0.5.0" in vbn("extract", str(other)).stderr


def test_what_cannot_be_done_yet_or_with_this_file_fails_in_one_line(vbn: Vbn, tmp_path: Path) -> None:
    answer = vbn("sql", "SELECT 1")
    assert answer.returncode == 1
    assert "there is no warehouse yet" in one_line(answer.stderr)
    other = tmp_path / "other.nwb"
    other.write_text("not HDF5")
    answer = vbn("extract", str(other))
    assert answer.returncode == 1
    assert "is not HDF5" in one_line(answer.stderr)


def test_a_rotten_file_and_a_lost_warehouse_are_made_good(vbn: Vbn) -> None:
    assert vbn("sync", "--sessions", SESSIONS[0], "--yes").returncode == 0
    assert vbn("scrub").returncode == 0
    assert "wrong bytes" not in vbn("status").stdout
    file = next(vbn.data.glob(f"mirror/**/ecephys_session_{SESSIONS[0]}.nwb"))
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(file, ns=(0, 0))
    answer = vbn("scrub")
    assert answer.returncode == 1
    assert str(file) in answer.stderr
    assert "1 file of the mirror" in answer.stderr.splitlines()[-1]
    assert "1 file with wrong bytes" in vbn("status").stdout
    assert vbn("sync", "--sessions", SESSIONS[0], "--yes").returncode == 0
    assert file.read_bytes() == good
    (vbn.data / "warehouse.duckdb").unlink()
    next(vbn.data.glob("lake/vbn/trials/*/*.parquet")).unlink()
    lost = vbn("publish")
    assert lost.returncode == 1
    assert "`vbn sync --sessions ID` makes anew" in one_line(lost.stderr)
    assert vbn("sync", "--sessions", SESSIONS[0], "--yes").returncode == 0
    assert vbn.rows("SELECT DISTINCT ecephys_session_id FROM vbn.trials") == [SESSIONS[0]]
