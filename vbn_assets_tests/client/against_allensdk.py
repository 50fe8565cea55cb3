"""Comparing what a session object gives with AllenSDK's goldens: names, order, types and every value, to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.rig_geometry import Coordinates
from vbn_assets_tests.golden import golden, golden_dtypes

UNORDERED = ("stimulus_presentations",)
"""Frames whose columns AllenSDK has in another order each time."""

CALLS: Mapping[str, Callable[[Any], Any]] = {
    "get_units": lambda session: session.get_units(),
    "get_channels__all": lambda session: session.get_channels(filter_by_validity=False),
    "get_rolling_performance_df": lambda session: session.get_rolling_performance_df(),
    "get_performance_metrics": lambda session: session.get_performance_metrics(),
    "get_reward_rate": lambda session: session.get_reward_rate(),
}
"""What is not an attribute of the golden's name."""


def ask(session: BehaviorSession, name: str) -> Any:
    return CALLS[name](session) if name in CALLS else getattr(session, name)


def assert_frame(frame: pd.DataFrame, version: str, name: str, session: int, kind: str) -> None:
    expected, types = golden(version, name, session, kind), golden_dtypes(version, name, session, kind)
    assert (frame.index.name, str(frame.index.dtype)) == (types["index_name"], types["index_dtype"])
    ours, theirs = [[column, str(dtype)] for column, dtype in frame.dtypes.items()], types["columns"]
    assert sorted(ours) == sorted(theirs) if name in UNORDERED else ours == theirs
    index = types["index_name"] or "__index__"
    assert frame.index.tolist() == expected[index].to_pylist()
    for column in frame.columns:
        assert exactly(frame[column].tolist()) == exactly(expected[column].to_pylist()), column
    for column, kinds in types["null_kinds"].items():
        assert sorted({type(value).__name__ for value in frame[column]}) == kinds, column


def assert_array(array: Any, expected: np.ndarray[Any, Any]) -> None:
    assert isinstance(array, np.ndarray)
    assert (array.dtype, array.shape, array.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())


def exactly(value: Any) -> Any:
    """A value as it can be compared to the bit: floats as hexadecimal, every kind of null as None."""
    if value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        return float(value).hex()
    if isinstance(value, Coordinates):
        return exactly({"x": value.x, "y": value.y, "z": value.z})
    if isinstance(value, dict):
        return {name: exactly(part) for name, part in value.items()}
    return [exactly(part) for part in value] if isinstance(value, list | np.ndarray) else value
