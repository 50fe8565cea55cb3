"""Ask AllenSDK for every golden of this folder: run after the packaged sample has changed.

    python -m vbn_assets.sample.server &           # prints its endpoint
    AWS_ENDPOINT_URL=<endpoint> <python 3.10 with allensdk==2.16.2 pynwb==2.5.0 hdmf==3.11.0 numpy==1.23.5 pandas==1.5.3
        'setuptools<70' pyarrow> vbn_assets_tests/golden/make_golden.py

Uses AllenSDK only, never this project: a golden must not know how its value is read here.
"""

import json
import math
import tempfile
from datetime import datetime
from enum import Enum
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_neuropixels_project_cache import (
    VisualBehaviorNeuropixelsProjectCache,
)
from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_project_cache import (
    VisualBehaviorOphysProjectCache,
)
from allensdk.brain_observatory.behavior.data_objects.eye_tracking.rig_geometry import Coordinates

FOLDER = Path(__file__).parent
CURRENT = "0.5.0"
"""The release for which what every session has is asked of it all; of the other, what differs is enough."""
SESSIONS = {"0.3.0": (1100000102, 1100000103), "0.5.0": (1100000102, 1100000103, 1100000104)}
TABLES = {
    "get_ecephys_session_table": {},
    "get_ecephys_session_table__unfiltered": {"filter_abnormalities": False},
    "get_behavior_session_table": {},
    "get_probe_table": {},
    "get_channel_table": {},
    "get_unit_table": {},
}
OPHYS_RELEASES = ("1.0.1", "1.1.0")
OPHYS_TABLES = (
    "get_behavior_session_table",
    "get_ophys_session_table",
    "get_ophys_experiment_table",
    "get_ophys_cells_table",
)
FRAMES = {
    "get_units": lambda session: session.get_units(),
    "get_channels__all": lambda session: session.get_channels(filter_by_validity=False),
    "probes": lambda session: session.probes,
    "trials": lambda session: session.trials,
    "stimulus_presentations": lambda session: session.stimulus_presentations,
    "licks": lambda session: session.licks,
    "rewards": lambda session: session.rewards,
    "running_speed": lambda session: session.running_speed,
}
MORE_FRAMES = {
    "raw_running_speed": lambda session: session.raw_running_speed,
    "eye_tracking": lambda session: session.eye_tracking,
    "get_rolling_performance_df": lambda session: session.get_rolling_performance_df(),
}
BEHAVIOR_SESSIONS = {
    1100000203: {"stimulus_presentations": FRAMES["stimulus_presentations"]},
    1100000213: MORE_FRAMES
    | {name: FRAMES[name] for name in ("trials", "stimulus_presentations", "licks", "rewards", "running_speed")},
}
"""The behavior half of an ecephys session, of which only this differs, and a session of its own."""
DICTS = {
    "metadata": lambda session: session.metadata,
    "task_parameters": lambda session: session.task_parameters,
    "get_performance_metrics": lambda session: session.get_performance_metrics(),
    "eye_tracking_rig_geometry": lambda session: session.eye_tracking_rig_geometry,
}
ARRAYS = ("spike_times", "spike_amplitudes", "mean_waveforms")


def write_frame(stem, frame):
    """The frame as Parquet with its index first, and beside it what Parquet cannot say of pandas."""
    index_name = frame.index.name
    dtypes = {
        "index_name": index_name,
        "index_dtype": str(frame.index.dtype),
        "columns": [[name, str(dtype)] for name, dtype in frame.dtypes.items()],
        "shape": list(frame.shape),
        "null_kinds": {
            name: sorted({type(value).__name__ for value in frame[name]})
            for name, dtype in frame.dtypes.items()
            if dtype.kind == "O"
        },
    }
    stem.with_suffix(".dtypes.json").write_text(json.dumps(dtypes, indent=1) + "\n")
    columns = {index_name or "__index__": pa.array(frame.index)}
    columns.update({name: pa.array(frame[name], from_pandas=True) for name in frame.columns})
    table = pa.table(columns)
    floats = [field.name for field in table.schema if field.type == pa.float64()]
    pq.write_table(
        table,
        stem.with_suffix(".parquet"),
        compression="zstd",
        compression_level=19,
        use_dictionary=[name for name in table.column_names if name not in floats],
        use_byte_stream_split=floats,  # running speeds shrink by a third
    )


def plain(value):
    """JSON for what a session's dicts hold."""
    if isinstance(value, datetime):
        return {"__datetime__": value.isoformat()}
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Coordinates):
        return {"x": value.x, "y": value.y, "z": value.z}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": repr(value)}
    return value


def write_session(folder, session, frames, dicts):
    folder.mkdir(parents=True, exist_ok=True)
    for name, read in frames.items():
        write_frame(folder / name, read(session))
    for name, read in dicts.items():
        values = {name: plain(value) for name, value in read(session).items()}
        (folder / f"{name}.json").write_text(json.dumps(values, indent=1) + "\n")


def write_units(folder, session):
    for name in ARRAYS:
        np.savez_compressed(folder / name, **{str(unit): array for unit, array in getattr(session, name).items()})


def write_more(folder, session):
    """What is not a frame, a dict or of a unit: series, and images by name."""
    np.savez_compressed(folder / "stimulus_timestamps", value=session.stimulus_timestamps)
    np.savez_compressed(folder / "get_reward_rate", value=session.get_reward_rate())
    images = session.stimulus_templates
    arrays = {f"{column}/{name}": images[column][name] for column in images.columns for name in images.index}
    np.savez_compressed(folder / "stimulus_templates", **arrays)


def write_lfp(folder, session):
    for probe in session.probes.index[session.probes["has_lfp_data"]]:
        lfp, csd = session.get_lfp(probe), session.get_current_source_density(probe)
        arrays = {"time": lfp["time"], "channel": lfp["channel"], "lfp": lfp}
        arrays |= {"csd": csd, "csd_time": csd["time"]}
        arrays |= {name: csd[name] for name in ("vertical_position", "horizontal_position")}
        np.savez_compressed(folder / f"lfp__{probe}", **{name: array.values for name, array in arrays.items()})


def write_ophys_tables():
    for version in OPHYS_RELEASES:
        cache = VisualBehaviorOphysProjectCache.from_s3_cache(cache_dir=tempfile.mkdtemp())
        cache.load_manifest(f"visual-behavior-ophys_project_manifest_v{version}.json")
        folder = FOLDER / version / "tables"
        folder.mkdir(parents=True, exist_ok=True)
        for name in OPHYS_TABLES:
            write_frame(folder / name, getattr(cache, name)())


def main():
    write_ophys_tables()
    for version, sessions in SESSIONS.items():
        cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache(cache_dir=tempfile.mkdtemp())
        cache.load_manifest(f"visual-behavior-neuropixels_project_manifest_v{version}.json")
        tables = FOLDER / version / "tables"
        tables.mkdir(parents=True, exist_ok=True)
        for name, arguments in TABLES.items():
            write_frame(tables / name, getattr(cache, name.partition("__")[0])(**arguments))
        current = version == CURRENT
        for id in sessions:
            session, folder = cache.get_ecephys_session(id), FOLDER / version / "ecephys_session" / str(id)
            optotagging = {"optotagging_table": lambda session: session.optotagging_table}
            write_session(folder, session, FRAMES | (MORE_FRAMES | optotagging if current else {}), DICTS)
            write_units(folder, session)
            if current:
                write_more(folder, session)
                write_lfp(folder, session)
        for id, frames in BEHAVIOR_SESSIONS.items() if current else ():
            session, folder = cache.get_behavior_session(id), FOLDER / version / "behavior_session" / str(id)
            write_session(folder, session, frames, DICTS)
            write_more(folder, session)


if __name__ == "__main__":
    main()
