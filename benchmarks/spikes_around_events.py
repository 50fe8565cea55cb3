"""Spikes around events of one session as SQL, against the loop that one writes with AllenSDK and numpy.

    python benchmarks/spikes_around_events.py [FOLDER]

FOLDER has a history made by `python -m vbn_assets.sample.generator FOLDER`, and keeps what is made of it; without one
a session of true size is made: 2.4 GB, 2,040 units, 97 million spikes. AllenSDK runs where ALLENSDK_PYTHON says; where
it is not, the loop runs over arrays from the lake, and there is nothing to open. The answers have to be equal.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from comparison import Row, Run, call, in_turns, show, warm
from comparison.held import hold
from comparison.peers import ALLENSDK, announce
from numpy.typing import NDArray

from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import TRUE_SIZE
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse

LOOP = """
import json, sys, time
import numpy as np

def clocks():
    return np.array([time.monotonic(), time.process_time()])

def since(started):
    return (clocks() - started).tolist()

def counts(spike_times, event_times, before, after, bin_width):
    bins = int((before + after) / bin_width + 1e-9)
    edges = event_times[:, None] + (np.arange(bins + 1) * bin_width - before)
    return {unit: np.diff(np.searchsorted(times, edges)) for unit, times in spike_times.items()}

def answer(spike_times, event_times, window, summed):
    started = clocks()
    found = counts(spike_times, np.asarray(event_times), *window)
    if summed:
        found = {unit: of_unit.sum(axis=0) for unit, of_unit in found.items()}
    seconds = since(started)
    return seconds, np.concatenate([found[unit].ravel() for unit in sorted(found)])
"""
"""What a notebook does; run here or in AllenSDK's environment."""

BY_ALLENSDK = """
from allensdk.brain_observatory.ecephys.behavior_ecephys_session import BehaviorEcephysSession
started = clocks()
session = BehaviorEcephysSession.from_nwb_path(sys.argv[1])
spike_times = session.spike_times
opened = since(started)
loops = []
for number, question in enumerate(json.load(open(sys.argv[2]))):
    seconds, found = answer(spike_times, **question)
    np.save(f"{sys.argv[2]}.{number}.npy", found)
    loops.append(seconds)
print(json.dumps({"opened": opened, "loops": loops}))
"""


@dataclass(frozen=True)
class Question:
    what: str
    events: str
    """Condition on the presentations."""
    window: tuple[float, float, float]
    """Before, after and bin width, s."""
    summed: bool = True
    """Over the events, as a PSTH is."""

    @property
    def sql(self) -> str:
        macro = "psth" if self.summed else "spike_counts"
        return f"""
            WITH events AS (
                SELECT ecephys_session_id, start_time AS event_time FROM vbn.stimulus_presentations WHERE {self.events}
            )
            SELECT {self.columns}, spike_count FROM vbn.{macro}(events, {", ".join(map(str, self.window))})
        """

    @property
    def columns(self) -> str:
        """What the counts are by, in the order of the loop's."""
        return "unit_id, bin" if self.summed else "unit_id, event_time, bin"


QUESTIONS = (
    Question("each unit's spikes in 250 ms after each change and flash", "active", (0.0, 0.25, 0.25), summed=False),
    Question("each unit's PSTH around changes, 250 bins of 10 ms", "active AND is_change", (1.0, 1.5, 0.01)),
    Question("each unit's PSTH around changes and flashes, 50 bins of 10 ms", "active", (0.1, 0.4, 0.01)),
)


@dataclass(frozen=True)
class Peer:
    """The loop's times and answers."""

    opened: Run | None
    loops: list[Run]
    counts: list[NDArray[np.int64]]


def ask(warehouse: Path, question: Question) -> None:
    """The whole answer as an Arrow table, from a connection opened for it."""
    with open_warehouse(warehouse) as con:
        con.sql(question.sql).to_arrow_table()


def counts(warehouse: Path, question: Question) -> NDArray[np.int64]:
    with open_warehouse(warehouse) as con:
        ordered = con.execute(f"SELECT spike_count FROM ({question.sql}) ORDER BY {question.columns}").fetchnumpy()
    return np.asarray(ordered["spike_count"])


def asked_of_peer(warehouse: Path) -> list[dict[str, Any]]:
    """The questions with the times of their events, in order."""
    with open_warehouse(warehouse) as con:
        times = "SELECT start_time FROM vbn.stimulus_presentations WHERE {} ORDER BY start_time"
        return [
            {
                "event_times": [time for (time,) in con.execute(times.format(question.events)).fetchall()],
                "window": question.window,
                "summed": question.summed,
            }
            for question in QUESTIONS
        ]


def by_allensdk(python: str, file: Path, warehouse: Path, scratch: Path) -> Peer:
    questions = scratch / "questions.json"
    questions.write_text(json.dumps(asked_of_peer(warehouse)))
    command = [python, "-W", "ignore", "-c", LOOP + BY_ALLENSDK, str(file), str(questions)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout.splitlines()[-1])
    found = [np.load(f"{questions}.{number}.npy") for number in range(len(QUESTIONS))]
    return Peer(Run(*said["opened"]), [Run(*seconds) for seconds in said["loops"]], found)


def by_numpy(warehouse: Path) -> Peer:
    """The same loop over the same arrays, which are read beforehand: nothing is opened."""
    loop: dict[str, Any] = {}
    exec(LOOP, loop)
    with open_warehouse(warehouse) as con:
        spikes = con.execute("SELECT unit_id, spike_time FROM vbn.spike_times ORDER BY ALL").fetchnumpy()
    units, firsts = np.unique(spikes["unit_id"], return_index=True)
    spike_times = dict(zip(units.tolist(), np.split(spikes["spike_time"], firsts[1:]), strict=True))
    answers = [loop["answer"](spike_times, **question) for question in asked_of_peer(warehouse)]
    return Peer(None, [Run(*seconds) for seconds, _ in answers], [found for _, found in answers])


def _together(first: Run, second: Run) -> Run:
    return Run(first.seconds + second.seconds, (first.processor or 0) + (second.processor or 0))


def main() -> None:
    announce(3, 5, ALLENSDK)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch)
        if len(sys.argv) < 2:
            generate(folder, TRUE_SIZE)
        settings = Settings(data_dir=folder / "data", projects=("vbn",))
        (file,) = hold(folder, settings)
        warehouse = settings.warehouse_path
        warm([file, *settings.lake_dir.rglob("*.parquet")])
        python = ALLENSDK.program
        peer = by_allensdk(python, file, warehouse, Path(scratch)) if python else by_numpy(warehouse)
        rows = []
        for question, loop, expected in zip(QUESTIONS, peer.loops, peer.counts, strict=True):
            if not np.array_equal(counts(warehouse, question), expected):
                sys.exit(f"{question.what}: the answers differ")
            (run,) = in_turns(partial(call, partial(ask, warehouse, question)))
            if peer.opened:
                rows.append(Row(question.what, "AllenSDK's open + loop", _together(peer.opened, loop), run, ">= 20 x"))
            rows.append(Row(question.what, "the loop alone", loop, run, ">= 1 x"))
        show(rows)


if __name__ == "__main__":
    main()
