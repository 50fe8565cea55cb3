"""The LFP file of one probe to the lake, against AllenSDK reading all of it into memory.

    python benchmarks/lfp_to_lake.py [FILE.nwb PROBE_ID PROBE_NAME]

Without a file one of 1.2 GB is generated, a quarter of a published one: what more there is takes as long again, and no
more memory. ALLENSDK_PYTHON names the Python of AllenSDK (docs/performance.md has the versions).
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path

from comparison import Row, Run, in_turns, process, show, warm
from comparison.enlarged import lfp_file
from comparison.peers import ALLENSDK, announce

SAMPLES = 3_000_000
BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.ecephys._probe import Probe, ProbeWithLFPMeta
lfp = ProbeWithLFPMeta(lfp_csd_filepath=sys.argv[1], lfp_sampling_rate=1250.0)
probe = Probe(id=int(sys.argv[2]), name=sys.argv[3], channels=None, units=None, lfp_meta=lfp)
probe.lfp; probe.current_source_density
"""


def extract(file: Path) -> Run:
    """The whole of `vbn extract` into an empty lake."""
    with tempfile.TemporaryDirectory(dir=file.parent) as data:
        script = "from vbn_assets.cli import main; main()"
        return process([sys.executable, "-c", script, "extract", file], {"VBN_DATA_DIR": data})


def main() -> None:
    announce(1.5, 2, ALLENSDK)
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            file, probe_id, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
        else:
            file, probe_id, name = lfp_file(Path(folder), SAMPLES)
        warm([file])
        sides = [partial(extract, file)]
        if python := ALLENSDK.program:
            reading = [python, "-W", "ignore", "-c", BY_ALLENSDK, file, str(probe_id), name]
            sides.append(partial(process, reading))
        ours, *theirs = in_turns(*sides, rounds=2)
        megabytes = file.stat().st_size / 1e6
        what = f"LFP file of {megabytes:,.0f} MB → lake"
        show([Row(what, "AllenSDK, get_lfp of all", next(iter(theirs), None), ours, ">= 150 MB/s")])
        print(f"ours: {megabytes / ours.seconds:,.0f} MB/s by the clock, start of the process and publishing included")


if __name__ == "__main__":
    main()
