"""What must be true of an imaging plane's tables is found out where it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from vbn_assets.nwb.session import open_session
from vbn_assets.pipeline import ArrowReading
from vbn_assets.projects import VBO
from vbn_assets.warehouse.claims import check_file
from vbn_assets.warehouse.lake import Lake, Source

Files = dict[tuple[str, str, str], Path]
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def tables(sample_files: Files) -> Tables:
    path = sample_files["1.1.0", "ophys_experiment", "1100009101"]
    with open_session(path, kind=VBO.kind("ophys_experiment"), expected_id=1100009101, release="1.1.0") as session:
        return {reading.table.name: pa.concat_tables(reading.pieces()) for reading in session.tables()}


def broken(tables: Tables, folder: Path) -> set[str]:
    """The claims that do not hold of these tables."""
    ids = {"ophys_experiment_id": 1100009101, "ophys_session_id": 1100009201, "behavior_session_id": 1100009001}
    source, lake = Source("ophys_experiment", "1100009101", "0" * 128, ids=ids), Lake(folder, "vbo")
    files = lake.write(source, [ArrowReading(VBO.tables[name], rows) for name, rows in tables.items()])
    claims = check_file(VBO, lake, source, files, counted={}, released_units=None)
    return {claim.name for claim in claims if not claim.holds}


def without_first(rows: pa.Table) -> pa.Table:
    return rows.slice(1)


def of_another(rows: pa.Table) -> pa.Table:
    ids = pc.add(rows["cell_roi_id"], 1000)
    return rows.set_column(rows.column_names.index("cell_roi_id"), rows.schema.field("cell_roi_id"), ids)


def test_all_hold(tables: Tables, tmp_path: Path) -> None:
    assert broken(tables, tmp_path) == set()


@pytest.mark.parametrize(
    ("table", "change", "claim"),
    [
        ("dff_traces", without_first, "every_cell_has_its_traces"),
        ("corrected_fluorescence_traces", without_first, "every_cell_has_its_traces"),
        ("roi_masks", without_first, "every_cell_has_its_traces"),
        ("events", of_another, "every_cell_has_its_traces"),
        ("neuropil_traces", of_another, "every_cell_has_its_traces"),
        ("ophys_timestamps", without_first, "every_trace_has_its_times"),
    ],
)
def test_broken(table: str, change: Callable[[pa.Table], pa.Table], claim: str, tables: Tables, tmp_path: Path) -> None:
    assert broken({**tables, table: change(tables[table])}, tmp_path) == {claim}


def test_events_may_be_of_some_cells(tables: Tables, tmp_path: Path) -> None:
    assert broken({**tables, "events": without_first(tables["events"])}, tmp_path) == set()
