"""One question to twenty sessions: the mean firing of good units in VISp around changes, against twenty opens.

    python benchmarks/twenty_sessions.py [--true-size] [FOLDER]

20 sessions of 400 to 500 MB are made: 1,000 units and 20 million spikes each; with --true-size, of 2.4 GB. Each file
goes into the lake as it is made, and only the first OPENED stay: 37 GB at true size, in a quarter of an hour. A FOLDER
keeps what is made; it may have a history made by `python -m vbn_assets.sample.generator FOLDER` already.
ALLENSDK_PYTHON and LAZYNWB_PYTHON say where the peers are; they read the files that stay, and their time is counted for
all. The answers have to be equal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from comparison import Row, Run, call, in_turns, show
from comparison.held import hold
from comparison.peers import ALLENSDK, LAZYNWB, announce

from vbn_assets.pipeline import Workspace, extract_unreleased, require_sound
from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.history import StoredObject
from vbn_assets.sample.plan import TRUE_SIZE, Sizes
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse

SESSIONS, OPENED = 20, 3
SIZES = replace(TRUE_SIZE, channels=64, units=1_000, spikes=20_000_000, image_shape=None)
BEFORE, AFTER, BIN_WIDTH = 1.0, 1.5, 0.01

QUESTION = f"""
    WITH changes AS (
        SELECT ecephys_session_id, start_time AS event_time FROM vbn.stimulus_presentations WHERE active AND is_change
    ),
    good AS (
        SELECT unit_id FROM vbn.units
        WHERE structure_acronym = 'VISp' AND snr > 1 AND isi_violations < 1 AND firing_rate > 0.1
    )
    SELECT ecephys_session_id, unit_id, bin, spike_count
    FROM vbn.psth(changes, {BEFORE}, {AFTER}, {BIN_WIDTH}, units := good)
    ORDER BY ALL
"""

LOOP = """
import json, sys, time
import numpy as np
before, after, bin_width, *files = json.loads(sys.argv[1])
edges = np.arange(int((before + after) / bin_width + 1e-9) + 1) * bin_width - before
found = {}

def clocks():
    return np.array([time.monotonic(), time.process_time()])

def count(unit, spike_times, changes):
    counts = np.diff(np.searchsorted(spike_times, np.asarray(changes)[:, None] + edges))
    found[int(unit)] = counts.sum(axis=0).tolist()
"""
"""What a notebook does with either peer."""

BY_ALLENSDK = """
from allensdk.brain_observatory.ecephys.behavior_ecephys_session import BehaviorEcephysSession
started = clocks()
for file in files:
    session = BehaviorEcephysSession.from_nwb_path(file)
    channels = session.get_channels()
    units = session.get_units().merge(channels[["structure_acronym"]], left_on="peak_channel_id", right_index=True)
    good = units.query("structure_acronym == 'VISp' and snr > 1 and isi_violations < 1 and firing_rate > 0.1")
    shown = session.stimulus_presentations
    changes = shown[shown.active.eq(True) & shown.is_change.eq(True)].start_time.values
    spike_times = session.spike_times
    for unit in good.index:
        count(unit, spike_times[unit], changes)
print(json.dumps({"seconds": (clocks() - started).tolist(), "found": found}))
"""

BY_LAZYNWB = """
import lazynwb, polars
started = clocks()
electrodes = lazynwb.scan_nwb(files, "/general/extracellular_ephys/electrodes")
channels = electrodes.filter(polars.col("location") == "VISp").select("id").collect()["id"]
good = (polars.col("snr") > 1) & (polars.col("isi_violations") < 1) & (polars.col("firing_rate") > 0.1)
here = polars.col("peak_channel_id").is_in(channels.to_list())
units = lazynwb.scan_nwb(files, "/units").filter(good & here).select("id", "spike_times", "_nwb_path").collect()
for unit, spike_times, path in units.iter_rows():
    change_times = json.loads(sys.argv[2])
    count(unit, spike_times, change_times[str(path)])
print(json.dumps({"seconds": (clocks() - started).tolist(), "found": found}))
"""
"""It knows no presentations, which are in one table for each stimulus: it is given the times of the changes."""


def ask(warehouse: Path) -> dict[int, list[int]]:
    """The counts by unit."""
    with open_warehouse(warehouse) as con:
        answer = con.sql(QUESTION).to_arrow_table()
    return _by_unit(answer["unit_id"].to_pylist(), answer["spike_count"].to_pylist())


def _by_unit(units: list[int], counts: list[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for unit, count in zip(units, counts, strict=True):
        found.setdefault(unit, []).append(count)
    return found


def asked(python: str, script: str, files: list[Path], *arguments: str) -> tuple[Run, dict[int, list[int]]]:
    """The peer's time for the files, without its imports, and the counts by unit."""
    window = json.dumps([BEFORE, AFTER, BIN_WIDTH, *map(str, files)])
    command = [python, "-W", "ignore", "-c", LOOP + script, window, *arguments]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    answer = json.loads(said.stdout.splitlines()[-1])
    return Run(*answer["seconds"]), {int(unit): counts for unit, counts in answer["found"].items()}


def change_times(warehouse: Path, files: list[Path]) -> dict[str, list[float]]:
    query = (
        "SELECT list(start_time ORDER BY start_time) FROM vbn.stimulus_presentations "
        "WHERE active AND is_change AND ecephys_session_id = ?"
    )
    with open_warehouse(warehouse) as con:
        return {str(file): con.execute(query, [file.stem.rpartition("_")[2]]).fetchall()[0][0] for file in files}


def peers(warehouse: Path, files: list[Path]) -> Iterator[tuple[str, Run, dict[int, list[int]]]]:
    """Each peer that is there, its time for the files, and the counts of the units it was asked for."""
    if python := ALLENSDK.program:
        yield "AllenSDK", *asked(python, BY_ALLENSDK, files)
    if python := LAZYNWB.program:
        yield "lazynwb", *asked(python, BY_LAZYNWB, files, json.dumps(change_times(warehouse, files)))


def make(folder: Path, settings: Settings, sizes: Sizes) -> None:
    """A history of sessions that are in the lake; the files of the first OPENED stay."""
    workspace = Workspace(settings, VBN)
    held: list[Path] = []

    def into_lake(made: StoredObject) -> None:
        require_sound(extract_unreleased(workspace, made.path))
        held.append(made.path)
        if len(held) > OPENED:
            made.path.unlink()

    generate(folder, sizes, sessions=SESSIONS, each=into_lake)


def measure(folder: Path, sizes: Sizes) -> list[Row]:
    settings = Settings(data_dir=folder / "data", projects=("vbn",))
    if not (folder / VBN.bucket).exists():
        make(folder, settings, sizes)
    sessions = hold(folder, settings)
    opened = [file for file in sessions if file.exists()][:OPENED]
    warehouse = settings.warehouse_path
    counts = ask(warehouse)
    (ours,) = in_turns(partial(call, partial(ask, warehouse)))
    what = f"PSTH of {len(counts)} good VISp units around changes, {len(sessions)} sessions"
    share = len(sessions) / len(opened)
    rows = []
    for peer, run, expected in peers(warehouse, opened):
        if any(counts[unit] != of_unit for unit, of_unit in expected.items()):
            sys.exit(f"{peer}: the answers differ")
        theirs = Run(run.seconds * share, (run.processor or 0) * share)
        rows.append(Row(what, f"{peer} ({len(opened)} opened)", theirs, ours, ">= 100 x" if peer == "AllenSDK" else ""))
    return rows or [Row(what, "-", None, ours)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--true-size", action="store_true", help="sessions of 2.4 GB")
    parser.add_argument("folder", type=Path, nargs="?", help="keeps what is made")
    given = parser.parse_args()
    announce(*((20, 45) if given.true_size else (5, 10)), ALLENSDK, LAZYNWB)
    with tempfile.TemporaryDirectory() as scratch:
        show(measure(given.folder or Path(scratch), TRUE_SIZE if given.true_size else SIZES))


if __name__ == "__main__":
    main()
