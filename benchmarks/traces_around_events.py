"""Every cell's ΔF/F around every flash of a session's planes as SQL, against the loop that one writes with numpy.

    python benchmarks/traces_around_events.py [PLANES]

PLANES (by default 4) imaging planes of true size are generated, of one session. The loop interpolates each cell's trace
at the same moments, in memory; AllenSDK's open before it is measured where ALLENSDK_PYTHON says. The answers have to be
equal, to the bit.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from comparison import Row, Run, call, in_turns, process, show, warm
from comparison.peers import ALLENSDK, announce
from numpy.typing import NDArray

from vbn_assets.pipeline import Workspace, extract_unreleased, require_sound
from vbn_assets.projects import VBO
from vbn_assets.sample.plane_file import TRUE_PLANE, PlaneIds, write_plane
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish

IDS = PlaneIds(1400000001, 1410000001, 1420000001, 1430000001, 800001)
BEFORE, AFTER, STEP = 0.75, 1.5, 0.1
FLASHES = "SELECT behavior_session_id, start_time AS event_time FROM vbo.stimulus_presentations WHERE active"
ANSWER = (
    f"WITH flashes AS ({FLASHES}) "
    f"SELECT cell_roi_id, event_time, time, dff FROM vbo.dff_around(flashes, {BEFORE}, {AFTER}, {STEP})"
)
BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment
for path in sys.argv[1:]:
    plane = BehaviorOphysExperiment.from_nwb_path(path)
    plane.dff_traces, plane.ophys_timestamps, plane.stimulus_presentations
"""
Traces = list[tuple[NDArray[np.float64], list[NDArray[np.float64]]]]
"""Times of each plane, and the traces of its cells."""


def generated(folder: Path, planes: int, settings: Settings) -> list[Path]:
    """Planes of one session, held and published."""
    paths = []
    for number in range(planes):
        ids = replace(IDS, ophys_experiment_id=IDS.ophys_experiment_id + number)
        paths.append(folder / f"behavior_ophys_experiment_{ids.ophys_experiment_id}.nwb")
        write_plane(paths[-1], ids, TRUE_PLANE, seed=number)
        require_sound(extract_unreleased(Workspace(settings, VBO), paths[-1]))
    publish(settings)
    return paths


def ask(warehouse: Path) -> None:
    with open_warehouse(warehouse) as con:
        con.sql(ANSWER).to_arrow_table()


def in_memory(warehouse: Path) -> tuple[Traces, NDArray[np.float64]]:
    """What the loop has to begin with: the traces by plane, and when the flashes were."""
    traces: Traces = []
    with open_warehouse(warehouse) as con:
        planes = con.sql("SELECT DISTINCT ophys_experiment_id FROM vbo.ophys_timestamps ORDER BY ALL").fetchall()
        for (plane,) in planes:
            times = con.execute(
                "SELECT timestamps FROM vbo.ophys_timestamps WHERE ophys_experiment_id = ? ORDER BY frame", [plane]
            ).fetchnumpy()["timestamps"]
            rows = con.execute(
                "SELECT dff FROM vbo.dff_traces WHERE ophys_experiment_id = ? ORDER BY cell_roi_id", [plane]
            ).fetchall()
            traces.append((np.asarray(times), [np.array(row, float) for (row,) in rows]))
        flashes = con.execute(f"SELECT event_time FROM ({FLASHES}) ORDER BY ALL").fetchnumpy()["event_time"]
    return traces, np.asarray(flashes)


def loop(traces: Traces, flashes: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    moments = flashes[:, None] + (np.arange(int((BEFORE + AFTER) / STEP + 1e-9) + 1) * STEP - BEFORE)
    return [
        np.interp(moments, times, trace, left=np.nan, right=np.nan) for times, of_plane in traces for trace in of_plane
    ]


def main() -> None:
    announce(1, 2, ALLENSDK)
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(data_dir=Path(name) / "data", projects=(VBO.name,))
        files = generated(Path(name), int(sys.argv[1]) if len(sys.argv) > 1 else 4, settings)
        warm([*files, *settings.lake_dir.rglob("*.parquet")])
        traces, flashes = in_memory(settings.warehouse_path)
        with open_warehouse(settings.warehouse_path) as con:
            ordered = con.execute(f"SELECT dff FROM ({ANSWER}) ORDER BY cell_roi_id, event_time, time").fetchnumpy()
        wanted = np.concatenate([of_cell.ravel() for of_cell in loop(traces, flashes)])
        if not np.array_equal(np.ma.filled(ordered["dff"], np.nan), wanted, equal_nan=True):
            sys.exit("the answers differ")
        ours, by_loop = in_turns(
            lambda: call(partial(ask, settings.warehouse_path)), lambda: call(partial(loop, traces, flashes))
        )
        python = ALLENSDK.program
        opened = process([python, "-W", "ignore", "-c", BY_ALLENSDK, *files]) if python else None
        with_open = opened and Run(opened.seconds + by_loop.seconds)
        what = f"{sum(len(cells) for _, cells in traces)} cells around {len(flashes):,} flashes, {len(wanted):,} values"
        show([Row(what, "AllenSDK's open + loop", with_open, ours), Row(what, "the loop alone", by_loop, ours)])


if __name__ == "__main__":
    main()
