"""Where the processor time of each stage goes, by py-spy: markdown tables, as docs/performance.md has them.

    python benchmarks/profiles.py [HISTORY]

Each stage runs in a process of its own under py-spy, which PY_SPY names; WEED names SeaweedFS. HISTORY is a folder that
`python -m vbn_assets.sample.generator` wrote; without one a session of 2.4 GB is generated. A part is a function of
ours and what it calls, a library's function or, of what is written in C, the name that our line calls it by.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import behavior_session_to_lake
import client
import dagster as dg
import metadata_tables
import mirror
from comparison import machine
from comparison.enlarged import behavior_session_file
from comparison.held import hold
from comparison.object_store import stored
from comparison.peers import PY_SPY, SEAWEEDFS, announce
from comparison.sampled import profile
from comparison.vbn_sized import SESSIONS, SizedLake

from vbn_assets.pipeline import Workspace, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import Sizes
from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving.home import prepare_home
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.publish import publish

VBN_COMMAND = "from vbn_assets.cli import main; main()"
DAGSTER_COMMAND = "import runpy; runpy.run_module('dagster', run_name='__main__', alter_sys=True)"
CSVS = """
import pathlib, sys
from metadata_tables import published
from vbn_assets.settings import Settings
published(pathlib.Path(sys.argv[1]), Settings(data_dir=pathlib.Path(sys.argv[2]), projects=("vbn",)))
"""
MIRROR = """
import json, pathlib, sys
from mirror import ours
from vbn_assets.releases.manifest import ReleaseFile
files = [ReleaseFile(**file) for file in json.loads(pathlib.Path(sys.argv[2]).read_text())]
ours(sys.argv[1], files, pathlib.Path(sys.argv[3]))
"""
PSTH = """
import pathlib, sys
from spikes_around_events import QUESTIONS, ask
ask(pathlib.Path(sys.argv[1]), QUESTIONS[1])
"""


@dataclass(frozen=True)
class Stage:
    title: str
    script: str
    arguments: tuple[str | Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 1
    """Short ones are sampled several times."""


def of_a_session(history: Path | None, folder: Path) -> Iterator[Stage]:
    """From its file to the lake, by the client, and as a question in SQL."""
    history = history or client.generated(folder / "history")
    (file,) = history.rglob("ecephys_session_*.nwb")
    title = f"Session of {file.stat().st_size / 1e6:,.0f} MB → lake, published"
    yield Stage(title, VBN_COMMAND, ("extract", file), {"VBN_DATA_DIR": str(folder / "extracted")})
    cache = client.cache_folder(history, folder / "cache")
    client.run(sys.executable, client.OURS, cache)
    notebook = client.NOTEBOOK.replace("IMPORT", client.OURS)
    yield Stage("Client: open, tables, all spikes", notebook, (cache, cache / "steps.json"), rounds=3)
    settings = Settings(data_dir=folder / "data", projects=("vbn",))
    hold(history, settings)
    yield Stage("PSTH of every unit around changes, as SQL", PSTH, (settings.warehouse_path,), rounds=3)


def of_a_behavior_file(folder: Path) -> Iterator[Stage]:
    file = behavior_session_file(folder)
    title = f"Behavior-only file of {file.stat().st_size / 1e6:,.0f} MB → lake, the first of its process"
    yield Stage(title, behavior_session_to_lake.FIRST, (file,), rounds=2)


def of_metadata(folder: Path) -> Iterator[Stage]:
    settings = metadata_tables.prepared(folder)
    yield Stage("`units.csv` and `channels.csv` → lake, published", CSVS, (folder, settings.data_dir))


def of_a_publish(folder: Path) -> Iterator[Stage]:
    settings = Settings(data_dir=folder, projects=("vbn",))
    sized = SizedLake(Lake(settings.lake_dir, VBN.name))
    sized.add_release()
    sized.add_sessions(range(SESSIONS - 1))
    publish(settings)
    sized.add_sessions([SESSIONS - 1])
    environment = {"VBN_DATA_DIR": str(folder), "VBN_PROJECTS": "vbn"}
    yield Stage(f"Session {SESSIONS} published", VBN_COMMAND, ("publish",), environment)


def of_a_mirror(folder: Path) -> Iterator[Stage]:
    (folder / "served").mkdir()
    with stored(SEAWEEDFS.program, folder / "served") as store:
        for title, number, size in (
            ("2 GB", 1, 2 * 10**9),
            (f"{mirror.SMALL_FILES} files of 5 MB", mirror.SMALL_FILES, mirror.SMALL_BYTES),
        ):
            files = [mirror.upload(store, f"{size}_{index}.nwb", size) for index in range(number)]
            listing = folder / "files.json"
            listing.write_text(json.dumps([asdict(file) for file in files]))
            yield Stage(f"{title} from {store.name}, verified", MIRROR, (store.endpoint, listing, folder), rounds=2)


def of_a_dagster_run(folder: Path) -> Iterator[Stage]:
    """What a run's process does when its partition is one small session."""
    generate(folder / "history", Sizes())
    with SampleProcess(folder / "history") as s3:
        settings = Settings(data_dir=folder / "data", projects=("vbn",), endpoint_url=s3.endpoint)
        workspace = Workspace(settings, VBN)
        refresh_release(workspace, "0.5.0")
        prepare_home(folder / "home")
        with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
            (id,) = (file.id for file in workspace.release("0.5.0").data.values())
            instance.add_dynamic_partitions("vbn_ecephys_sessions", [id])
        environment = {
            "VBN_DATA_DIR": str(settings.data_dir),
            "VBN_PROJECTS": "vbn",
            "AWS_ENDPOINT_URL": s3.endpoint,
            "DAGSTER_HOME": str(folder / "home"),
        }
        run = ("job", "execute", "-m", "vbn_assets.definitions", "-j", "mirror_vbn_sessions")
        tags = ("--tags", json.dumps({"dagster/partition": id}))
        yield Stage("Run of Dagster, one small session", DAGSTER_COMMAND, (*run, *tags), environment)


def stages(history: Path | None, scratch: Path) -> Iterator[Stage]:
    """Each is prepared when the one before it is done."""
    of_session = partial(of_a_session, history)
    for kind in (of_session, of_a_behavior_file, of_metadata, of_a_publish, of_a_mirror, of_a_dagster_run):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            yield from kind(Path(folder))


def main() -> None:
    announce(5, 8, PY_SPY, SEAWEEDFS)
    if not (py_spy := PY_SPY.program):
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for stage in stages(Path(sys.argv[1]) if len(sys.argv) > 1 else None, scratch):
            found = os.pathsep.join([str(Path(__file__).parent), *sys.path])
            environment = {**stage.environment, "PYTHONPATH": found}
            measured = profile(py_spy, stage.script, stage.arguments, scratch, environment, stage.rounds)
            print(f"\n### {stage.title}\n\n{measured.table()}", flush=True)


if __name__ == "__main__":
    main()
