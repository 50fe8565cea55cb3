"""One imaging plane of true size from its NWB file to the lake and warehouse, against AllenSDK reading the same file.

    python benchmarks/ophys_experiment.py [FILE.nwb]

Without a file one is generated: 310 MB, 32 cells, 48 thousand frames, 13,799 presentations, eight images. AllenSDK
opens the file and reads every attribute, where ALLENSDK_PYTHON says: an environment of its own (docs/performance.md has
the versions); without it only ours is measured. The second plane is of the same session, so that its images are there
already, as they are for all planes but the first of a lake.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from comparison import Row, Run, process, show, warm
from comparison.peers import ALLENSDK, announce

from vbn_assets.sample.plane_file import TRUE_PLANE, PlaneIds, write_plane

IDS = PlaneIds(1400000001, 1410000001, 1420000001, 1430000001, 800001)
BY_ALLENSDK = """
import sys
from allensdk.brain_observatory.behavior.behavior_ophys_experiment import BehaviorOphysExperiment
plane = BehaviorOphysExperiment.from_nwb_path(sys.argv[1])
for name in plane.list_data_attributes_and_methods():
    if not name.startswith(('get_', 'update_')):
        getattr(plane, name)
plane.get_performance_metrics()
"""


def generated(folder: Path) -> list[Path]:
    """Two planes of a session."""
    planes = [IDS, replace(IDS, ophys_experiment_id=IDS.ophys_experiment_id + 1)]
    paths = [folder / f"behavior_ophys_experiment_{ids.ophys_experiment_id}.nwb" for ids in planes]
    for ids, path in zip(planes, paths, strict=True):
        write_plane(path, ids, TRUE_PLANE, seed=0)
    return paths


def extract(file: Path, data: Path) -> Run:
    """The whole of `vbn extract`."""
    script = "from vbn_assets.cli import main; main()"
    return process([sys.executable, "-c", script, "extract", "--project", "vbo", file], {"VBN_DATA_DIR": str(data)})


def main() -> None:
    announce(0.5, 1, ALLENSDK)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        files = [Path(name) for name in sys.argv[1:]] or generated(scratch)
        warm(files)
        python = ALLENSDK.program
        theirs = process([python, "-W", "ignore", "-c", BY_ALLENSDK, files[0]]) if python else None
        rows = []
        for plane, file in zip(("first plane", "second plane"), files, strict=False):
            what = f"{plane}, {file.stat().st_size / 1e6:,.0f} MB → lake and warehouse"
            rows.append(Row(what, "AllenSDK", theirs, extract(file, scratch / "data"), "<= 3 s, 500 MB"))
        show(rows)


if __name__ == "__main__":
    main()
