"""One session of true size from its NWB file to the lake, against AllenSDK opening the same file.

    python benchmarks/session_to_lake.py [FILE.nwb]

Without a file one is generated: 2.4 GB, 2,040 units, 97 million spikes. AllenSDK runs where ALLENSDK_PYTHON says,
an environment of its own (Python 3.10; docs/performance.md has the versions); without it only ours is measured.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

OPEN_BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.ecephys.behavior_ecephys_session import BehaviorEcephysSession
session = BehaviorEcephysSession.from_nwb_path(sys.argv[1])
session.get_units(); session.get_channels(); session.trials; session.stimulus_presentations
session.spike_times; session.spike_amplitudes; session.mean_waveforms; session.running_speed; session.licks
"""


@dataclass(frozen=True)
class Measured:
    what: str
    seconds: float
    megabytes: int


def measure(what: str, command: list[str], **environment: str) -> Measured:
    """Wall time and peak memory of a whole process."""
    started = time.monotonic()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{what} failed")
    return Measured(what, time.monotonic() - started, usage.ru_maxrss >> (20 if sys.platform == "darwin" else 10))


def generated(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "vbn_assets.sample.generator", str(folder), "--true-size"], check=True)
    return next(folder.rglob("ecephys_session_*.nwb"))


def warm(file: Path) -> None:
    """Read it once, so that both find it in the page cache."""
    with file.open("rb") as bytes_of_it:
        while bytes_of_it.read(1 << 24):
            pass


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(sys.argv[1]) if len(sys.argv) > 1 else generated(Path(scratch))
        warm(file)
        script = "from vbn_assets.cli import main; main()"
        measured = [
            measure("ours", [sys.executable, "-c", script, "extract", str(file)], VBN_DATA_DIR=f"{scratch}/data")
        ]
        if peer := os.environ.get("ALLENSDK_PYTHON"):
            measured.append(measure("AllenSDK", [peer, "-W", "ignore", "-c", OPEN_BY_ALLENSDK, str(file)]))
        print(f"{file.stat().st_size / 1e6:,.0f} MB, {os.cpu_count()} cores")
        print(f"{'':10} {'seconds':>9} {'MB':>7}")
        for row in measured:
            print(f"{row.what:10} {row.seconds:9.1f} {row.megabytes:7}")
        if len(measured) == 2:
            ours, theirs = measured
            ratio, memory = theirs.seconds / ours.seconds, theirs.megabytes / ours.megabytes
            print(f"{'ratio':10} {ratio:8.1f}x {memory:6.1f}x")


if __name__ == "__main__":
    main()
