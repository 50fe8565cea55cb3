"""Which release a cache opens and what it says of it: AllenSDK's answers and texts, in AllenSDK's cases."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest

from vbn_assets.client import (
    BehaviorCloudCacheVersionException,
    MissingLocalManifestWarning,
    OutdatedManifestWarning,
    VisualBehaviorNeuropixelsProjectCache,
)
from vbn_assets.projects import VBN
from vbn_assets.sample.server import SampleBucket
from vbn_assets_tests.client.conftest import manifest

from_s3_cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache
RELEASES = [manifest(version) for version in ("0.3.0", "0.4.0", "0.5.0")]


def last_used(folder: Path) -> str:
    return (folder / "_manifest_last_used.txt").read_text()


def test_a_new_folder_opens_the_newest_release(folder: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = from_s3_cache(folder)
    assert cache.current_manifest() == cache.latest_manifest_file() == RELEASES[2]
    assert cache.list_manifest_file_names() == RELEASES
    assert cache.list_all_downloaded_manifests() == [RELEASES[2]]
    assert cache.latest_downloaded_manifest_file() == RELEASES[2]
    assert last_used(folder) == RELEASES[2]
    assert (folder / "visual-behavior-neuropixels-0.5.0" / "project_metadata" / "units.csv").is_file()


def test_another_release_than_the_newest_is_loaded_with_a_warning_once(folder: Path) -> None:
    cache = from_s3_cache(str(folder))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cache.load_manifest(RELEASES[1])
        cache.load_manifest(RELEASES[0])
    assert [str(warning.message) for warning in said] == [
        "\n\nThe manifest file you are loading is not the most up to date manifest file available for this dataset. "
        "The most up to data manifest file available for this dataset is \n\n"
        "visual-behavior-neuropixels_project_manifest_v0.5.0.json\n\nTo see the differences between these manifests,"
        "run\n\nVisualBehaviorNeuropixelsProjectCache.compare_manifests("
        "'visual-behavior-neuropixels_project_manifest_v0.4.0.json', "
        "'visual-behavior-neuropixels_project_manifest_v0.5.0.json')\n\nTo see all of the manifest files currently "
        "downloaded onto your local system, run\n\nself.list_all_downloaded_manifests()\n\nIf you just want to load "
        "the latest manifest, run\n\nself.load_latest_manifest()\n\n"
    ]
    assert (said[0].category, said[0].filename) == (OutdatedManifestWarning, __file__)
    assert cache.current_manifest() == last_used(folder) == RELEASES[0]


def test_the_release_that_was_used_last_is_opened_again(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    (folder / "_manifest_last_used.txt").write_text(RELEASES[1])
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cache = from_s3_cache(folder)
        cache.load_manifest(RELEASES[0])  # warned of this latest already
    assert [str(warning.message) for warning in said] == [
        "You are loading visual-behavior-neuropixels_project_manifest_v0.4.0.json. A more up to date version of the "
        "dataset -- visual-behavior-neuropixels_project_manifest_v0.5.0.json -- exists online. To see the changes "
        "between the two versions of the dataset, run\nVisualBehaviorNeuropixelsProjectCache.compare_manifests("
        "'visual-behavior-neuropixels_project_manifest_v0.4.0.json', "
        "'visual-behavior-neuropixels_project_manifest_v0.5.0.json')\nTo load another version of the dataset, run\n"
        "VisualBehaviorNeuropixelsProjectCache.load_manifest("
        "'visual-behavior-neuropixels_project_manifest_v0.5.0.json')"
    ]


def test_a_release_that_appears_is_seen_by_the_next_cache_and_loaded_when_asked_for(
    fresh_folder: Path, fresh_bucket: SampleBucket
) -> None:
    cache = from_s3_cache(fresh_folder)
    fresh_bucket.publish_next()
    assert cache.latest_manifest_file() == RELEASES[1]
    with pytest.warns(OutdatedManifestWarning, match=r"You are loading .*0\.4\.0.*exists online"):
        cache = from_s3_cache(fresh_folder)
    with pytest.warns(OutdatedManifestWarning) as said:
        cache.load_latest_manifest()
    assert str(said[0].message) == (
        "You are loading\nvisual-behavior-neuropixels_project_manifest_v0.5.0.json\nwhich is newer than the most "
        "recent manifest file you have previously been working with\n"
        "visual-behavior-neuropixels_project_manifest_v0.4.0.json\nIt is possible that some data files have changed "
        "between these two data releases, which will force you to re-download those data files (currently downloaded "
        "files will not be overwritten). To continue using visual-behavior-neuropixels_project_manifest_v0.4.0.json, "
        "run\nVisualBehaviorNeuropixelsProjectCache.load_manifest("
        "'visual-behavior-neuropixels_project_manifest_v0.4.0.json')"
    )
    assert cache.current_manifest() == RELEASES[2]


@pytest.mark.parametrize("name", ["nonsense", manifest("9.9.9"), "../" + manifest("0.5.0")])
def test_a_manifest_that_is_not_offered_changes_nothing(opened: Path, folder: Path, name: str) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    cache = from_s3_cache(folder)
    with pytest.raises(ValueError, match=r"is not one of the valid manifest names.*v0\.3\.0\.json.*v0\.5\.0\.json"):
        cache.load_manifest(name)
    with pytest.raises(ValueError, match="is not one of the valid manifest names"):
        cache.compare_manifests(name, RELEASES[0])
    assert cache.current_manifest() == last_used(folder) == RELEASES[2]


def test_a_note_of_a_manifest_that_is_not_offered_is_passed_over(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    (folder / "_manifest_last_used.txt").write_text("garbage.json")
    with pytest.warns(UserWarning, match="recorded as last used") as said:
        from_s3_cache(folder)
    assert str(said[0].message) == (
        "The manifest version recorded as last used for this cache -- garbage.json-- is not a valid manifest for this "
        "dataset. Loading latest version -- visual-behavior-neuropixels_project_manifest_v0.5.0.json -- instead."
    )
    assert last_used(folder) == RELEASES[2]


@pytest.fixture
def too_new(fresh_folder: Path, fresh_bucket: SampleBucket) -> str:
    """A manifest of a release that this version cannot read, in the bucket."""
    document = {**fresh_bucket.manifests["0.4.0"], "manifest_version": "10.0.0"}
    key = VBN.manifest_prefix() + manifest("10.0.0")
    fresh_bucket.client.put_object(Bucket=VBN.bucket, Key=key, Body=json.dumps(document).encode(), ACL="public-read")
    return manifest("10.0.0")


def test_a_release_that_cannot_be_read_leaves_the_folder_usable(fresh_folder: Path, too_new: str) -> None:
    with pytest.raises(BehaviorCloudCacheVersionException, match=r"10\.0\.0 but .* 0\.1\.0 <= X < 10\.0\.0"):
        from_s3_cache(fresh_folder)
    cache = from_s3_cache(fresh_folder, manifest_name=RELEASES[1])
    with pytest.raises(BehaviorCloudCacheVersionException):
        cache.load_manifest(too_new)
    assert cache.current_manifest() == last_used(fresh_folder) == RELEASES[1]
    assert cache.list_all_downloaded_manifests() == [RELEASES[1]]


def test_a_folder_that_allensdk_can_open_no_more_is_opened(fresh_folder: Path, too_new: str) -> None:
    fresh_folder.mkdir()
    (fresh_folder / "_manifest_last_used.txt").write_text(too_new)
    with pytest.warns(UserWarning, match=r"10\.0\.0\.json -- cannot be read.*Loading .*0\.4\.0\.json instead"):
        cache = from_s3_cache(fresh_folder)
    assert cache.current_manifest() == last_used(fresh_folder) == RELEASES[1]


def test_ten_comes_after_nine_but_not_in_the_list(fresh_folder: Path, fresh_bucket: SampleBucket) -> None:
    for version in ("0.9.0", "0.10.0"):
        document = {**fresh_bucket.manifests["0.4.0"], "manifest_version": version}
        key = VBN.manifest_prefix() + manifest(version)
        fresh_bucket.client.put_object(Bucket=VBN.bucket, Key=key, Body=json.dumps(document), ACL="public-read")
    cache = from_s3_cache(fresh_folder)
    assert cache.current_manifest() == manifest("0.10.0")
    assert cache.list_manifest_file_names() == [manifest("0.10.0"), RELEASES[0], RELEASES[1], manifest("0.9.0")]


def test_a_folder_without_a_record_of_downloads_is_warned_of_and_gets_one(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    record = folder / "_downloaded_data.json"
    record.unlink()
    with pytest.warns(MissingLocalManifestWarning) as said:
        cache = from_s3_cache(folder)
    assert str(said[0].message) == (
        "This cache directory appears to contain data files, but it has no record of what those files are. You might "
        "want to consider running\n\nVisualBehaviorNeuropixelsProjectCache.construct_local_manifest()\n\nto avoid "
        "needlessly downloading duplicates of data files that did not change between data releases. NOTE: running "
        "this method will require hashing every data file you have currently downloaded and could be very time "
        "consuming.\n\nTo avoid this warning in the future, make sure that\n\n"
        f"{record}\n\nis not deleted between instantiations of this cache"
    )
    cache.construct_local_manifest()
    known = json.loads(record.read_text())
    files = {path.resolve() for path in folder.rglob("*.csv")}
    assert {Path(path) for path in known} == files
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_s3_cache(folder)


def test_a_manifest_that_was_cut_short_is_fetched_anew(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    whole = (folder / RELEASES[2]).read_bytes()
    (folder / RELEASES[2]).write_bytes(whole[:1000])
    assert from_s3_cache(folder).current_manifest() == RELEASES[2]
    assert (folder / RELEASES[2]).read_bytes() == whole


def test_addresses_name_the_version_of_the_object(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    cache = from_s3_cache(folder)
    entries = json.loads((folder / RELEASES[1]).read_text())
    urls = cache.generate_all_download_urls("0.4.0")
    expected = [*entries["metadata_files"].values(), *entries["data_files"].values()]
    assert [url.split("/visual-behavior-neuropixels/")[1] for url in urls] == [
        f"{entry['url'].split('/visual-behavior-neuropixels/')[1]}?versionId={entry['version_id']}"
        for entry in expected
    ]
    assert cache.get_metadata_url("units") in cache.generate_all_download_urls()
    assert cache.get_ecephys_session_url(1100000102) in cache.generate_all_download_urls()
    assert cache.get_manifest_url().endswith(f"/visual-behavior-neuropixels/manifests/{RELEASES[2]}")
    with pytest.raises(ValueError, match=r"mice.*not in self\.metadata_file_names.*units"):
        cache.get_metadata_url("mice")
