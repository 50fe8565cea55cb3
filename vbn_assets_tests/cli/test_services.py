"""`vbn run` and `vbn demo`: what they start is there, and gone when they end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import urllib.request
from dataclasses import replace
from pathlib import Path

import dagster as dg
import psutil
import pytest

from vbn_assets.demo import MARK
from vbn_assets.serving.report import report_lost_runs
from vbn_assets_tests.cli.conftest import Vbn

LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, query: str) -> dict[str, object]:
    body = json.dumps({"query": query}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, object] = json.load(response)["data"]
    return answer


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr
    said = ""
    for line in process.stderr:
        said += line
        if text in line:
            return
    pytest.fail(f"ended without saying {text!r}:\n{said}")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGKILL, -9)])
def test_run_serves_dagster_and_leaves_nothing_however_it_ends(
    vbn: Vbn, port: int, number: signal.Signals, code: int
) -> None:
    with vbn.start("run", "--port", str(port)) as process:
        wait_for_line(process, f"Dagster is at http://localhost:{port}")
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 4  # three of Dagster's and the guard
        assert (vbn.data / "dagster" / "dagster.yaml").exists()
        assert "vbn_assets" in json.dumps(ask(port, LOCATIONS))
        second = vbn("run", "--port", str(port + 1))
        assert second.returncode == 1
        assert "another `vbn run`" in second.stderr
        process.send_signal(number)
        assert process.wait(60) == code
        _, alive = psutil.wait_procs(started, timeout=30)
        assert alive == []
    assert is_free(port)


def test_a_taken_port_is_one_line(vbn: Vbn) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = vbn("run", "--port", str(port))
    assert answer.returncode == 1
    assert answer.stderr.splitlines()[-1].startswith(f"vbn: cannot listen on 127.0.0.1:{port}: Address already in use")


def test_a_demo_replaces_nothing_that_is_not_a_demos(vbn: Vbn, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    answer = vbn("demo", "--no-ui", "--data", str(tmp_path))
    assert answer.returncode == 2
    assert "is not empty and was not made by a demo" in answer.stderr
    assert (tmp_path / "thesis.tex").read_text() == "ten years of work"


def test_a_demo_that_cannot_start_leaves_the_one_before(vbn: Vbn, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    (folder / "dagster").mkdir(parents=True)
    (folder / MARK).touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = vbn("demo", "--data", str(folder), "--port", str(taken.getsockname()[1]))
    assert answer.returncode == 1
    assert "cannot listen" in answer.stderr
    assert (folder / MARK).exists()


def test_runs_that_died_with_their_server_are_failed_so_that_they_are_retried(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS):
            instance.add_run(dg.DagsterRun(job_name="mirror_vbn_sessions", status=status))
    assert report_lost_runs(home) == 1
    with dg.DagsterInstance.from_config(str(home)) as instance:
        statuses = {run.status for run in instance.get_runs()}
    assert statuses == {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.SUCCESS}


def test_sync_tells_dagster_what_it_made(vbn: Vbn, tmp_path: Path) -> None:
    home = tmp_path / "dagster"  # which nobody made yet
    vbn = replace(vbn, settings={"DAGSTER_HOME": str(home)})
    assert vbn("sync", "--sessions", "1100000103", "--yes").returncode == 0
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_dynamic_partitions("vbn_ecephys_sessions") == ["1100000103"]
        for table in ("session_nwb", "trials", "spike_times"):
            event = instance.get_latest_materialization_event(dg.AssetKey(["vbn", table]))
            assert event
            assert event.asset_materialization
            assert event.asset_materialization.partition == "1100000103"
            tags = event.asset_materialization.tags or {}
            assert len(tags["dagster/data_version"].partition("-")[0]) == 128


def test_sync_tells_dagster_of_other_kinds_by_their_own_partitions(vbn: Vbn, tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    vbn = replace(vbn, settings={"DAGSTER_HOME": str(home)})
    assert vbn("sync", "--sessions", "1100000102", "1100000213", "--lfp", "--yes").returncode == 0
    made = {"behavior_session_tables": "1100000213", "probe_lfp_nwb": "1100000303", "lfp": "1100000303"}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_dynamic_partitions("vbn_probes") == ["1100000303"]
        for asset, partition in made.items():
            event = instance.get_latest_materialization_event(dg.AssetKey(["vbn", asset]))
            assert event
            assert event.asset_materialization
            assert event.asset_materialization.partition == partition
