"""Runs side by side under the dagster.yaml that is shipped: a real daemon, a process for each run, SQLite."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import Sizes
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving.server import DagsterServer

SESSIONS = 8
SIDE_BY_SIDE = 4
"""As many as the queue of dagster.yaml lets start."""
SECONDS = 600
"""Eight runs take a minute on two cores that have nothing else to do."""
ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE)


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
        with (
            DagsterServer(home, environment=environment, port=None, logs=home / "logs") as server,
            dg.DagsterInstance.from_config(str(home)) as instance,
        ):
            wait_for(server, lambda: session_runs(instance))
            with held(s3.pid):
                wait_for(server, lambda: len(session_runs(instance, dg.DagsterRunStatus.STARTED)) == SIDE_BY_SIDE)
            wait_for(server, lambda: len(session_runs(instance, *ENDED)) >= SESSIONS)
            runs = session_runs(instance, *ENDED)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert len({run.tags["dagster/partition"] for run in runs}) == SESSIONS
    files = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in files if b"database is locked" in path.read_bytes()] == []


@contextmanager
def held(pid: int) -> Iterator[None]:
    """The process stands still: whoever asks it for something waits, and others come up to them."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def wait_for(server: DagsterServer, done: Callable[[], object]) -> None:
    until = time.monotonic() + SECONDS
    while not done():
        server.require_running()
        assert time.monotonic() < until, f"not so after {SECONDS} s"
        time.sleep(0.2)


def session_runs(instance: dg.DagsterInstance, *statuses: dg.DagsterRunStatus) -> Sequence[dg.DagsterRun]:
    """The runs that make sessions: those of the statuses, or all."""
    return instance.get_runs(dg.RunsFilter(job_name="mirror_vbn_sessions", statuses=statuses or None))
