"""A dict of arrays that reads what is asked for, and is a dict to whoever takes it for one."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vbn_assets.client.unit_arrays import UnitArrays, UnitColumn

TIMES = {7: [0.5, 1.5], 3: [0.1, 0.2, 0.3, 0.4, 0.6], 5: [], 9: [2.0]}
"""In the order of a session's units; unit 3 is longer than a row group."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    spikes = [(unit_id, time) for unit_id in sorted(TIMES) for time in TIMES[unit_id]]
    unit_id, spike_time = zip(*spikes, strict=True)
    rows = pa.table({"unit_id": unit_id, "spike_time": spike_time})
    pq.write_table(rows, tmp_path / "spikes.parquet", row_group_size=3)
    return tmp_path / "spikes.parquet"


@pytest.fixture
def arrays(path: Path) -> UnitArrays:
    return UnitArrays(TIMES, UnitColumn(path, "spike_time"))


def listed(arrays: dict[int, np.ndarray]) -> dict[int, list[float]]:
    return {unit_id: array.tolist() for unit_id, array in arrays.items()}


def test_a_unit_of_one_of_several_and_of_no_row_group(arrays: UnitArrays) -> None:
    for unit_id, times in TIMES.items():
        assert arrays[unit_id].tolist() == times
        assert arrays[unit_id].dtype == np.float64
        assert arrays[unit_id] is arrays[unit_id]


def test_only_the_row_groups_of_the_unit_are_read(path: Path) -> None:
    column = UnitColumn(path, "spike_time")
    arrays = UnitArrays(TIMES, column)
    assert not column._read
    arrays[9]
    assert set(column._read) == {2}
    assert set(arrays) == set(TIMES)
    assert 3 in arrays
    assert set(column._read) == {2}


def test_dicts_of_a_column_share_what_was_read(path: Path) -> None:
    column = UnitColumn(path, "spike_time")
    one, other = UnitArrays(TIMES, column), UnitArrays(TIMES, column)
    one.pop(7)
    assert np.shares_memory(one[9], other[9])
    assert other[7].tolist() == TIMES[7]


def test_it_can_be_taken_for_any_dict(arrays: UnitArrays) -> None:
    assert isinstance(arrays, dict)
    assert list(arrays) == list(arrays.keys()) == list(TIMES)
    assert len(arrays) == 4


@pytest.mark.parametrize(
    "copied",
    [
        dict,
        copy.copy,
        copy.deepcopy,
        lambda arrays: {**arrays},
        lambda arrays: arrays | {},
        lambda arrays: {} | arrays,
        lambda arrays: arrays.copy(),
        lambda arrays: dict(arrays.items()),
        lambda arrays: dict(zip(arrays, arrays.values(), strict=True)),
        lambda arrays: {unit_id: arrays.get(unit_id) for unit_id in arrays},
        lambda arrays: {unit_id: arrays.setdefault(unit_id) for unit_id in TIMES},
        lambda arrays: {unit_id: arrays.pop(unit_id) for unit_id in TIMES},
        lambda arrays: dict(reversed([arrays.popitem() for _ in TIMES])),
        lambda arrays: pickle.loads(pickle.dumps(arrays)),
        lambda arrays: pd.Series(arrays).to_dict(),
    ],
)
def test_whichever_way_it_is_copied_the_arrays_are_there(arrays: UnitArrays, copied) -> None:  # type: ignore[no-untyped-def]
    assert listed(copied(arrays)) == TIMES


def test_it_equals_a_dict_of_the_same_arrays(arrays: UnitArrays, path: Path) -> None:
    assert arrays == dict(arrays)
    assert dict(arrays) == arrays
    assert arrays == UnitArrays(TIMES, arrays._column)
    assert arrays != {}
    assert repr(arrays) == repr(dict(arrays))


def test_a_missing_unit_is_as_in_any_dict(arrays: UnitArrays) -> None:
    with pytest.raises(KeyError):
        arrays[1]
    with pytest.raises(KeyError):
        arrays.pop(1)
    assert arrays.get(1) is None
    assert arrays.get(1, "none") == arrays.pop(1, "none") == "none"


def test_arrays_are_read_only_also_when_put_together(arrays: UnitArrays) -> None:
    for unit_id in (3, 7):
        with pytest.raises(ValueError, match="read-only"):
            arrays[unit_id][0] = 0.0


def test_null_is_nan_and_read_only_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"unit_id": [1, 1], "spike_amplitude": [0.5, None]}), tmp_path / "amplitudes.parquet")
    amplitudes = UnitArrays([1], UnitColumn(tmp_path / "amplitudes.parquet", "spike_amplitude"))[1]
    np.testing.assert_array_equal(amplitudes, [0.5, np.nan])
    assert not amplitudes.flags.writeable


def test_lists_are_rows_of_a_matrix(tmp_path: Path) -> None:
    waveforms = pa.table({"unit_id": [1, 1, 2], "mean_waveform": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]})
    pq.write_table(waveforms, tmp_path / "waveforms.parquet")
    arrays = UnitArrays([2, 1], UnitColumn(tmp_path / "waveforms.parquet", "mean_waveform"))
    assert arrays[1].tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert arrays[2].tolist() == [[5.0, 6.0]]


def test_a_session_without_spikes(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"unit_id": pa.array([], pa.int64()), "spike_time": pa.array([], pa.float64())}), tmp_path / "none"
    )
    arrays = UnitArrays([1], UnitColumn(tmp_path / "none", "spike_time"))
    assert arrays[1].tolist() == []
    assert [array.tolist() for array in arrays.values()] == [[]]
