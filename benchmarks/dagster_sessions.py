"""What Dagster adds to the work on a file: many trivial ones, wanted by the settings, made by daemon and runs.

    python benchmarks/dagster_sessions.py [SESSIONS]
    python benchmarks/dagster_sessions.py --behavior [FILES]

Sessions are VBN's, a run each; behavior files are VBO's, in batches. The clock runs from the release's being in the
lake to the last file's; the work itself is measured after, by making the same files in this process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from comparison import call, machine
from comparison.behavior_files import write_behavior_release
from comparison.peers import announce

from vbn_assets.pipeline import Workspace, refresh_release
from vbn_assets.projects import VBN, VBO, FileKind, Project
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import Sizes
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving.server import DagsterServer
from vbn_assets.settings import Settings
from vbn_assets.sync import Silent, make_sessions
from vbn_assets.warehouse.lake import Lake

SECONDS = 3600
"""After this long something is wrong."""


@dataclass(frozen=True)
class Case:
    """Files of one kind, and how much of their time may be Dagster's."""

    project: Project
    kind: FileKind
    setting: str
    """The variable that asks for all of them."""
    files: int
    aim: float

    def write_history(self, folder: Path) -> str:
        """A release with the files; its version."""
        if self.kind is VBN.sessions:
            return generate(folder, Sizes(), sessions=self.files)[0].version
        return write_behavior_release(folder, self.files)


def asked_for() -> Case:
    parser = argparse.ArgumentParser(description="What Dagster adds to the work on a file.")
    parser.add_argument("--behavior", action="store_true", help="behavior files in batches instead of sessions")
    parser.add_argument("files", nargs="?", type=int, help="how many (153 sessions, 1,000 behavior files)")
    given = parser.parse_args()
    if given.behavior:
        return Case(VBO, VBO.kind("behavior_session"), "VBN_HOLD_BEHAVIOR", given.files or 1000, aim=0.5)
    return Case(VBN, VBN.sessions, "VBN_HOLD", given.files or 153, aim=3)


@contextmanager
def dagster(folder: Path, case: Case, settings: Settings) -> Iterator[None]:
    """Code server and daemon, with a home of their own."""
    environment = {
        "VBN_DATA_DIR": str(settings.data_dir),
        "VBN_PROJECTS": case.project.name,
        case.setting: "all",
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


def make_here(case: Case, version: str, settings: Settings) -> None:
    workspace = Workspace(settings, case.project)
    refresh_release(workspace, version)
    files = workspace.files_about(workspace.release(version), case.kind).values()
    for outcome in make_sessions(workspace, list(files), Silent()):
        if outcome.error:
            raise outcome.error


def main() -> None:
    case = asked_for()
    announce(round(case.files * case.aim / 60 + 2), 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        version = case.write_history(folder / "history")
        with SampleProcess(folder / "history") as server:
            settings = Settings(data_dir=folder / "data", projects=(case.project.name,), endpoint_url=server.endpoint)
            lake = Lake(settings.lake_dir, case.project.name)
            with dagster(folder, case, settings):
                started = wait_for(lake, "release", 1)
                seconds = wait_for(lake, case.kind.name, case.files) - started
            here = call(lambda: make_here(case, version, settings.model_copy(update={"data_dir": folder / "here"})))
    print(machine())
    each, work = seconds / case.files, here.seconds / case.files
    print(
        f"{case.files} {case.kind.plural} by Dagster: {seconds:.0f} s, {each:.2f} s each; the work itself {work:.2f} s"
    )
    print(f"Dagster adds {each - work:.2f} s to each (aim: <= {case.aim} s)")


if __name__ == "__main__":
    main()
