"""What the mouse did, licks, rewards and running, and when each frame of the monitor was drawn."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from vbn_assets.nwb.columns import read_series
from vbn_assets.nwb.session_file import SessionFile
from vbn_assets.tables.behavior import LICKS, REWARDS

_BACKWARDS = -1.0
"""Mean speed in cm/s below which AllenSDK takes a series to have been stored with the wrong sign."""


def read_licks(file: SessionFile) -> pa.Table:
    """Table `licks`; empty where the file, as of a passive session, has none."""
    if "licking" not in file.group("processing"):
        return LICKS.file_schema.empty_table()
    licks = "processing/licking/licks"
    return read_series(file, timestamps=f"{licks}/timestamps", frame=f"{licks}/data")


def read_rewards(file: SessionFile) -> pa.Table:
    """Table `rewards`; empty where the file has none. Times are those of `autorewarded`, as in AllenSDK."""
    if "rewards" not in file.group("processing"):
        return REWARDS.file_schema.empty_table()
    rewards = "processing/rewards"
    return read_series(
        file,
        volume=f"{rewards}/volume/data",
        timestamps=f"{rewards}/autorewarded/timestamps",
        auto_rewarded=f"{rewards}/autorewarded/data",
    )


def read_running_speed(file: SessionFile) -> pa.Table:
    """Table `running_speed`, low-pass filtered."""
    return _running(file, "speed")


def read_raw_running_speed(file: SessionFile) -> pa.Table:
    """Table `raw_running_speed`, not filtered; its sign is decided by itself."""
    return _running(file, "speed_unfiltered")


def read_stimulus_timestamps(file: SessionFile) -> pa.Table:
    """Table `stimulus_timestamps`, numbered by frame."""
    times = read_series(file, timestamps="processing/stimulus/timestamps/timestamps")
    return times.add_column(0, "frame", pa.array(np.arange(times.num_rows)))


def _running(file: SessionFile, series: str) -> pa.Table:
    """A series of speeds; negated where the mouse would on the whole have run backwards."""
    speed = f"processing/running/{series}"
    running = read_series(file, timestamps=f"{speed}/timestamps", speed=f"{speed}/data")
    values = running["speed"].to_numpy()
    if len(values) and np.nanmean(values) < _BACKWARDS:
        return running.set_column(1, "speed", pa.array(-1 * values, from_pandas=True))
    return running
