"""A notebook on one session of true size: the same calls by AllenSDK and by the client, each in a process of its own.

    python benchmarks/client.py [HISTORY]

HISTORY is a folder that `python -m vbn_assets.sample.generator` wrote; without one a session of 2.4 GB, 2,040 units and
97 million spikes is generated. Both sides open the same cache folder; the client has opened it once before, which is
the first row. AllenSDK runs where ALLENSDK_PYTHON says (docs/performance.md has the versions); without it only ours is
measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from comparison import Row, Run, process, show, warm
from comparison.peers import ALLENSDK, announce

from vbn_assets.projects import VBN
from vbn_assets.sample.history import read_history

OURS = "from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache"
THEIRS = (
    "from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_neuropixels_project_cache "
    "import VisualBehaviorNeuropixelsProjectCache"
)
NOTEBOOK = """
import json, sys, time
from pathlib import Path

steps, last = {}, (time.perf_counter(), time.process_time())

def done(step):
    global last
    steps[step] = time.perf_counter() - last[0], time.process_time() - last[1]
    last = time.perf_counter(), time.process_time()

IMPORT
done("import")
cache = VisualBehaviorNeuropixelsProjectCache.from_local_cache(sys.argv[1])
sessions = cache.get_ecephys_session_table(filter_abnormalities=False)
done("open the cache")
session = cache.get_ecephys_session(sessions.index[0])
session.trials, session.stimulus_presentations
units = session.get_units()
done("session, trials, presentations, units")
session.spike_times[units.index[len(units) // 2]]
done("spikes of one unit")
sum(len(times) for times in session.spike_times.values())
done("spikes of all units")
Path(sys.argv[2]).write_text(json.dumps(steps))
"""
AIMS = {
    "import": "<= 1 s",
    "session, trials, presentations, units": "<= 0.3 s",
    "spikes of one unit": "<= 0.02 s",
    "spikes of all units": "<= 1.5 s",
}


def generated(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "vbn_assets.sample.generator", str(folder), "--true-size"], check=True)
    return folder


def cache_folder(history: Path, folder: Path) -> Path:
    """The newest release of a history as AllenSDK's cache folder, its files as links."""
    release = read_history(history, VBN.bucket)[-1]
    for entries in (release.manifest["metadata_files"], release.manifest["data_files"]):
        for entry in entries.values():
            entry["version_id"] = "1"
    for stored in release.objects():
        place = folder / f"{VBN.s3_name}-{release.version}" / stored.key.partition("/")[2]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(stored.path.absolute())
        warm([stored.path])
    (folder / VBN.manifest_name(release.version)).write_text(json.dumps(release.manifest))
    return folder


def run(python: str, the_import: str, folder: Path) -> tuple[Run, dict[str, Run]]:
    """The whole process, and its steps."""
    steps = folder / "steps.json"
    whole = process([python, "-W", "ignore", "-c", NOTEBOOK.replace("IMPORT", the_import), str(folder), str(steps)])
    return whole, {step: Run(*seconds) for step, seconds in json.loads(steps.read_text()).items()}


def main() -> None:
    announce(2, 5, ALLENSDK)
    with tempfile.TemporaryDirectory() as scratch:
        history = Path(sys.argv[1]) if len(sys.argv) > 1 else generated(Path(scratch) / "history")
        ours = partial(run, sys.executable, OURS, cache_folder(history, Path(scratch) / "cache"))
        first, _ = ours()
        again, steps = ours()
        python = ALLENSDK.program
        whole, their_steps = run(python, THEIRS, ours.args[2]) if python else (None, {})
        rows = [Row("all of it, the first time (reads the file into the lake)", "AllenSDK", whole, first)]
        rows += [Row("all of it, from then on", "AllenSDK", whole, again)]
        rows += [
            Row(f"  {step}", "AllenSDK", their_steps.get(step), taken, AIMS.get(step, ""))
            for step, taken in steps.items()
        ]
        show(rows)


if __name__ == "__main__":
    main()
