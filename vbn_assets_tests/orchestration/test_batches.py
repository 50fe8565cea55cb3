"""Small files in batches, as Dagster sees them: a run for many, each with its data version, each failing alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from vbn_assets.holdings import State, holdings
from vbn_assets.mirror.sensors import RANGE_END, RANGE_START
from vbn_assets.partitions import files_of
from vbn_assets.projects import VBO
from vbn_assets.sample.server import SampleBucket
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets_tests.orchestration.conftest import Orchestra

BEHAVIOR = VBO.kind("behavior_session")
PLANES = ["1100009101", "1100009102", "1100009103"]
SESSIONS = ["1100009011", "1100009013"]


@pytest.fixture
def bucket(sample_folder: Path) -> Iterator[SampleBucket]:
    """VBO at 1.0.1, with 1.1.0 still to `publish_next()`."""
    with SampleBucket(sample_folder, VBO.bucket).start(through="1.0.1") as bucket:
        yield bucket


@pytest.fixture
def orchestra(tmp_path: Path, bucket: SampleBucket) -> Iterator[Orchestra]:
    settings = Settings(
        data_dir=tmp_path / "data", endpoint_url=bucket.endpoint, projects=("vbo",), hold="all", hold_behavior="all"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Orchestra(settings, instance, VBO)


def requests(orchestra: Orchestra) -> dict[str, dg.RunRequest]:
    """What the hold sensor asks for, by job."""
    result = orchestra.look("vbo_hold_sensor")
    asked = result.run_requests or [] if isinstance(result, dg.SensorResult) else []
    return {request.job_name or "": request for request in asked}


def run(orchestra: Orchestra, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    return orchestra.run(request.job_name or "", request.partition_key, dict(request.tags))


def versions(orchestra: Orchestra, asset: str) -> dict[str, str]:
    """The data version of each partition that was materialised."""
    records = orchestra.instance.fetch_materializations(dg.AssetKey(["vbo", asset]), limit=100, ascending=True).records
    made = [record.asset_materialization for record in records if record.asset_materialization]
    return {one.partition or "": (one.tags or {})["dagster/data_version"] for one in made}


def test_a_run_makes_many_files_and_a_release_only_those_it_changed(orchestra: Orchestra, bucket: SampleBucket) -> None:
    assert orchestra.refresh() == ["0.3.0", "1.0.1"]
    asked = requests(orchestra)
    assert {job: (r.tags[RANGE_START], r.tags[RANGE_END]) for job, r in asked.items()} == {
        "mirror_vbo_behavior_sessions": (SESSIONS[0], SESSIONS[-1]),
        "mirror_vbo_ophys_experiments": (PLANES[0], PLANES[-1]),
    }
    assert all(run(orchestra, request).success for request in asked.values())
    assert requests(orchestra) == {}
    release = orchestra.workspace.current_release()
    assert release
    hashes = {file.id: file.file_hash for file in release.data.values()}
    for asset, ids in (("behavior_session_nwb", SESSIONS), ("ophys_experiment_nwb", PLANES)):
        assert versions(orchestra, asset) == {id: hashes[id] for id in ids}
    assert list(versions(orchestra, "behavior_session_tables")) == SESSIONS
    assert list(versions(orchestra, "dff_traces")) == PLANES
    assert orchestra.run("publish_vbo").success
    with open_warehouse(orchestra.settings.warehouse_path) as con:
        shown = con.execute("SELECT DISTINCT behavior_session_id FROM vbo.trials ORDER BY ALL").fetchall()
    assert [str(id) for (id,) in shown] == ["1100009001", "1100009002", *SESSIONS]

    orchestra.asked_for()
    bucket.publish_next()
    assert orchestra.refresh() == ["1.1.0"]
    files = {(table, id) for table, id in orchestra.asked_for() if table and table.endswith("_nwb")}
    assert files == {("ophys_experiment_nwb", "1100009103")}, "one new session is the hold sensor's to ask for"
    (request,) = requests(orchestra).values()
    assert (request.job_name, request.partition_key) == ("mirror_vbo_behavior_sessions", "1100009012")


def test_a_bad_file_fails_alone_and_is_asked_for_again_alone(orchestra: Orchestra, bucket: SampleBucket) -> None:
    _replace_with_wrong_bytes(bucket, SESSIONS[0])
    orchestra.refresh()
    result = run(orchestra, requests(orchestra)["mirror_vbo_behavior_sessions"])
    assert not result.success
    failure = result.filter_events(lambda event: event.is_step_failure)[0].step_failure_data.user_failure_data
    assert failure is not None
    assert failure.description is not None
    assert failure.description.startswith("1 of 2 failed:\n")
    assert SESSIONS[0] in failure.description
    failed = [evaluation.check_name for evaluation in result.get_asset_check_evaluations() if not evaluation.passed]
    assert failed == ["hash_matches_manifest"]

    assert list(versions(orchestra, "behavior_session_tables")) == SESSIONS[1:]
    status = orchestra.instance.get_status_by_partition(
        dg.AssetKey(["vbo", "behavior_session_nwb"]), SESSIONS, files_of(VBO, BEHAVIOR)
    )
    assert {id: state.value for id, state in (status or {}).items() if state} == {
        SESSIONS[0]: "FAILED",
        SESSIONS[1]: "MATERIALIZED",
    }
    release = orchestra.workspace.current_release()
    assert release
    held = {h.file.id: h.state for h in holdings(orchestra.workspace, release, BEHAVIOR)}
    assert held == {SESSIONS[0]: State.MISSING, SESSIONS[1]: State.HELD}
    for _ in range(2):
        again = requests(orchestra)["mirror_vbo_behavior_sessions"]
        assert again.partition_key == SESSIONS[0]
        assert not run(orchestra, again).success
    assert "mirror_vbo_behavior_sessions" not in requests(orchestra), "three attempts are enough"


def test_a_partition_without_a_file_in_the_release_is_named(orchestra: Orchestra) -> None:
    orchestra.refresh()
    orchestra.instance.add_dynamic_partitions("vbo_behavior_sessions", ["4711"])
    result = orchestra.run("mirror_vbo_behavior_sessions", "4711")
    assert not result.success
    failure = result.filter_events(lambda event: event.is_step_failure)[0].step_failure_data.user_failure_data
    assert failure is not None
    assert "4711: the current release has no such file" in (failure.description or "")


def _replace_with_wrong_bytes(bucket: SampleBucket, session: str) -> None:
    """Let the newest manifest pin an object version whose bytes are not what it says."""
    name = f"{VBO.manifest_prefix()}{VBO.manifest_name('1.0.1')}"
    manifest = json.loads(bucket.client.get_object(Bucket=VBO.bucket, Key=name)["Body"].read())
    (entry,) = (e for e in manifest["data_files"].values() if f"behavior_session_{session}" in e["url"])
    key = entry["url"].split(".amazonaws.com/")[1]
    put = bucket.client.put_object(Bucket=VBO.bucket, Key=key, Body=b"not the session", ACL="public-read")
    entry["version_id"] = put["VersionId"]
    bucket.client.put_object(Bucket=VBO.bucket, Key=name, Body=json.dumps(manifest).encode(), ACL="public-read")
