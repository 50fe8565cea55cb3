"""The file of one session without probes to the lake, against AllenSDK opening it and reading every attribute.

    python benchmarks/behavior_session_to_lake.py [FILE.nwb]

Without a file one of 169 MB is generated, nearly all of it images. The first file that a process reads costs what
importing Arrow, h5py and DuckDB takes; the next ones do not. ALLENSDK_PYTHON names the Python of AllenSDK
(docs/performance.md has the versions).
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from comparison import Row, Run, call, in_turns, process, show, warm
from comparison.enlarged import behavior_session_file
from comparison.peers import ALLENSDK, announce

from vbn_assets.pipeline import Workspace, extract_unreleased
from vbn_assets.projects import VBN
from vbn_assets.settings import Settings

BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.behavior.behavior_session import BehaviorSession
session = BehaviorSession.from_nwb_path(sys.argv[1])
for name in session.list_data_attributes_and_methods():
    value = getattr(session, name)
    if callable(value):
        value()
"""
FIRST = "import sys; from pathlib import Path; from behavior_session_to_lake import extract; extract(Path(sys.argv[1]))"


def extract(file: Path) -> None:
    """All tables and images of the file, into an empty lake."""
    with tempfile.TemporaryDirectory(dir=file.parent) as data:
        extract_unreleased(Workspace(Settings(data_dir=Path(data)), VBN), file)


def first(file: Path) -> Run:
    """In a process of its own, its start included."""
    return process(
        [sys.executable, "-c", FIRST, file], {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    )


def main() -> None:
    announce(0.5, 0.5, ALLENSDK)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else behavior_session_file(Path(folder))
        warm([file])
        sides = [partial(first, file)]
        if python := ALLENSDK.program:
            sides.append(partial(process, [python, "-W", "ignore", "-c", BY_ALLENSDK, file]))
        ours_first, *theirs = in_turns(*sides)
        extract(file)
        (ours_next,) = in_turns(partial(call, partial(extract, file)))
        what = f"behavior session file of {file.stat().st_size / 1e6:,.0f} MB → lake"
        peer = next(iter(theirs), None)
        show(
            [
                Row(f"{what}, whole process", "AllenSDK", peer, ours_first, "<= 1.5 s"),
                Row(f"{what}, not the first of its process", "AllenSDK", peer, ours_next, "<= 1.5 s"),
            ]
        )


if __name__ == "__main__":
    main()
