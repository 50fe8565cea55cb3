"""What Dagster adds to the work on a session: many trivial ones, asked for by `VBN_HOLD=all`, made by daemon and runs.

    python benchmarks/dagster_sessions.py [SESSIONS]

The clock runs from the release's being in the lake to the last session's; the work itself is measured after, by
making the same sessions in this process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from comparison import call, machine

from vbn_assets.pipeline import Workspace, extract_file, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import Sizes
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving.server import DagsterServer
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake

VERSION = "0.5.0"
SECONDS = 3600
"""After this long something is wrong."""


@contextmanager
def dagster(folder: Path, settings: Settings) -> Iterator[None]:
    """Code server and daemon, with a home of their own."""
    (folder / "logs").mkdir()
    environment = {
        "VBN_DATA_DIR": str(settings.data_dir),
        "VBN_PROJECTS": VBN.name,
        "VBN_HOLD": "all",
        "AWS_ENDPOINT_URL": str(settings.endpoint_url),
    }
    with DagsterServer(folder / "home", environment=environment, port=None, logs=folder / "logs"):
        yield


def wait_for(lake: Lake, kind: str, count: int) -> float:
    """The time at which the lake has so many records of a kind."""
    until = time.monotonic() + SECONDS
    while len(lake.records(kind)) < count:
        if time.monotonic() > until:
            sys.exit(f"{len(lake.records(kind))} of {count} {kind} records after {SECONDS} s")
        time.sleep(0.2)
    return time.monotonic()


def make_here(settings: Settings) -> None:
    workspace = Workspace(settings, VBN)
    refresh_release(workspace, VERSION)
    for file in workspace.files_about(workspace.release(VERSION), VBN.sessions).values():
        extract_file(workspace, workspace.mirror.fetch(file).path, file)


def main() -> None:
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 153
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generate(folder / "history", Sizes(), sessions=sessions)
        with SampleProcess(folder / "history") as server:
            settings = Settings(data_dir=folder / "data", projects=(VBN.name,), endpoint_url=server.endpoint)
            lake = Lake(settings.lake_dir, VBN.name)
            with dagster(folder, settings):
                started = wait_for(lake, "release", 1)
                seconds = wait_for(lake, VBN.session_kind, sessions) - started
            here = call(lambda: make_here(settings.model_copy(update={"data_dir": folder / "here"})))
    print(machine())
    each, work = seconds / sessions, here.seconds / sessions
    print(f"{sessions} sessions by Dagster: {seconds:.0f} s, {each:.1f} s each; the work itself {work:.2f} s each")
    print(f"Dagster adds {each - work:.1f} s a session (aim: <= 3 s)")


if __name__ == "__main__":
    main()
