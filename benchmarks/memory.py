"""Whether one process may extract session after session: its peak memory after twenty of them, against after one.

    python benchmarks/memory.py [SESSIONS]

The session has a hundredth of the true spikes and a twentieth of the units; all else is as in a real one. Each goes
to a lake of its own, which is removed again.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from comparison import machine
from comparison.peers import announce

from vbn_assets.pipeline import Workspace, extract_unreleased
from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import TRUE_SIZE
from vbn_assets.settings import Settings

SIZES = replace(TRUE_SIZE, units=100, spikes=1_000_000)


def extract(file: Path) -> float:
    """Extract the file; the peak of this process's memory so far, MB."""
    with tempfile.TemporaryDirectory(dir=file.parent) as data:
        extract_unreleased(Workspace(Settings(data_dir=Path(data), projects=("vbn",)), VBN), file)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main() -> None:
    announce(1, 0.6)
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder), SIZES)
        file = next(Path(folder).rglob("*.nwb"))
        print(machine())
        first = peak = extract(file)
        for number in range(2, sessions + 1):
            peak = extract(file)
            print(f"{number} sessions: {peak:,.0f} MB", flush=True)
    print(f"{first:,.0f} MB after the first, {peak / first:.2f} x after {sessions} (aim: <= 1.1 x)")


if __name__ == "__main__":
    main()
