"""Files of a release by what the metadata says they are about."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from vbn_assets.errors import MetadataError
from vbn_assets.metadata.csv_tables import read_table
from vbn_assets.metadata.file_ids import resolve_files
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import Release, ReleaseFile, identify
from vbn_assets.sample.history import read_history

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def releases(sample_folder: Path) -> dict[str, tuple[Release, dict[str, pa.Table]]]:
    """Each packaged release, and its metadata tables."""
    found = {}
    for stored in read_history(sample_folder, VBN.bucket):
        version = stored.version

        def file(file_id: str, kind: str, id: str, key: str, version: str = version) -> ReleaseFile:
            return ReleaseFile(version, kind, id, file_id, VBN.bucket, key, "v1", "0" * 128)

        metadata = {name: file(name, "metadata", name, held.key) for name, held in stored.metadata.items()}
        data = {file_id: file(file_id, *identify(held.key, VBN), held.key) for file_id, held in stored.data.items()}
        tables = {
            name: read_table(held.path, VBN.tables[name], release=version) for name, held in stored.metadata.items()
        }
        found[version] = Release(VBN, version, b"", {}, metadata, data), tables
    return found


def with_value(table: pa.Table, row: int, name: str, value: int | None) -> pa.Table:
    values = table[name].to_pylist()
    values[row] = value
    return table.set_column(table.column_names.index(name), name, pa.array(values, pa.int64()))


def test_every_file_gets_the_id_of_its_row(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.5.0"]
    files = {(row["kind"], row["name"]): row for row in resolve_files(tables, release).to_pylist()}
    assert len(files) == len(release.metadata) + len(release.data)
    session = files["ecephys_session", "1100000104"]
    assert (session["id"], session["ecephys_session_id"], session["behavior_session_id"]) == (
        1100000104,
        1100000104,
        1100000204,
    )
    probe = tables["probes"].filter(
        pa.compute.field("ecephys_probe_id") == files["probe_lfp", "1100000104/probeB"]["id"]
    )
    assert probe.select(["ecephys_session_id", "name"]).to_pylist() == [
        {"ecephys_session_id": 1100000104, "name": "probeB"}
    ]
    assert files["metadata", "units"]["id"] is None


def test_release_without_lfp_has_no_probe_file_ids(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.3.0"]
    assert tables["probes"]["file_id"].null_count == tables["probes"].num_rows
    kinds = resolve_files(tables, release)["kind"].to_pylist()
    assert sorted(set(kinds)) == ["ecephys_session", "metadata"]


@pytest.mark.parametrize("none", [-999, None])
def test_file_no_row_points_at_keeps_its_keys_id(
    releases: dict[str, tuple[Release, dict[str, pa.Table]]], none: int | None
) -> None:
    release, tables = releases["0.5.0"]
    alone = {**tables, "ecephys_sessions": with_value(tables["ecephys_sessions"], 0, "file_id", none)}
    session = tables["ecephys_sessions"]["ecephys_session_id"][0].as_py()
    row = next(row for row in resolve_files(alone, release).to_pylist() if row["name"] == str(session))
    assert (row["kind"], row["id"], row["behavior_session_id"]) == ("ecephys_session", session, None)


def test_file_id_outside_the_manifest_is_refused(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.5.0"]
    broken = {**tables, "ecephys_sessions": with_value(tables["ecephys_sessions"], 0, "file_id", 4711)}
    with pytest.raises(MetadataError, match=r"ecephys_sessions.csv of release 0.5.0.*no file 4711"):
        resolve_files(broken, release)


def test_file_of_another_session_is_refused(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.5.0"]
    sessions = tables["ecephys_sessions"]
    first, second = sessions["file_id"].to_pylist()[:2]
    swapped = with_value(with_value(sessions, 0, "file_id", second), 1, "file_id", first)
    with pytest.raises(MetadataError, match=r"ecephys_session of \d+.*found visual-behavior-neuropixels/"):
        resolve_files({**tables, "ecephys_sessions": swapped}, release)


def test_one_file_for_two_rows_is_refused(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.5.0"]
    doubled = pa.concat_tables([tables["ecephys_sessions"], tables["ecephys_sessions"].slice(0, 1)])
    with pytest.raises(MetadataError, match="one row for each file_id"):
        resolve_files({**tables, "ecephys_sessions": doubled}, release)


def test_file_of_unknown_kind_is_listed(releases: dict[str, tuple[Release, dict[str, pa.Table]]]) -> None:
    release, tables = releases["0.5.0"]
    movie = ReleaseFile("0.5.0", "other", "movie.npy", "99", VBN.bucket, f"{VBN.s3_name}/movie.npy", "v1", "1" * 128)
    files = resolve_files(tables, dataclasses.replace(release, data={**release.data, "99": movie})).to_pylist()
    assert [row["id"] for row in files if row["kind"] == "other"] == [None]
