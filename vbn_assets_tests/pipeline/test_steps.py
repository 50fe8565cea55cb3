"""The steps one after another, on the packaged sample behind a real S3: what each leaves, and that it repeats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import pyarrow.parquet as pq
import pytest

from vbn_assets.errors import MetadataError, NwbError, SettingsError, UnknownRelease
from vbn_assets.holdings import State, holdings, wanted_ids
from vbn_assets.mirror.disk import hash_file
from vbn_assets.pipeline import (
    Workspace,
    extract_file,
    extract_unreleased,
    keep_manifest,
    metadata_record,
    refresh_release,
    register_release,
    require_sound,
    select_sessions,
)
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import parse_release
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings

HELD = 1100000103
"""Has the same file in 0.4.0 and 0.5.0."""


@pytest.fixture
def workspace(tmp_path: Path, sample_bucket: SampleProcess) -> Workspace:
    return Workspace(Settings(data_dir=tmp_path, endpoint_url=sample_bucket.endpoint), VBN)


def hold(workspace: Workspace, session: int) -> None:
    file = workspace.session_file(str(session))
    require_sound(extract_file(workspace, workspace.mirror.fetch(file).path, file))


def test_a_release_is_current_only_when_all_of_it_is_in_the_lake(workspace: Workspace) -> None:
    keep_manifest(workspace, "0.5.0")
    assert workspace.current_release() is None
    with pytest.raises(UnknownRelease, match="vbn sync"):
        workspace.session_file(str(HELD))
    refresh_release(workspace, "0.5.0")
    current = workspace.current_release()
    assert current is not None
    assert current.version == "0.5.0"


def test_registering_before_the_tables_are_there_says_what_to_do(workspace: Workspace) -> None:
    release = keep_manifest(workspace, "0.5.0")
    with pytest.raises(MetadataError, match=r"ecephys_sessions.*not in the lake.*vbn sync --release 0\.5\.0"):
        register_release(workspace, release)


def test_a_new_release_has_every_file_that_is_here_under_its_own_name(workspace: Workspace) -> None:
    refresh_release(workspace, "0.4.0")
    hold(workspace, HELD)
    before = workspace.session_file(str(HELD))
    refresh_release(workspace, "0.5.0")
    after = workspace.session_file(str(HELD))
    assert (before.release, after.release) == ("0.4.0", "0.5.0")
    assert workspace.mirror.path(after).resolve() == workspace.mirror.path(before).resolve()
    metadata = workspace.release("0.5.0").metadata.values()
    assert all(workspace.mirror.path(file).is_file() for file in metadata)


def test_what_is_done_is_found_done(workspace: Workspace) -> None:
    first = refresh_release(workspace, "0.5.0")
    hold(workspace, HELD)
    paths = {path: path.stat().st_mtime_ns for path in workspace.settings.lake_dir.rglob("*") if path.is_file()}
    assert refresh_release(workspace, "0.5.0") == first
    hold(workspace, HELD)
    assert {path: path.stat().st_mtime_ns for path in workspace.settings.lake_dir.rglob("*") if path.is_file()} == paths


def test_a_file_extracted_before_its_release_was_known_gets_to_know_it(workspace: Workspace, tmp_path: Path) -> None:
    refresh_release(workspace, "0.4.0")
    elsewhere = tmp_path / "elsewhere.nwb"
    elsewhere.write_bytes(workspace.mirror.fetch(workspace.session_file(str(HELD))).path.read_bytes())
    stranger = Workspace(Settings(data_dir=tmp_path / "other", endpoint_url=workspace.settings.endpoint_url), VBN)
    assert extract_unreleased(stranger, elsewhere).source.release is None
    refresh_release(stranger, "0.4.0")
    record = extract_unreleased(stranger, elsewhere)
    assert record.source.release == "0.4.0"
    assert record.source.key is not None
    assert record.source.key.endswith(f"ecephys_session_{HELD}.nwb")


def test_two_who_ask_for_a_session_at_once_have_it_made_once(workspace: Workspace) -> None:
    refresh_release(workspace, "0.5.0")
    file = workspace.session_file(str(HELD))
    path = workspace.mirror.fetch(file).path
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: extract_file(workspace, path, file), range(2))
    assert first == second
    assert not list(workspace.settings.lake_dir.rglob("*.lock"))


@pytest.mark.parametrize(
    ("kind", "id", "table"),
    [("behavior_session", "1100000213", "trials"), ("probe_lfp", "1100000104/probeB", "lfp")],
)
def test_a_file_on_disk_is_known_by_what_it_has(
    workspace: Workspace, sample_files: dict[tuple[str, str, str], Path], kind: str, id: str, table: str
) -> None:
    path = sample_files["0.5.0", kind, id]
    record = require_sound(extract_unreleased(workspace, path))
    assert (record.source.kind, record.source.release) == (kind, None)
    assert record.tables[table].rows
    refresh_release(workspace, "0.5.0")
    released = require_sound(extract_unreleased(workspace, path))
    assert (released.source.kind, released.source.id, released.source.release) == (kind, id, "0.5.0")


def test_a_file_on_disk_is_read_once(workspace: Workspace, sample_files: dict[tuple[str, str, str], Path]) -> None:
    path = sample_files["0.4.0", "behavior_session", "1100000213"]
    record = extract_unreleased(workspace, path)
    written = {table: workspace.lake.path(file).stat().st_mtime_ns for table, file in record.tables.items()}
    assert extract_unreleased(workspace, path) == record
    assert {table: workspace.lake.path(file).stat().st_mtime_ns for table, file in record.tables.items()} == written


def test_an_lfp_file_of_which_only_the_manifest_knows(
    workspace: Workspace, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    """Its session is known by its hash, after it was read without one."""
    keep_manifest(workspace, "0.5.0")
    record = extract_unreleased(workspace, sample_files["0.5.0", "probe_lfp", "1100000104/probeB"])
    assert (record.source.id, record.source.ids["ecephys_session_id"]) == ("1100000104/probeB", 1100000104)
    assert "ecephys_session_id" in record.tables["lfp_channels"].columns


def test_a_file_that_is_refused_leaves_nothing(
    workspace: Workspace, sample_files: dict[tuple[str, str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "behavior_session_1100000213.nwb"
    path.write_bytes(sample_files["0.4.0", "behavior_session", "1100000213"].read_bytes())
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/catch"]
    with pytest.raises(NwbError, match="/intervals/trials/catch"):
        extract_unreleased(workspace, path)
    assert not [left for left in workspace.settings.lake_dir.rglob("*") if left.is_file()]


def test_a_file_of_another_project_is_told(
    workspace: Workspace, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    with pytest.raises(NwbError, match=r"is no file of Visual Behavior Neuropixels.*--project"):
        extract_unreleased(workspace, sample_files["1.1.0", "ophys_experiment", "1100009101"])


def test_a_file_that_is_not_there_is_told_by_its_name(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(NwbError, match=r"elsewhere\.nwb"):
        extract_unreleased(workspace, tmp_path / "elsewhere.nwb")


def test_a_released_file_that_is_refused_is_told_with_its_release(
    workspace: Workspace, sample_files: dict[tuple[str, str, str], Path], tmp_path: Path
) -> None:
    path = tmp_path / "behavior_session_1100000213.nwb"
    path.write_bytes(sample_files["0.5.0", "behavior_session", "1100000213"].read_bytes())
    published = keep_manifest(workspace, "0.5.0")
    before = published.file("behavior_session", 1100000213).file_hash
    with h5py.File(path, "r+") as file:
        del file["intervals/trials/catch"]
    raw = published.raw.replace(before.encode(), hash_file(path).encode())
    workspace.mirror.keep_manifest(parse_release(raw, VBN, published.manifest_name))
    with pytest.raises(NwbError, match=r"behavior_session_1100000213\.nwb of release 0\.5\.0.*/intervals/trials/catch"):
        extract_unreleased(workspace, path)


def test_an_lfp_file_is_found_by_its_probe(workspace: Workspace) -> None:
    refresh_release(workspace, "0.5.0")
    kind, release = VBN.kind("probe_lfp"), workspace.release("0.5.0")
    files = {id: file.id for id, file in workspace.files_about(release, kind).items()}
    assert files == {"1100000303": "1100000102/probeA", "1100000308": "1100000104/probeB"}
    assert workspace.session_file("1100000303", kind).id == "1100000102/probeA"
    with pytest.raises(UnknownRelease, match="probe_lfp file for 12"):
        workspace.session_file("12", kind)


def test_lfp_is_wanted_of_the_sessions_that_are_held_or_named(workspace: Workspace) -> None:
    refresh_release(workspace, "0.5.0")
    hold(workspace, 1100000104)
    release, kind = workspace.release("0.5.0"), VBN.kind("probe_lfp")
    assert wanted_ids(workspace, release, kind) == set()
    settings = workspace.settings.model_copy(update={"hold": "image_set = 'H'", "lfp": True})
    assert wanted_ids(Workspace(settings, VBN), release, kind) == {1100000102, 1100000104}


def test_holdings_tell_held_stale_and_missing(workspace: Workspace) -> None:
    refresh_release(workspace, "0.4.0")
    for session in (1100000102, HELD):
        hold(workspace, session)
    refresh_release(workspace, "0.5.0")
    release = workspace.current_release()
    assert release is not None
    assert {h.session_id: h.state for h in holdings(workspace, release)} == {
        1100000102: State.STALE,
        1100000103: State.HELD,
        1100000104: State.MISSING,
    }


@pytest.mark.parametrize(
    ("where", "chosen"),
    [
        ("all", [1100000102, 1100000103, 1100000104]),
        ("none", []),
        ("image_set = 'H'", [1100000102]),
        ("abnormal_histology IS NULL AND abnormal_activity IS NULL", [1100000102, 1100000103]),
    ],
)
def test_sessions_are_chosen_by_condition(workspace: Workspace, where: str, chosen: list[int]) -> None:
    refresh_release(workspace, "0.5.0")
    assert select_sessions(workspace, workspace.release("0.5.0"), where) == chosen


@pytest.mark.parametrize(
    "where", ["image = 'H'", "1 +", "session_type = (SELECT content FROM read_text('/etc/hostname'))"]
)
def test_a_condition_that_means_nothing_or_reads_files_is_refused(workspace: Workspace, where: str) -> None:
    refresh_release(workspace, "0.5.0")
    with pytest.raises(SettingsError, match="columns are ecephys_session_id"):
        select_sessions(workspace, workspace.release("0.5.0"), where)


def test_an_unsound_session_is_made_again_once_its_release_is_right(workspace: Workspace) -> None:
    """A claim is about file and release together: another release may make it hold."""
    refresh_release(workspace, "0.5.0")
    file = workspace.session_file(str(HELD))
    path = workspace.mirror.fetch(file).path
    units = metadata_record(workspace, workspace.release("0.5.0"), "units")
    parquet = workspace.lake.path(units.tables["units"])
    whole = parquet.read_bytes()
    pq.write_table(pq.read_table(parquet).slice(0, 40), parquet)
    record = extract_file(workspace, path, file)
    assert not record.sound
    with pytest.raises(
        NwbError, match=r"unit_count_equals_the_release.*0\.5\.0|0\.5\.0.*unit_count_equals_the_release"
    ):
        require_sound(record)
    parquet.write_bytes(whole)
    assert require_sound(extract_file(workspace, path, file)).sound
