"""Releases whose tables have other columns than those we know, from the bucket to the warehouse and the client."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

import pandas as pd
import pytest

from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache
from vbn_assets.pipeline import Workspace, metadata_record, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.releases.urls import file_urls
from vbn_assets.sample.server import SampleBucket
from vbn_assets.settings import Settings
from vbn_assets.warehouse.compare import compare_files
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish

Change = Callable[[pd.DataFrame], pd.DataFrame]

OURS = ("release", "before_release", "file", "id", "what", "change", "old", "new", "before", "rows", 'a "quoted" one')
"""Names that our own queries use."""


@pytest.fixture
def workspace(tmp_path: Path, fresh_bucket: SampleBucket) -> Workspace:
    return Workspace(Settings(data_dir=tmp_path / "data", endpoint_url=fresh_bucket.endpoint, projects=("vbn",)), VBN)


def publish_changed(bucket: SampleBucket, version: str, **changes: Change) -> None:
    """Publish a release whose tables are those of 0.4.0 but for the changes."""
    manifest = copy.deepcopy(bucket.manifests["0.4.0"])
    manifest["manifest_version"] = version
    for table, change in changes.items():
        entry = manifest["metadata_files"][table]
        key = entry["url"].split(".com/", 1)[1]
        stored = bucket.client.get_object(Bucket=bucket.bucket, Key=key, VersionId=entry["version_id"])["Body"]
        csv = change(pd.read_csv(stored, dtype=str, keep_default_na=False)).to_csv(index=False).encode()
        answer = bucket.client.put_object(Bucket=bucket.bucket, Key=key, Body=csv, ACL="public-read")
        entry.update(version_id=answer["VersionId"], file_hash=blake2b(csv).hexdigest())
    key = VBN.manifest_prefix() + VBN.manifest_name(version)
    body = json.dumps(manifest).encode()
    bucket.client.put_object(Bucket=bucket.bucket, Key=key, Body=body, ACL="public-read")


def test_columns_may_come_and_go_under_any_name(workspace: Workspace, fresh_bucket: SampleBucket) -> None:
    come = {"Unnamed: 0": "7", "NAME": "x", "depth": "1", **dict.fromkeys(OURS, "o")}
    publish_changed(fresh_bucket, "0.6.0", probes=lambda probes: probes.assign(**come))
    publish_changed(
        fresh_bucket,
        "0.6.1",
        probes=lambda probes: probes.assign(**{**come, "depth": "deep"}),
        units=lambda units: units.drop(columns="snr"),
    )
    for version in ("0.4.0", "0.6.0", "0.6.1"):
        refresh_release(workspace, version)
    publish(workspace.settings)
    renamed = {"NAME", "release", "before_release"}
    kept = {f"{name}_2" if name in renamed else name for name in come}
    with open_warehouse(workspace.settings.warehouse_path) as con:
        columns = set(con.sql("FROM vbn.probes").columns)
        ((known, units),) = con.sql("SELECT count(snr), count(*) FROM vbn.units").fetchall()
        differing = con.sql(
            "SELECT DISTINCT column_name, change FROM vbn.release_diff('0.6.0', '0.6.1') WHERE what <> 'file'"
        ).fetchall()
    assert columns >= kept | {"name"}
    assert known == 0 < units
    assert set(differing) == {("depth", "changed"), ("snr", "removed")}
    before, after = (
        metadata_record(workspace, workspace.release(version), "probes").tables["probes"]
        for version in ("0.6.0", "0.6.1")
    )
    assert compare_files(workspace.lake, VBN.tables["probes"], before, after).changed_columns == ("depth",)
    cache = VisualBehaviorNeuropixelsProjectCache.from_local_cache(workspace.settings.mirror_dir(VBN))
    assert set(cache.get_probe_table().columns) >= kept
    assert "snr" not in cache.get_unit_table().columns


def test_whole_numbers_of_any_size_are_what_pandas_makes_of_them(
    workspace: Workspace, fresh_bucket: SampleBucket
) -> None:
    def large(probes: pd.DataFrame) -> pd.DataFrame:
        gaps = ["", *["9007199254740993"] * (len(probes) - 1)]
        return probes.assign(huge="1" + "0" * 22, gaps=gaps, phase="1" + "0" * 20)

    publish_changed(fresh_bucket, "0.6.0", probes=large)
    refresh_release(workspace, "0.6.0")
    cache = VisualBehaviorNeuropixelsProjectCache.from_local_cache(workspace.settings.mirror_dir(VBN))
    probes = cache.get_probe_table()
    assert probes["gaps"].tolist()[1:] == [9007199254740992.0] * (len(probes) - 1)
    assert set(probes["huge"]) == {1e22}
    assert set(probes["phase"]) == {1e20}


def test_addresses_are_made_of_what_was_checked(workspace: Workspace, fresh_bucket: SampleBucket) -> None:
    manifest = copy.deepcopy(fresh_bucket.manifests["0.4.0"])
    manifest["manifest_version"] = "0.6.0"
    plain = dict(manifest["metadata_files"]["units"])
    manifest["metadata_files"]["units"]["url"] += "?versionId=other\nhttps://elsewhere.example/#"
    key = VBN.manifest_prefix() + VBN.manifest_name("0.6.0")
    body = json.dumps(manifest).encode()
    fresh_bucket.client.put_object(Bucket=fresh_bucket.bucket, Key=key, Body=body, ACL="public-read")
    release = refresh_release(workspace, "0.6.0") and workspace.release("0.6.0")
    url = file_urls(release)[release.metadata["units"]]
    assert url == f"{plain['url']}?versionId={plain['version_id']}"
