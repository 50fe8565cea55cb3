"""units.csv of 319 thousand rows and channels.csv of 348 thousand, read and published: against AllenSDK's accessors.

    python benchmarks/metadata_tables.py

ALLENSDK_PYTHON names the Python of an environment with AllenSDK; without it only ours is measured. AllenSDK reads the
two tables; ours are also checked, written to the lake and published from there.
"""

from __future__ import annotations

import subprocess
import tempfile
from functools import partial
from pathlib import Path

from comparison import Row, Run, call, in_turns, show
from comparison.peers import ALLENSDK, announce
from comparison.vbn_sized import SizedLake, hash_of, metadata_rows

from vbn_assets.metadata.csv_tables import read_table
from vbn_assets.pipeline import ArrowReading
from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake, Record, Source
from vbn_assets.warehouse.publish import publish

BY_ALLENSDK = """
import sys, time
from allensdk.brain_observatory.behavior.behavior_project_cache.project_apis.data_io import (
    behavior_neuropixels_project_cloud_api as cloud,
)

api = object.__new__(cloud.VisualBehaviorNeuropixelsProjectCloudApi)
api._get_metadata_path = lambda fname: f"{sys.argv[1]}/{fname}.csv"
wall, processor = time.monotonic(), time.process_time()
api._get_unit_table(), api._get_channel_table()
api.get_unit_table(), api.get_channel_table()
print(time.monotonic() - wall, time.process_time() - processor)
"""
NAMES = ("units", "channels")


def prepared(folder: Path) -> Settings:
    """The CSVs in the folder, and of the settings a lake with the rest of the release."""
    for table, rows in metadata_rows().items():
        rows.to_csv(folder / f"{table}.csv", index=False)
    settings = Settings(data_dir=folder / "data", projects=(VBN.name,))
    SizedLake(Lake(settings.lake_dir, VBN.name)).add_release()
    return settings


def tables(folder: Path) -> None:
    for name in NAMES:
        read_table(folder / f"{name}.csv", VBN.tables[name], release="0.5.0")


def published(folder: Path, settings: Settings) -> None:
    """From the CSVs to the warehouse; the release's other tables and its list of files are there before."""
    lake = Lake(settings.lake_dir, VBN.name)
    for name in NAMES:
        source = Source("metadata", name, hash_of(name), "0.5.0")
        rows = read_table(folder / f"{name}.csv", VBN.tables[name], release="0.5.0")
        lake.commit(Record(source, lake.write(source, [ArrowReading(VBN.tables[name], rows)])))
    settings.warehouse_path.unlink(missing_ok=True)
    publish(settings)


def by_allensdk(python: str, folder: Path) -> Run:
    """The two accessors; importing AllenSDK does not count."""
    command = [python, "-W", "ignore", "-c", BY_ALLENSDK, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return Run(float(answer[-2]), float(answer[-1]))


def main() -> None:
    announce(1, 0.5, ALLENSDK)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = prepared(folder)
        sides = [lambda: call(partial(tables, folder)), lambda: call(partial(published, folder, settings))]
        if python := ALLENSDK.program:
            sides.append(lambda: by_allensdk(python, folder))
        typed, all_the_way, *theirs = in_turns(*sides)
    peer = theirs[0] if theirs else None
    show(
        [
            Row("units and channels, typed", "AllenSDK", peer, typed, ">= 3 x"),
            Row("units and channels, typed, in the lake, published", "AllenSDK", peer, all_the_way, ">= 3 x"),
        ]
    )


if __name__ == "__main__":
    main()
