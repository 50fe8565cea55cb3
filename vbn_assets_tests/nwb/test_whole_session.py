"""What a session's file says beyond spikes and stimuli equals what AllenSDK returns, to the last bit.

For ecephys sessions, for the behavior half of one, and for a session without probes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.nwb import changes
from vbn_assets_tests.golden import golden, golden_dtypes
from vbn_assets_tests.nwb.conftest import ReadTables
from vbn_assets_tests.nwb.test_session import exactly

Files = dict[tuple[str, str, str], Path]
Read = Callable[[str], dict[str, pa.Table]]

EXAMPLES = {
    "102": ("ecephys_session", 1100000102, ("0.5.0", "ecephys_session", "1100000102")),
    "103": ("ecephys_session", 1100000103, ("0.4.0", "ecephys_session", "1100000103")),
    "104": ("ecephys_session", 1100000104, ("0.5.0", "ecephys_session", "1100000104")),
    "half of 103": ("behavior_session", 1100000203, ("0.4.0", "ecephys_session", "1100000103")),
    "habituation": ("behavior_session", 1100000213, ("0.4.0", "behavior_session", "1100000213")),
}
"""Kind and id of the golden, and the file that it is about."""


MORE = {
    "raw_running_speed": "raw_running_speed",
    "eye_tracking": "eye_tracking",
    "rolling_performance": "get_rolling_performance_df",
}
BEHAVIOR = {name: name for name in ("trials", "stimulus_presentations", "licks", "rewards", "running_speed")}
FRAMES = {
    **dict.fromkeys(("102", "103", "104"), MORE | {"optotagging_table": "optotagging_table"}),
    "half of 103": {"stimulus_presentations": "stimulus_presentations"},
    "habituation": MORE | BEHAVIOR,
}
DICTS = {"task_parameters": "task_parameters", "performance_metrics": "get_performance_metrics"}


@pytest.fixture(scope="module")
def read(sample_files: Files, read_tables: ReadTables) -> Read:
    """The tables of an example; of half an ecephys session, with the changes that a behavior session has."""

    @cache
    def tables(example: str) -> dict[str, pa.Table]:
        kind, _, file = EXAMPLES[example]
        tables = read_tables(sample_files[file], file[1])
        if kind != file[1]:
            tables["stimulus_presentations"] = as_behavior_session(tables["stimulus_presentations"])
        return tables

    return tables


def as_behavior_session(presentations: pa.Table) -> pa.Table:
    for name in ("is_change", "flashes_since_change"):
        computed = presentations[f"{name}_in_behavior_session"]
        assert computed != presentations[name]
        presentations = presentations.drop_columns(name).append_column(name, computed)
    return presentations


@pytest.mark.parametrize(("example", "table"), [(example, table) for example in FRAMES for table in FRAMES[example]])
def test_frame(example: str, table: str, read: Read) -> None:
    kind, id, _ = EXAMPLES[example]
    ours, name = read(example)[table], FRAMES[example][table]
    expected = golden("0.5.0", name, id, kind)
    index = golden_dtypes("0.5.0", name, id, kind)["index_name"]
    for column in expected.column_names[0 if index else 1 :]:
        assert exactly(ours[column].to_pylist()) == exactly(expected[column].to_pylist()), column


@pytest.mark.parametrize("table", DICTS)
@pytest.mark.parametrize("example", EXAMPLES)
def test_dict(example: str, table: str, read: Read) -> None:
    kind, id, _ = EXAMPLES[example]
    (ours,) = read(example)[table].to_pylist()
    del ours["ecephys_session_id"]
    expected = golden("0.5.0", DICTS[table], id, kind)
    assert {name: exactly(value) for name, value in ours.items()} == {n: exactly(v) for n, v in expected.items()}


@pytest.mark.parametrize("example", EXAMPLES)
def test_metadata(example: str, read: Read) -> None:
    kind, id, _ = EXAMPLES[example]
    tables = read(example)
    (ours,) = tables["session_metadata"].to_pylist()
    ours["date_of_acquisition"] = ours["date_of_acquisition"].isoformat()
    expected: dict[str, Any] = golden("0.5.0", "metadata", id, kind)
    assert {name: ours[name] for name in expected if name != "behavior_session_id"} == {
        name: value for name, value in expected.items() if name != "behavior_session_id"
    }


@pytest.mark.parametrize("example", EXAMPLES)
def test_rig_geometry(example: str, read: Read) -> None:
    kind, id, _ = EXAMPLES[example]
    tables = read(example)
    rows = tables["eye_tracking_rig_geometry"].drop_columns("ecephys_session_id").to_pylist()
    expected = golden("0.5.0", "eye_tracking_rig_geometry", id, kind)
    assert rows == ([expected] if expected else [])


@pytest.mark.parametrize("example", EXAMPLES)
def test_series(example: str, read: Read) -> None:
    kind, id, _ = EXAMPLES[example]
    tables = read(example)
    times = golden("0.5.0", "stimulus_timestamps", id, kind)["value"]
    assert tables["stimulus_timestamps"]["timestamps"].to_numpy().tobytes() == times.tobytes()
    assert tables["stimulus_timestamps"]["frame"].to_pylist() == list(range(len(times)))
    rates = golden("0.5.0", "get_reward_rate", id, kind)["value"]
    assert exactly(tables["rolling_performance"]["reward_rate"].to_pylist()) == exactly(rates.tolist())


def test_behavior_session_has_no_ecephys_session(sample_files: Files, read_tables: ReadTables) -> None:
    tables = read_tables(sample_files["0.4.0", "behavior_session", "1100000213"], "behavior_session")
    assert "spike_times" not in tables
    for name, table in tables.items():
        assert table["ecephys_session_id"].null_count == table.num_rows, name
    shown = tables["stimulus_presentations"]
    assert shown["is_change"] == shown["is_change_in_behavior_session"]


@pytest.mark.parametrize(
    ("names", "omitted", "change", "since"),
    [
        (["a", "a", "b", "b"], [False] * 4, [0, 0, 1, 0], [0, 1, 0, 1]),
        (["a", "", "a", "b"], [False, True, False, False], [0, 0, 0, 1], [0, 0, 1, 0]),
        (["", "a", "a"], [True, False, False], [0, 0, 0], [0, 1, 2]),
        (["a", None, "b"], [False, None, False], [0, 0, 1], [0, 1, 0]),
        ([], [], [], []),
    ],
    ids=["change", "omitted between", "omitted first", "a gabor between", "nothing shown"],
)
def test_changes(names: list[str | None], omitted: list[bool | None], change: list[int], since: list[int]) -> None:
    shown = pa.table({"image_name": pa.array(names, pa.string()), "omitted": pa.array(omitted, pa.bool_())})
    found = changes.is_change(shown)
    assert found.tolist() == [bool(value) for value in change]
    assert changes.flashes_since_change(shown, found).tolist() == since
    assert changes.flashes_since_change(shown, found).dtype == np.int64
