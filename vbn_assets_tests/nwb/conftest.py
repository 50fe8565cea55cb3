"""Session files to read, and copies of one to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import h5py
import pyarrow as pa
import pytest

from vbn_assets.nwb.session import open_session
from vbn_assets.projects import VBN, Project

Change = Callable[[h5py.File], object]


class ReadTables(Protocol):
    def __call__(self, path: Path, kind: str = "ecephys_session", project: Project = VBN) -> dict[str, pa.Table]: ...


@pytest.fixture
def changed(tmp_path: Path, sample_files: dict[tuple[str, str, str], Path]) -> Callable[[Change], Path]:
    """A copy of session 1100000104's file to which something was done."""

    source = sample_files["0.5.0", "ecephys_session", "1100000104"]
    return lambda how: _copy(source, tmp_path / "ecephys_session_1100000104.nwb", how)


@pytest.fixture
def changed_plane(tmp_path: Path, sample_files: dict[tuple[str, str, str], Path]) -> Callable[[Change], Path]:
    """A copy of ophys experiment 1100009101's file to which something was done."""
    source = sample_files["1.1.0", "ophys_experiment", "1100009101"]
    return lambda how: _copy(source, tmp_path / "behavior_ophys_experiment_1100009101.nwb", how)


def _copy(source: Path, path: Path, how: Change) -> Path:
    shutil.copy(source, path)
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        how(file)
    return path


@pytest.fixture(scope="session")
def read_tables() -> ReadTables:
    """Every table of a file, in memory."""

    def read(path: Path, kind: str = "ecephys_session", project: Project = VBN) -> dict[str, pa.Table]:
        with open_session(path, kind=project.kind(kind), expected_id=None, release="0.5.0") as session:
            return {reading.table.name: pa.concat_tables(reading.pieces()) for reading in session.tables()}

    return read


def replace(group: h5py.Group, name: str, values: object, **how: object) -> None:
    """Put another dataset in one's place, with its attributes."""
    attributes = dict(group[name].attrs)
    del group[name]
    made = group.create_dataset(name, data=values, **how)
    for key, value in attributes.items():
        made.attrs[key] = value


def drop_columns(group: h5py.Group, *names: str) -> None:
    """Take columns out of an NWB table."""
    group.attrs["colnames"] = [name for name in group.attrs["colnames"] if name not in names]
    for name in names:
        if name in group:
            del group[name]
