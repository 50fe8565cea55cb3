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
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from allensdk.brain_observatory.behavior.behavior_project_cache.behavior_neuropixels_project_cache import (
    VisualBehaviorNeuropixelsProjectCache,
)

FOLDER = Path(__file__).parent
SESSIONS = {"0.3.0": (1100000102, 1100000103), "0.5.0": (1100000102, 1100000103, 1100000104)}
TABLES = {
    "get_ecephys_session_table": {},
    "get_ecephys_session_table__unfiltered": {"filter_abnormalities": False},
    "get_behavior_session_table": {},
    "get_probe_table": {},
    "get_channel_table": {},
    "get_unit_table": {},
}
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
    """JSON for what session.metadata holds."""
    if isinstance(value, datetime):
        return {"__datetime__": value.isoformat()}
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return {"__float__": repr(value)}
    return value


def write_session(folder, session):
    folder.mkdir(parents=True, exist_ok=True)
    for name, read in FRAMES.items():
        write_frame(folder / name, read(session))
    for name in ARRAYS:
        np.savez_compressed(folder / name, **{str(unit): array for unit, array in getattr(session, name).items()})
    metadata = {name: plain(value) for name, value in session.metadata.items()}
    (folder / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")


def main():
    for version, sessions in SESSIONS.items():
        cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache(cache_dir=tempfile.mkdtemp())
        cache.load_manifest(f"visual-behavior-neuropixels_project_manifest_v{version}.json")
        tables = FOLDER / version / "tables"
        tables.mkdir(parents=True, exist_ok=True)
        for name, arguments in TABLES.items():
            write_frame(tables / name, getattr(cache, name.partition("__")[0])(**arguments))
        for session in sessions:
            write_session(FOLDER / version / "ecephys_session" / str(session), cache.get_ecephys_session(session))


if __name__ == "__main__":
    main()
