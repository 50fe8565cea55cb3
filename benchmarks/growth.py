"""What publishing, refreshing and asking cost as sessions come: 1, 10, 100 and 1,000 of them, in processor time.

    python benchmarks/growth.py [--plot FILE] [SESSIONS ...]

Sessions are small (28 units, 20 thousand spikes) and links of one another in the lake. --plot needs matplotlib, the
extra `bench`, and draws docs/images/growth.svg.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from comparison import call, machine
from comparison.peers import announce
from comparison.vbn_sized import VERSION, SizedLake, hash_of

from vbn_assets.pipeline import Workspace, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.history import StoredObject, StoredRelease, file_hash, write_history
from vbn_assets.sample.plan import Sizes, plan_session
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish, unpublished

SIZES = Sizes()

FIRST = plan_session(0, SIZES, seed=0)
CHANGES = """
    WITH changes AS (
        SELECT session.ecephys_session_id, start_time AS event_time
        FROM vbn.stimulus_presentations
        JOIN vbn.ecephys_sessions AS session USING (behavior_session_id)
        WHERE active AND is_change AND {condition}
    )
    SELECT time, avg(rate) FROM vbn.psth(changes, 0.25, 0.75, 0.01) GROUP BY time ORDER BY time
"""
"""Linked rows tell their session by the name of their folder alone: in behavior tables that is the behavior session."""
QUERIES = {
    "one session's trials": f"FROM vbn.trials WHERE behavior_session_id = {FIRST.behavior_session_id}",
    "one session's PSTH": CHANGES.format(condition=f"behavior_session_id = {FIRST.behavior_session_id}"),
    "all sessions' hit rates": "SELECT behavior_session_id, avg(hit::INTEGER) FROM vbn.trials WHERE go GROUP BY ALL",
    "all sessions' PSTH": CHANGES.format(condition="TRUE"),
}


def write_release(folder: Path, sessions: int) -> None:
    """A history of one release whose session files are empty: only their names and hashes are asked for."""
    import pandas as pd

    plans = [plan_session(index, SIZES, seed=0) for index in range(sessions)]
    place = folder / VBN.bucket
    place.mkdir(parents=True)
    empty = place / "empty"
    empty.touch()
    metadata, data = {}, {}
    for name in VBN.metadata_tables:
        path = place / f"{name}.csv"
        pd.concat([plan.rows[name] for plan in plans], ignore_index=True).to_csv(path, index=False)
        metadata[name] = StoredObject(f"{VBN.s3_name}/project_metadata/{name}.csv", file_hash(path), path)
    for index, plan in enumerate(plans):
        id = plan.session_id
        key = f"{VBN.s3_name}/behavior_ecephys_sessions/{id}/ecephys_session_{id}.nwb"
        data[str(index)] = StoredObject(key, hash_of(f"ecephys_session{id}"), empty)
    manifest = {
        "project_name": VBN.s3_name,
        "manifest_version": VERSION,
        "data_pipeline": [{"name": "AllenSDK", "version": "2.16.2", "comment": "generated"}],
        "metadata_file_id_column_name": "file_id",
        "metadata_files": {name: _entry(stored) for name, stored in metadata.items()},
        "data_files": {file_id: _entry(stored) for file_id, stored in data.items()},
    }
    key = VBN.manifest_prefix() + VBN.manifest_name(VERSION)
    write_history(folder, VBN.bucket, [StoredRelease(VERSION, key, manifest, metadata, data)])


def _entry(stored: StoredObject) -> dict[str, str | None]:
    url = f"https://{VBN.bucket}.s3.{VBN.region}.amazonaws.com/{stored.key}"
    return {"url": url, "version_id": None, "file_hash": stored.file_hash}


def measured(folder: Path, sessions: int) -> Iterator[tuple[str, float]]:
    """What is done, and its cost, with so many sessions held."""
    write_release(folder / "history", sessions)
    with SampleProcess(folder / "history") as bucket:
        settings = Settings(data_dir=folder / "data", projects=("vbn",), endpoint_url=bucket.endpoint)
        workspace = Workspace(settings, VBN)
        refresh_release(workspace, VERSION)
        yield "refresh, nothing new", cost(lambda: refresh_release(Workspace(settings, VBN), VERSION))
    sized = SizedLake(workspace.lake, SIZES, left_out=())
    sized.add_sessions(range(sessions - 1))
    publish(settings)
    sized.add_sessions([sessions - 1])
    yield "publish one more", cost(lambda: publish(settings), times=1)
    yield "look whether to publish", cost(lambda: unpublished(settings))
    for what, query in QUERIES.items():
        yield what, cost(lambda query=query: ask(settings, query))


def ask(settings: Settings, query: str) -> None:
    with open_warehouse(settings.warehouse_path) as con:
        if not con.execute(query).fetchall():
            raise SystemExit(f"no answer to {query}")


def cost(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of processor time, all cores together, at the least of several times."""
    return min(call(work).processor or 0.0 for _ in range(times))


def draw(path: Path, sizes: list[int], table: dict[str, list[float]]) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for what, seconds in table.items():
        axes.loglog(sizes, seconds, marker="o", markersize=4, linewidth=1.5, label=what)
    axes.set(
        xlabel="sessions held",
        ylabel="seconds of processor time",
        xticks=sizes,
        xticklabels=[f"{size:,}" for size in sizes],
    )
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE")
    parser.add_argument("sessions", type=int, nargs="*", default=[1, 10, 100, 1000])
    given = parser.parse_args()
    announce(2, 1)
    table: dict[str, list[float]] = {}
    for size in given.sessions:
        with tempfile.TemporaryDirectory() as folder:
            for what, seconds in measured(Path(folder), size):
                table.setdefault(what, []).append(seconds)
    print(machine())
    print(f"{'sessions':26}" + "".join(f"{size:10,}" for size in given.sessions))
    for what, seconds in table.items():
        print(f"{what:26}" + "".join(f"{second:8.3f} s" for second in seconds))
    if given.plot:
        draw(given.plot, given.sessions, table)


if __name__ == "__main__":
    main()
