"""Runs side by side under the dagster.yaml that is shipped: a real daemon, a process for each run, SQLite."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import Sizes
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving.server import DagsterServer

SESSIONS = 8
SECONDS = 600
"""Eight runs take a minute on two cores that have nothing else to do."""


def test_runs_side_by_side_make_every_session_and_lock_nobody_out(tmp_path: Path) -> None:
    generate(tmp_path / "history", Sizes(), sessions=SESSIONS)
    home = tmp_path / "home"
    with SampleProcess(tmp_path / "history") as s3:
        environment = {
            "VBN_DATA_DIR": str(tmp_path / "data"),
            "VBN_PROJECTS": VBN.name,
            "VBN_HOLD": "all",
            "AWS_ENDPOINT_URL": s3.endpoint,
        }
        with DagsterServer(home, environment=environment, port=None, logs=home / "logs") as server:
            runs = finished_runs(home, server)
    assert [run.dagster_run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * SESSIONS
    assert most_at_once(runs) > 2
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in files if b"database is locked" in path.read_bytes()] == []


def finished_runs(home: Path, server: DagsterServer) -> Sequence[dg.RunRecord]:
    """The sessions' runs, once as many as there are sessions have ended, well or badly."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    until = time.monotonic() + SECONDS
    with dg.DagsterInstance.from_config(str(home)) as instance:
        while time.monotonic() < until:
            server.require_running()
            runs = instance.get_run_records(dg.RunsFilter(job_name="mirror_vbn_sessions", statuses=ended))
            if len(runs) == SESSIONS:
                return runs
            time.sleep(0.5)
    raise AssertionError(f"{len(runs)} of {SESSIONS} runs have ended after {SECONDS} s")


def most_at_once(runs: Sequence[dg.RunRecord]) -> int:
    """How many of the runs worked at the same time, at most."""
    spans = [(run.start_time or 0.0, run.end_time or 0.0) for run in runs]
    return max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
