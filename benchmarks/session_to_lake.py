"""One session of true size from its NWB file to the lake: against AllenSDK, lazynwb and what the disk and Parquet cost.

    python benchmarks/session_to_lake.py [FILE.nwb]

Without a file one is generated: 2.4 GB, 2,040 units, 97 million spikes. Peers run in environments of their own:
ALLENSDK_PYTHON and LAZYNWB_PYTHON name their Pythons (docs/performance.md has the versions); none is needed. AllenSDK
opens the file and reads every attribute, lazynwb reads the units with their spikes. The raw limit is the file read
once and the same Parquet written by pyarrow from memory, one table after another.

Ours is the whole of `vbn extract`, which starts, hashes the file to find the release it is of, and publishes; and, of
the generated file, the step that follows a download, as sync and Dagster take it: the hash is known, others publish.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from comparison import Row, Run, call, in_turns, process, show, warm
from comparison.held import register
from comparison.peers import ALLENSDK, LAZYNWB, announce

from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import encoding

BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.ecephys.behavior_ecephys_session import BehaviorEcephysSession
session = BehaviorEcephysSession.from_nwb_path(sys.argv[1])
session.get_units(); session.get_channels()
for name in session.list_data_attributes_and_methods():
    if not name.startswith('get_'):
        getattr(session, name)
"""
BY_LAZYNWB = """
import sys
import lazynwb
lazynwb.get_df(sys.argv[1], 'units', exclude_array_columns=False)
"""


STEP = """
import sys
from pathlib import Path
from vbn_assets.pipeline import Workspace, extract_file, require_sound
from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
workspace = Workspace(Settings.from_environment(), VBN)
file = workspace.session_file(sys.argv[2])
print(require_sound(extract_file(workspace, Path(sys.argv[1]), file)).seconds)
"""


def generated(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "vbn_assets.sample.generator", str(folder), "--true-size"], check=True)
    return next(folder.rglob("ecephys_session_*.nwb"))


def extract(file: Path, scratch: Path) -> Run:
    """The whole of `vbn extract` into an empty lake."""
    with tempfile.TemporaryDirectory(dir=scratch) as data:
        script = "from vbn_assets.cli import main; main()"
        run = process([sys.executable, "-c", script, "extract", str(file)], {"VBN_DATA_DIR": data})
        for written in Path(data).rglob("*.parquet"):
            written.replace(scratch / "written" / f"{written.parent.parent.name}-{written.name}")
        return run


def step(history: Path, scratch: Path) -> Run:
    """The tables of a file that a release has and that was verified when it came, and nothing else of the process."""
    with tempfile.TemporaryDirectory(dir=scratch) as data:
        ((file, path),) = register(history, Settings(data_dir=Path(data), projects=(VBN.name,))).items()
        command = [sys.executable, "-c", STEP, str(path), file.id]
        said = subprocess.run(command, env={**os.environ, "VBN_DATA_DIR": data}, check=True, capture_output=True)
        return Run(float(said.stdout))


def raw_limit(file: Path, scratch: Path) -> Run:
    """Reading the file, and writing again what the extraction before wrote; reading that does not count."""
    spent = [call(partial(warm, [file]))]
    for written in sorted((scratch / "written").iterdir()):
        source = pq.ParquetFile(written)
        options = encoding(source.schema_arrow)
        with pq.ParquetWriter(scratch / "again.parquet", source.schema_arrow, compression="lz4", **options) as writer:
            for group in range(source.num_row_groups):
                rows = source.read_row_group(group)
                spent.append(call(partial(writer.write_table, rows)))
    return Run(sum(run.seconds for run in spent), sum(run.processor or 0 for run in spent))


def main() -> None:
    announce(2, 7, ALLENSDK, LAZYNWB)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "written").mkdir()
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
        file = given or generated(scratch)
        warm([file])
        sides = [partial(extract, file, scratch), partial(raw_limit, file, scratch)]
        ours, raw, *steps = in_turns(*sides, *([] if given else [partial(step, scratch, scratch)]))
        what = f"{file.stat().st_size / 1e6:,.0f} MB → lake, all tables but LFP"
        rows = [Row(f"{what}: the step", "raw limit", raw, of_step, ">= 0.7 x") for of_step in steps]
        rows.append(Row(what, "raw limit", raw, ours, ">= 0.7 x"))
        for peer, script, aim in ((ALLENSDK, BY_ALLENSDK, "<= 10 s, 500 MB"), (LAZYNWB, BY_LAZYNWB, "")):
            python = peer.program
            theirs = process([python, "-W", "ignore", "-c", script, str(file)]) if python else None
            rows.append(Row(what, peer.name, theirs, ours, aim))
        show(rows)


if __name__ == "__main__":
    main()
