"""The tables of a session file equal what AllenSDK returns, to the last bit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBN
from vbn_assets_tests.golden import golden, golden_dtypes

if TYPE_CHECKING:
    from pathlib import Path

    from vbn_assets_tests.nwb.conftest import ReadTables

SESSIONS = [
    ("0.3.0", 1100000102),
    ("0.3.0", 1100000103),
    ("0.5.0", 1100000102),
    ("0.5.0", 1100000103),
    ("0.5.0", 1100000104),
]

FRAMES = {
    "session_units": "get_units",
    "session_channels": "get_channels__all",
    "session_probes": "probes",
    "trials": "trials",
    "stimulus_presentations": "stimulus_presentations",
    "licks": "licks",
    "rewards": "rewards",
    "running_speed": "running_speed",
}

COMPUTED = {"is_change_in_behavior_session", "flashes_since_change_in_behavior_session"}
"""What `get_ecephys_session` does not have."""

FROM_PROBES_CSV = {"lfp_sampling_rate", "has_lfp_data"}


def exactly(value: Any) -> Any:
    """A value as it can be compared to the bit: floats as hexadecimal, NaN as null."""
    if isinstance(value, float):
        return None if np.isnan(value) else value.hex()
    return [exactly(part) for part in value] if isinstance(value, list) else value


@pytest.fixture(scope="module", params=SESSIONS, ids=lambda session: "-".join(map(str, session)))
def session(request: pytest.FixtureRequest) -> tuple[str, int]:
    return request.param


@pytest.fixture(scope="module")
def tables(
    session: tuple[str, int], sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables
) -> dict[str, pa.Table]:
    release, id = session
    # A file that did not change is stored with the release it came with.
    path = next(
        sample_files[version, "ecephys_session", str(id)]
        for version in (release, "0.4.0", "0.3.0")
        if (version, "ecephys_session", str(id)) in sample_files
    )
    return read_tables(path)


@pytest.mark.parametrize("table", FRAMES)
def test_frame_is_allensdks(session: tuple[str, int], tables: dict[str, pa.Table], table: str) -> None:
    expected = golden(session[0], FRAMES[table], session[1])
    index = golden_dtypes(session[0], FRAMES[table], session[1])["index_name"]
    names = [name for name in expected.column_names if index or name != expected.column_names[0]]
    for name in set(names) - (FROM_PROBES_CSV if table == "session_probes" else set()):
        ours = exactly(tables[table][name].to_pylist())
        assert ours == exactly(expected[name].to_pylist()), name
    ours = {"ecephys_session_id", "behavior_session_id", "location", *COMPUTED}
    for name in set(tables[table].column_names) - set(names) - ours:
        assert tables[table][name].null_count == tables[table].num_rows, name


def test_spikes_are_allensdks(session: tuple[str, int], tables: dict[str, pa.Table]) -> None:
    times, amplitudes = (golden(session[0], name, session[1]) for name in ("spike_times", "spike_amplitudes"))
    units = sorted(times)
    spikes = tables["spike_times"]
    assert spikes["unit_id"].to_pylist() == [unit for unit in units for _ in times[unit]]
    assert spikes["spike_time"].to_numpy().tobytes() == np.concatenate([times[unit] for unit in units]).tobytes()
    assert spikes["spike_amplitude"].to_numpy().tobytes() == np.concatenate([amplitudes[u] for u in units]).tobytes()


def test_waveforms_are_allensdks(session: tuple[str, int], tables: dict[str, pa.Table]) -> None:
    expected = golden(session[0], "mean_waveforms", session[1])
    waveforms = tables["mean_waveforms"]
    assert waveforms["unit_id"].to_pylist() == [unit for unit in sorted(expected) for _ in expected[unit]]
    assert waveforms["channel_index"].to_pylist() == [
        n for unit in sorted(expected) for n in range(len(expected[unit]))
    ]
    values = np.concatenate([chunk.flatten().to_numpy() for chunk in waveforms["mean_waveform"].chunks])
    assert values.tobytes() == np.concatenate([expected[unit].ravel() for unit in sorted(expected)]).tobytes()


def test_metadata_is_allensdks(session: tuple[str, int], tables: dict[str, pa.Table]) -> None:
    expected = golden(session[0], "metadata", session[1])
    expected.pop("behavior_session_id")
    (ours,) = tables["session_metadata"].to_pylist()
    ours["date_of_acquisition"] = ours["date_of_acquisition"].isoformat()
    assert ours == expected


def test_readings_have_the_described_schema(sample_files: dict[tuple[str, str, str], Path]) -> None:
    path = sample_files["0.5.0", "ecephys_session", "1100000102"]
    with open_session(path, kind=VBN.sessions, expected_id=1100000102, release="0.5.0") as session:
        assert session.ids == {"ecephys_session_id": 1100000102, "behavior_session_id": 1100000202}
        readings = session.tables()
        assert {reading.table.name for reading in readings} == {table.name for table in VBN.sessions.tables}
        assert [reading.table.name for reading in readings[:2]] == ["spike_times", "mean_waveforms"]
        for reading in readings:
            described = VBN.tables[reading.table.name].file_schema
            first, *others = (piece.schema for piece in reading.pieces())
            assert first.names[: len(described)] == described.names
            assert first.types[: len(described)] == described.types
            assert all(schema.equals(first) for schema in others)


def test_two_threads_read_what_one_does(
    sample_files: dict[tuple[str, str, str], Path], read_tables: ReadTables
) -> None:
    path = sample_files["0.5.0", "ecephys_session", "1100000104"]
    alone = read_tables(path)
    with (
        open_session(path, kind=VBN.sessions, expected_id=1100000104, release="0.5.0") as session,
        ThreadPoolExecutor(2) as pool,
    ):
        together = pool.map(
            lambda reading: (reading.table.name, pa.concat_tables(reading.pieces())),
            session.tables(),
        )
        assert dict(together) == alone


def test_the_files_own_index_counts_spikes(sample_files: dict[tuple[str, str, str], Path]) -> None:
    path = sample_files["0.5.0", "ecephys_session", "1100000104"]
    with open_session(path, kind=VBN.sessions, expected_id=1100000104, release="0.5.0") as session:
        counted = dict(zip(*session.counted()["indexed_spikes"].to_pydict().values(), strict=True))
    assert counted == {unit: len(times) for unit, times in golden("0.5.0", "spike_times", 1100000104).items()}
