"""Sessions without probes and LFP files, as Dagster sees them: held where the settings say so, like any session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from vbn_assets.projects import VBN
from vbn_assets.sample.server import SampleBucket
from vbn_assets.settings import Settings
from vbn_assets.warehouse.claims import FILE_CLAIMS
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets_tests.orchestration.conftest import Orchestra

BEHAVIOR = "1100000213"
PROBES = {"1100000303": "1100000102/probeA", "1100000308": "1100000104/probeB"}


@pytest.fixture
def orchestra(tmp_path: Path, fresh_bucket: SampleBucket) -> Iterator[Orchestra]:
    """Holds one ecephys session with its LFP, and every session without probes; its first release is made."""
    settings = Settings(
        data_dir=tmp_path / "data",
        endpoint_url=fresh_bucket.endpoint,
        hold="ecephys_session_id = 1100000102",
        hold_behavior="all",
        lfp=True,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        orchestra = Orchestra(settings, instance)
        orchestra.refresh()
        yield orchestra


def asked(orchestra: Orchestra) -> dict[str, list[str]]:
    """What the hold sensor asks for: partitions by job."""
    result = orchestra.look("vbn_hold_sensor")
    jobs: dict[str, list[str]] = {}
    for request in result.run_requests or [] if isinstance(result, dg.SensorResult) else []:
        jobs.setdefault(request.job_name or "", []).append(request.partition_key or "")
    return jobs


def test_each_kind_has_its_partitions_and_is_observed(orchestra: Orchestra) -> None:
    for partitions, asset, ids in (
        ("vbn_behavior_sessions", "published_behavior_session", {BEHAVIOR}),
        ("vbn_probes", "published_probe_lfp", set(PROBES)),
    ):
        assert set(orchestra.instance.get_dynamic_partitions(partitions)) == ids
        observed = orchestra.instance.fetch_observations(dg.AssetKey(["vbn", asset]), limit=10).records
        assert {record.asset_observation.partition for record in observed if record.asset_observation} == ids


def test_the_settings_say_what_is_asked_for_and_it_reaches_the_warehouse(
    orchestra: Orchestra, fresh_bucket: SampleBucket
) -> None:
    assert asked(orchestra) == {
        "mirror_vbn_sessions": ["1100000102"],
        "mirror_vbn_behavior_sessions": [BEHAVIOR],
        "mirror_vbn_probes": ["1100000303"],
    }
    for job, partitions in asked(orchestra).items():
        assert orchestra.run(job, partitions[0]).success
    assert asked(orchestra) == {}
    assert orchestra.run("publish_vbn").success
    with open_warehouse(orchestra.settings.warehouse_path) as con:
        sessions = "SELECT DISTINCT behavior_session_id FROM vbn.trials ORDER BY ALL"
        assert con.execute(sessions).fetchall() == [(1100000202,), (int(BEHAVIOR),)]
        lfp = "SELECT DISTINCT ecephys_session_id, ecephys_probe_id FROM vbn.lfp"
        assert con.execute(lfp).fetchall() == [(1100000102, 1100000303)]
    orchestra.asked_for()
    fresh_bucket.publish_next()
    orchestra.refresh()
    files = {table for table, _ in orchestra.asked_for() if table and table.endswith("_nwb")}
    assert files == {"session_nwb"}, "the others are the same files in the next release"


def test_a_session_without_probes_is_one_asset_with_all_tables_and_claims(orchestra: Orchestra) -> None:
    result = orchestra.run("mirror_vbn_behavior_sessions", BEHAVIOR)
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert {evaluation.check_name for evaluation in evaluations} > {c.name for c in FILE_CLAIMS["behavior_session"]}
    assert all(evaluation.passed for evaluation in evaluations)
    key = dg.AssetKey(["vbn", "behavior_session_tables"])
    (record,) = orchestra.instance.fetch_materializations(key, limit=10).records
    assert record.asset_materialization is not None
    tables = record.asset_materialization.metadata["tables"]
    assert isinstance(tables, dg.TableMetadataValue)
    rows = {row.data["table"]: row.data["rows"] for row in tables.records}
    assert rows["trials"]
    assert rows["running_speed"]
    assert record.asset_materialization.metadata["dagster/partition_row_count"].value == sum(map(int, rows.values()))


def test_each_lfp_table_is_an_asset_of_the_probe(orchestra: Orchestra) -> None:
    result = orchestra.run("mirror_vbn_probes", "1100000308")
    assert result.success
    checks = {evaluation.check_name for evaluation in result.get_asset_check_evaluations()}
    assert checks > {claim.name for claim in FILE_CLAIMS["probe_lfp"]}
    for table in ("probe_lfp_nwb", "lfp", "lfp_timestamps", "lfp_channels", "current_source_density"):
        (record,) = orchestra.instance.fetch_materializations(dg.AssetKey(["vbn", table]), limit=10).records
        assert record.asset_materialization is not None
        assert record.asset_materialization.partition == "1100000308"


def test_by_default_nothing_of_them_is_asked_for(orchestra: Orchestra) -> None:
    plain = orchestra.settings.model_copy(update={"hold_behavior": "none", "lfp": False})
    assert asked(Orchestra(plain, orchestra.instance)) == {"mirror_vbn_sessions": ["1100000102"]}
    failed = orchestra.instance.create_run_for_job(
        orchestra.defs.resolve_job_def("mirror_vbn_probes"),
        tags={"vbn/file_hash": orchestra.workspace.session_file("1100000308", VBN.kind("probe_lfp")).file_hash[:16]},
    )
    orchestra.instance.report_run_failed(failed)
    assert asked(Orchestra(plain, orchestra.instance))["mirror_vbn_probes"] == ["1100000308"], "a failed one is"


def test_a_file_held_before_its_kind_was_observed_is_not_asked_for_again(
    orchestra: Orchestra, fresh_bucket: SampleBucket
) -> None:
    """Files of a kind are observed once some are wanted or held: that they are is then no change of theirs."""
    plain = orchestra.settings.model_copy(
        update={"hold_behavior": "none", "data_dir": orchestra.settings.data_dir / "2"}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        unobserved = Orchestra(plain, instance)
        unobserved.refresh()
        assert not instance.fetch_observations(dg.AssetKey(["vbn", "published_behavior_session"]), limit=1).records
        unobserved.asked_for()
        assert unobserved.run("mirror_vbn_behavior_sessions", BEHAVIOR).success
        assert unobserved.asked_for() == set()
        fresh_bucket.publish_next()
        unobserved.refresh()
        asked_for = [unobserved.asked_for() for _ in range(3)]
    assert asked_for == [set()] * 3
