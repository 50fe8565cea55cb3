"""What the warehouse answers, in the order it answers, is what AllenSDK returns: from S3 to SQL, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from vbn_assets.pipeline import Workspace, extract_file, refresh_release, require_sound
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish
from vbn_assets_tests.golden import golden, golden_dtypes

SESSIONS = {"0.3.0": (1100000102, 1100000103), "0.5.0": (1100000102, 1100000103, 1100000104)}
SCHEMAS = [("vbn_v0_3_0", "0.3.0"), ("vbn_v0_5_0", "0.5.0"), ("vbn", "0.5.0")]

RELEASE_TABLES = {
    "normal_ecephys_sessions": "get_ecephys_session_table",
    "ecephys_sessions": "get_ecephys_session_table__unfiltered",
    "behavior_sessions": "get_behavior_session_table",
    "probes": "get_probe_table",
    "channels": "get_channel_table",
    "units": "get_unit_table",
}
SESSION_TABLES = {
    "session_units": "get_units",
    "session_channels": "get_channels__all",
    "session_probes": "probes",
    "trials": "trials",
    "stimulus_presentations": "stimulus_presentations",
    "licks": "licks",
    "rewards": "rewards",
    "running_speed": "running_speed",
}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Path:
    """Both releases with all their sessions."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), endpoint_url=sample_bucket.endpoint)
    workspace = Workspace(settings, VBN)
    for version, sessions in SESSIONS.items():
        refresh_release(workspace, version)
        for session in sessions:
            file = workspace.release(version).file(VBN.session_kind, session)
            require_sound(extract_file(workspace, workspace.mirror.fetch(file).path, file))
    publish(settings)
    return settings.warehouse_path


def ask(warehouse: Path, query: str) -> pa.Table:
    with open_warehouse(warehouse) as con:
        return con.sql(query).to_arrow_table()


def exactly(value: Any) -> Any:
    """A value as it can be compared to the bit: floats as hexadecimal, NaN as null."""
    if isinstance(value, float):
        return None if np.isnan(value) else value.hex()
    return [exactly(part) for part in value] if isinstance(value, list) else value


def assert_same(ours: pa.Table, release: str, accessor: str, session: int | None = None) -> None:
    expected = golden(release, accessor, session)
    indexed = golden_dtypes(release, accessor, session)["index_name"]
    for name in expected.column_names[0 if indexed else 1 :]:
        assert exactly(ours[name].to_pylist()) == exactly(expected[name].to_pylist()), name


@pytest.mark.parametrize(("schema", "release"), SCHEMAS)
@pytest.mark.parametrize("table", RELEASE_TABLES)
def test_a_release_s_tables(warehouse: Path, schema: str, release: str, table: str) -> None:
    assert_same(ask(warehouse, f"FROM {schema}.{table}"), release, RELEASE_TABLES[table])


@pytest.mark.parametrize(("schema", "release"), SCHEMAS)
@pytest.mark.parametrize("table", SESSION_TABLES)
def test_a_session_s_tables(warehouse: Path, schema: str, release: str, table: str) -> None:
    for session in SESSIONS[release]:
        ours = ask(warehouse, f"FROM {schema}.{table} WHERE ecephys_session_id = {session}")
        assert_same(ours, release, SESSION_TABLES[table], session)


@pytest.mark.parametrize(("schema", "release"), SCHEMAS)
def test_spikes_and_waveforms_of_every_unit(warehouse: Path, schema: str, release: str) -> None:
    for session in SESSIONS[release]:
        spikes = ask(warehouse, f"FROM {schema}.spike_times WHERE ecephys_session_id = {session}")
        waveforms = ask(warehouse, f"FROM {schema}.mean_waveforms WHERE ecephys_session_id = {session}")
        flat = waveforms["mean_waveform"].combine_chunks().flatten()
        for values, unit_ids, accessor in (
            (spikes["spike_time"], spikes["unit_id"], "spike_times"),
            (spikes["spike_amplitude"], spikes["unit_id"], "spike_amplitudes"),
            (flat, waveforms["unit_id"], "mean_waveforms"),
        ):
            expected = golden(release, accessor, session)
            assert unit_ids.to_pylist() == [unit for unit in sorted(expected) for _ in expected[unit]]
            assert values.to_numpy().tobytes() == b"".join(expected[unit].tobytes() for unit in sorted(expected))


@pytest.mark.parametrize(("schema", "release"), SCHEMAS)
def test_what_is_said_of_a_session(warehouse: Path, schema: str, release: str) -> None:
    for session in SESSIONS[release]:
        (ours,) = ask(warehouse, f"FROM {schema}.session_metadata WHERE ecephys_session_id = {session}").to_pylist()
        ours["date_of_acquisition"] = ours["date_of_acquisition"].isoformat()
        assert ours == golden(release, "metadata", session)
