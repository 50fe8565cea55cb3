"""Caches that ask nothing of the network: AllenSDK's local and static ones."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from vbn_assets.client import OutdatedManifestWarning, VisualBehaviorNeuropixelsProjectCache
from vbn_assets.client.exceptions import TemporaryLakeWarning
from vbn_assets.projects import VBN
from vbn_assets.releases.manifest import parse_release
from vbn_assets_tests.client.conftest import manifest

from_local_cache = VisualBehaviorNeuropixelsProjectCache.from_local_cache
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def copied(opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The opened folder somewhere else, with no S3 in reach."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOWHERE)
    folder = Path(shutil.copytree(opened, tmp_path / "cache", symlinks=True))
    (folder / "_downloaded_data.json").write_text("{}")  # which names the files of the first folder
    return folder


def test_what_is_in_the_folder_is_all_there_is(copied: Path) -> None:
    (copied / manifest("0.3.0")).unlink()
    cache = from_local_cache(copied)
    assert cache.list_manifest_file_names() == [manifest("0.4.0"), manifest("0.5.0")]
    with pytest.raises(ValueError, match="is not one of the valid manifest names"):
        cache.load_manifest(manifest("0.3.0"))
    with pytest.warns(OutdatedManifestWarning):
        cache.load_manifest(manifest("0.4.0"))
    assert len(cache.get_unit_table())
    assert (copied / "_manifest_last_used.txt").read_text() == manifest("0.4.0")


def test_a_file_that_is_missing_is_named(copied: Path) -> None:
    shutil.rmtree(copied / "lake")
    for csv in copied.rglob("units.csv"):  # a copy under another release would be linked
        csv.unlink()
    units = copied / "visual-behavior-neuropixels-0.5.0" / "project_metadata" / "units.csv"
    with pytest.raises(FileNotFoundError) as raised:
        from_local_cache(copied)
    assert str(raised.value).startswith(
        f"You started a cache without a connection to s3 and {units} is not already on your system. "
    )


def test_tables_that_are_in_the_lake_need_no_file(copied: Path) -> None:
    for csv in copied.rglob("*.csv"):
        csv.unlink()
    assert len(from_local_cache(copied).get_unit_table())


def test_a_session_that_is_missing_is_named(copied: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"ecephys_session_1100000102\.nwb is not already on your system"):
        from_local_cache(copied).get_ecephys_session(1100000102)


def test_a_folder_without_manifests(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"this folder has no manifest.*from_s3_cache"):
        from_local_cache(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


@pytest.fixture
def mounted(opened: Path, sample_files: dict[tuple[str, str, str], Path], tmp_path: Path) -> Path:
    """The bucket as a folder: every manifest, and the files of the newest release under their keys."""
    manifests = tmp_path / "mounted" / VBN.manifest_prefix()
    manifests.mkdir(parents=True)
    for name in ("0.3.0", "0.4.0", "0.5.0"):
        shutil.copy(opened / manifest(name), manifests)
    release = parse_release((opened / manifest("0.5.0")).read_bytes(), VBN, manifest("0.5.0"))
    for file in release.metadata.values():
        path = tmp_path / "mounted" / file.key
        path.parent.mkdir(exist_ok=True)
        shutil.copy(sample_files["0.5.0", *file.identity], path)
    return tmp_path / "mounted"


def test_a_mounted_bucket_shows_its_newest_release_and_is_not_written(mounted: Path, tmp_path: Path) -> None:
    before = sorted(mounted.rglob("*"))
    cache = from_local_cache(mounted, use_static_cache=True, data_dir=tmp_path / "data")
    newest = manifest("0.5.0")
    assert cache.list_manifest_file_names() == cache.list_all_downloaded_manifests() == [newest]
    assert cache.current_manifest() == cache.latest_manifest_file() == newest
    assert len(cache.get_channel_table())
    with pytest.raises(ValueError, match="is not one of the valid manifest names"):
        cache.load_manifest(manifest("0.4.0"))
    cache.load_manifest(newest)
    for method in ("load_latest_manifest", "latest_downloaded_manifest_file", "construct_local_manifest"):
        with pytest.raises(AttributeError, match=f"'StaticLocalCache' object has no attribute '{method}'"):
            getattr(cache, method)()
    with pytest.raises(RuntimeError, match="not available for the StaticLocalCache class"):
        cache.compare_manifests(newest, newest)
    assert sorted(mounted.rglob("*")) == before


def test_a_folder_that_is_no_bucket(opened: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match=r"Expected the provided cache_dir.*pixels/manifests"):
            from_local_cache(opened, use_static_cache=True)


def test_without_a_folder_for_its_tables_a_mounted_bucket_says_where_a_session_s_go(
    mounted: Path, sample_files: dict[tuple[str, str, str], Path]
) -> None:
    cache = from_local_cache(mounted, use_static_cache=True)
    release = parse_release((mounted / VBN.manifest_prefix() / manifest("0.5.0")).read_bytes(), VBN, manifest("0.5.0"))
    file = release.file("behavior_session", 1100000213)
    path = mounted / file.key
    path.parent.mkdir(parents=True)
    shutil.copy(sample_files["0.5.0", *file.identity], path)
    with pytest.warns(TemporaryLakeWarning, match=r"gone when this process ends\. Set VBN_DATA_DIR"):
        session = cache.get_behavior_session(1100000213)
    assert len(session.trials)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.get_behavior_session(1100000213)
