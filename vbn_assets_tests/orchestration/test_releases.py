"""From the sensor to the warehouse: what is asked for, when, and what the runs leave behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from vbn_assets.errors import BucketError
from vbn_assets.holdings import State, holdings
from vbn_assets.pipeline import extract_file
from vbn_assets.projects import VBN
from vbn_assets.releases.sensors import ATTEMPTS, LOST_TAG
from vbn_assets.sample.server import SampleBucket
from vbn_assets.warehouse import sensors
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets_tests.orchestration.conftest import Orchestra

HELD = {"1100000102", "1100000103", "1100000104"}
CHANGED = {"1100000102", "1100000104"}
"""Sessions whose file is another one in 0.5.0."""


def ask(orchestra: Orchestra, query: str) -> list[tuple[object, ...]]:
    with open_warehouse(orchestra.settings.warehouse_path) as con:
        return con.execute(query).fetchall()


def hold_everything(orchestra: Orchestra) -> set[str]:
    """What the hold sensor asks for, done; the sessions."""
    result = orchestra.look("vbn_hold_sensor")
    requests = result.run_requests or [] if isinstance(result, dg.SensorResult) else []
    for request in requests:
        assert orchestra.run("mirror_vbn_sessions", request.partition_key, dict(request.tags)).success
    return {request.partition_key or "" for request in requests}


def publish_if_asked(orchestra: Orchestra) -> None:
    """The publish sensor asks once for all that came, and not again when it is done."""
    request = orchestra.look("vbn_publish_sensor")
    assert isinstance(request, dg.RunRequest)
    assert orchestra.run("publish_vbn", tags=dict(request.tags)).success
    assert isinstance(orchestra.look("vbn_publish_sensor"), dg.SkipReason)


def test_a_release_goes_all_the_way_and_the_next_one_only_where_it_differs(
    orchestra: Orchestra, fresh_bucket: SampleBucket
) -> None:
    assert orchestra.refresh() == ["0.3.0", "0.4.0"]
    assert orchestra.refresh() == [], "what is made is not asked for again"
    orchestra.asked_for()
    assert hold_everything(orchestra) == HELD
    assert hold_everything(orchestra) == set()
    publish_if_asked(orchestra)
    assert ask(orchestra, "SELECT release FROM vbn.releases WHERE is_current") == [("0.4.0",)]
    assert ask(orchestra, "SELECT count(DISTINCT ecephys_session_id) FROM vbn.spike_times") == [(3,)]
    orchestra.asked_for()

    fresh_bucket.publish_next()
    assert orchestra.refresh() == ["0.5.0"]
    asked = orchestra.asked_for()
    assert {partition for table, partition in asked if table == "session_nwb"} == CHANGED
    assert {partition for table, partition in asked if table == "spike_times"} == CHANGED
    for session in CHANGED:
        assert orchestra.run("mirror_vbn_sessions", session).success
    publish_if_asked(orchestra)
    assert ask(
        orchestra,
        "SELECT DISTINCT id, release, in_step FROM vbn.warehouse_files WHERE kind = 'ecephys_session' ORDER BY id",
    ) == [
        ("1100000102", "0.5.0", True),
        ("1100000103", "0.4.0", True),
        ("1100000104", "0.5.0", True),
    ]
    assert orchestra.asked_for() == set()


def test_a_session_nobody_asked_for_is_never_fetched(orchestra: Orchestra, fresh_bucket: SampleBucket) -> None:
    orchestra.refresh()
    orchestra.asked_for()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    orchestra.asked_for()
    fresh_bucket.publish_next()
    orchestra.refresh()
    asked = {partition for table, partition in orchestra.asked_for() if table == "session_nwb"}
    assert asked == {"1100000102"}


def test_what_a_command_brought_is_made_anew_too(orchestra: Orchestra, fresh_bucket: SampleBucket) -> None:
    """A session that is in the lake and that Dagster never heard of, as `vbn sync` or a notebook leaves it."""
    orchestra = replace(orchestra, settings=orchestra.settings.model_copy(update={"hold": "none"}))
    orchestra.refresh()
    workspace = orchestra.workspace
    file = workspace.session_file("1100000102")
    extract_file(workspace, workspace.mirror.fetch(file).path, file)
    assert hold_everything(orchestra) == set()
    fresh_bucket.publish_next()
    orchestra.refresh()
    assert hold_everything(orchestra) == {"1100000102"}
    assert hold_everything(orchestra) == set()
    (held,) = (h for h in holdings(workspace, workspace.release("0.5.0")) if h.state is not State.MISSING)
    assert held.state is State.HELD


def test_the_data_version_of_a_session_is_its_hash_and_the_release_is_told(orchestra: Orchestra) -> None:
    orchestra.refresh()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    expected = orchestra.workspace.session_file("1100000102").file_hash
    key = dg.AssetKey(["vbn", "session_nwb"])
    (record,) = orchestra.instance.fetch_materializations(key, limit=10).records
    assert record.asset_materialization is not None
    assert (record.asset_materialization.tags or {})["dagster/data_version"] == expected
    metadata = record.asset_materialization.metadata
    assert metadata["release"].value == "0.4.0"
    observed = orchestra.instance.fetch_observations(dg.AssetKey(["vbn", "published_session"]), limit=10).records
    assert {record.asset_observation.partition for record in observed if record.asset_observation} == HELD


def test_kinds_of_file_that_nobody_wants_have_partitions_and_no_events(orchestra: Orchestra) -> None:
    orchestra.refresh()
    assert orchestra.instance.get_dynamic_partitions("vbn_behavior_sessions") == ["1100000213"]
    observed = orchestra.instance.fetch_observations(dg.AssetKey(["vbn", "published_behavior_session"]), limit=10)
    assert not observed.records


def test_every_table_has_rows_bytes_columns_and_its_origin(orchestra: Orchestra) -> None:
    orchestra.refresh()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    for table in ("units", "trials", "spike_times"):
        record = orchestra.instance.fetch_materializations(dg.AssetKey(["vbn", table]), limit=1).records[0]
        assert record.asset_materialization is not None
        metadata = record.asset_materialization.metadata
        assert metadata["dagster/partition_row_count"].value > 0
        assert metadata["bytes"].value > 0
        assert metadata["release"].value == "0.4.0"
        columns = metadata["dagster/column_schema"].value
        assert isinstance(columns, dg.TableSchema)
        assert all(column.description for column in columns.columns)


def test_the_manifest_tells_what_changed(orchestra: Orchestra) -> None:
    orchestra.refresh()
    record = orchestra.instance.fetch_materializations(dg.AssetKey(["vbn", "manifest"]), limit=1).records[0]
    assert record.asset_materialization is not None
    table = record.asset_materialization.metadata["changes_from_the_release_before"]
    assert isinstance(table, dg.TableMetadataValue)
    sessions = next(row.data for row in table.records if row.data["kind"] == "ecephys_session")
    assert sessions == {"kind": "ecephys_session", "added": 1, "removed": 0, "changed": 1, "moved": 1, "unchanged": 0}


def test_every_check_passes_on_good_data_and_all_are_blocking_but_the_warnings(orchestra: Orchestra) -> None:
    orchestra.refresh()
    result = orchestra.run("mirror_vbn_sessions", "1100000102")
    evaluations = result.get_asset_check_evaluations()
    assert {evaluation.check_name for evaluation in evaluations} >= {
        "hash_matches_manifest",
        "spike_counts_equal_the_index",
        "unit_count_equals_the_release",
        "every_session_unit_has_its_channel",
        "keys_are_unique",
    }
    assert all(evaluation.passed for evaluation in evaluations)


def test_wrong_bytes_fail_the_check_and_the_session_before_stays(
    orchestra: Orchestra, fresh_bucket: SampleBucket
) -> None:
    orchestra.refresh()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    assert orchestra.run("publish_vbn").success
    fresh_bucket.publish_next()
    _replace_with_wrong_bytes(fresh_bucket, "1100000102")
    orchestra.refresh()
    result = orchestra.run("mirror_vbn_sessions", "1100000102")
    assert not result.success
    failed = [evaluation for evaluation in result.get_asset_check_evaluations() if not evaluation.passed]
    assert [evaluation.check_name for evaluation in failed] == ["hash_matches_manifest"]
    assert orchestra.run("publish_vbn").success
    assert ask(orchestra, "SELECT DISTINCT release, in_step FROM vbn.warehouse_files WHERE id = '1100000102'") == [
        ("0.4.0", False)
    ]


def _replace_with_wrong_bytes(bucket: SampleBucket, session: str) -> None:
    """Let the newest manifest pin an object version whose bytes are not what it says."""
    name = f"{VBN.manifest_prefix()}{VBN.manifest_name('0.5.0')}"
    manifest = json.loads(bucket.client.get_object(Bucket=VBN.bucket, Key=name)["Body"].read())
    (entry,) = (e for e in manifest["data_files"].values() if f"ecephys_session_{session}" in e["url"])
    key = entry["url"].split(".amazonaws.com/")[1]
    put = bucket.client.put_object(Bucket=VBN.bucket, Key=key, Body=b"not the session", ACL="public-read")
    entry["version_id"] = put["VersionId"]
    bucket.client.put_object(Bucket=VBN.bucket, Key=name, Body=json.dumps(manifest).encode(), ACL="public-read")


def test_a_failed_release_is_asked_for_again_three_times_in_all(
    orchestra: Orchestra, fresh_bucket: SampleBucket
) -> None:
    _break_manifest(fresh_bucket)
    keys = []
    for _ in range(5):
        result = orchestra.look("vbn_release_sensor")
        for request in (result.run_requests or []) if isinstance(result, dg.SensorResult) else []:
            run = orchestra.run("refresh_vbn", request.partition_key, dict(request.tags))
            if request.partition_key == "0.4.0":
                keys.append(request.run_key)
                assert not run.success
    assert [str(key).partition(":attempt")[2] for key in keys] == ["", "2", "3"]
    assert orchestra.run("publish_vbn").success
    assert ask(orchestra, "SELECT release FROM vbn.releases") == [("0.3.0",)], "the good release is published"


def test_runs_killed_with_the_server_are_no_attempts(orchestra: Orchestra) -> None:
    orchestra.refresh()
    job = orchestra.defs.resolve_job_def("mirror_vbn_sessions")
    for expected in range(1, ATTEMPTS + 3):
        result = orchestra.look("vbn_hold_sensor")
        assert isinstance(result, dg.SensorResult)
        request = next(r for r in result.run_requests or [] if r.partition_key == "1100000102")
        assert (request.run_key or "").endswith(f":attempt{expected}")
        run = orchestra.instance.create_run_for_job(job, tags={**request.tags, LOST_TAG: "true"})
        orchestra.instance.report_run_failed(run)


def test_a_manifest_replaced_in_place_is_asked_for_again(orchestra: Orchestra, fresh_bucket: SampleBucket) -> None:
    first = orchestra.look("vbn_release_sensor")
    assert isinstance(first, dg.SensorResult)
    for request in first.run_requests or []:
        assert orchestra.run("refresh_vbn", request.partition_key, dict(request.tags)).success
    assert isinstance(orchestra.look("vbn_release_sensor"), dg.SkipReason)
    _break_manifest(fresh_bucket)
    for attempt in ("", "2", "3"):
        again = orchestra.look("vbn_release_sensor")
        assert isinstance(again, dg.SensorResult)
        (request,) = again.run_requests or []
        assert request.partition_key == "0.4.0"
        assert (request.run_key or "").partition(":attempt")[2] == attempt
        assert not orchestra.run("refresh_vbn", request.partition_key, dict(request.tags)).success
    assert isinstance(orchestra.look("vbn_release_sensor"), dg.SkipReason)


def test_what_was_made_and_is_lost_is_asked_for_again(orchestra: Orchestra) -> None:
    """A data folder that moved, or a warehouse that somebody removed: Dagster still knows the runs that made them."""
    assert orchestra.refresh() == ["0.3.0", "0.4.0"]
    publish_if_asked(orchestra)
    orchestra.settings.warehouse_path.unlink()
    publish_if_asked(orchestra)
    shutil.rmtree(orchestra.settings.data_dir)
    assert orchestra.refresh() == ["0.3.0", "0.4.0"]
    publish_if_asked(orchestra)


def _break_manifest(bucket: SampleBucket) -> None:
    name = f"{VBN.manifest_prefix()}{VBN.manifest_name('0.4.0')}"
    bucket.client.put_object(Bucket=VBN.bucket, Key=name, Body=b"{", ACL="public-read")


def test_while_runs_go_on_a_publish_waits_a_while_for_more(
    orchestra: Orchestra, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For ever and for no time at all: how long the runs here take does not matter."""
    orchestra.refresh()
    first, second = sorted(HELD)[:2]
    assert orchestra.run("mirror_vbn_sessions", first).success
    publish_if_asked(orchestra)
    going = orchestra.instance.create_run_for_job(
        orchestra.defs.resolve_job_def("mirror_vbn_sessions"), status=dg.DagsterRunStatus.STARTED
    )
    assert orchestra.run("mirror_vbn_sessions", second).success
    monkeypatch.setattr(sensors, "BUSY_SECONDS", 0)
    assert isinstance(orchestra.look("vbn_publish_sensor"), dg.RunRequest)
    monkeypatch.setattr(sensors, "BUSY_SECONDS", float("inf"))
    waits = orchestra.look("vbn_publish_sensor")
    assert isinstance(waits, dg.SkipReason)
    assert "More is being made" in (waits.skip_message or "")
    orchestra.instance.report_run_canceled(going)
    publish_if_asked(orchestra)


def test_an_outage_fails_the_tick(orchestra: Orchestra, fresh_bucket: SampleBucket) -> None:
    fresh_bucket.stop()
    with pytest.raises(BucketError, match="visual-behavior-neuropixels-data"):
        orchestra.look("vbn_release_sensor")


def test_a_stale_session_is_named_on_its_asset(orchestra: Orchestra, fresh_bucket: SampleBucket) -> None:
    orchestra.refresh()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    fresh_bucket.publish_next()
    orchestra.refresh()
    check = next(
        check for check in orchestra.defs.asset_checks or [] if "in_step_with_release" in str(check.check_keys)
    )
    result = check(visual_behavior=orchestra.defs.resources["visual_behavior"])  # type: ignore[operator,index]
    assert not result.passed
    assert result.metadata["behind"].value == "1100000102"


def test_the_scrub_finds_a_rotten_file_and_the_next_run_repairs_it(orchestra: Orchestra) -> None:
    orchestra.refresh()
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    path = orchestra.workspace.mirror.path(orchestra.workspace.session_file("1100000102"))
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"?")
    result = orchestra.run("scrub_vbn_mirror")
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert path.name in str(evaluation.metadata["rotten"].value)
    assert orchestra.run("mirror_vbn_sessions", "1100000102").success
    assert path.read_bytes() == good


def test_the_daily_schedule_asks_for_the_highest_release(orchestra: Orchestra, tmp_path: Path) -> None:
    schedule = orchestra.defs.get_repository_def().get_schedule_def("refresh_vbn_daily")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance=instance)
        assert isinstance(schedule(context), dg.SkipReason)
        instance.add_dynamic_partitions("vbn_releases", ["0.9.0", "0.10.0", "0.2.0"])
        request = schedule(context)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "0.10.0"


def test_loading_the_definitions_touches_no_network_and_nothing_heavy() -> None:
    script = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"network: {event} {args}")
sys.addaudithook(refuse)
import vbn_assets.definitions
heavy = {"pynwb", "hdmf", "h5py", "pandas", "moto"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
