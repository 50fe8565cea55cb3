"""Known defects in Dagster: a publish looks for each, warns with the ids, and goes through."""

from __future__ import annotations

import dagster as dg

from vbn_assets.warehouse.defects import findable_defects
from vbn_assets_tests.orchestration.conftest import Orchestra


def test_a_publish_warns_of_the_defects_it_finds_and_is_not_held_up(orchestra: Orchestra) -> None:
    orchestra.refresh()
    result = orchestra.run("publish_vbn")
    assert result.success
    warehouse = dg.AssetKey(["vbn", "warehouse"])
    evaluations = [check for check in result.get_asset_check_evaluations() if check.asset_key == warehouse]
    checks = {check.check_name: check for check in evaluations}
    assert checks.keys() == {defect.name for defect in findable_defects("vbn")}
    assert {check.severity for check in checks.values()} == {dg.AssetCheckSeverity.WARN}
    assert not any(check.blocking for check in checks.values())

    days = checks["session_number_is_recording_day"]
    assert not days.passed
    assert days.metadata["ids"].value == "1100000102, 1100000103, 1100000104"
    assert checks["ccf_at_origin"].passed
    assert checks["ccf_at_origin"].metadata["ids"].value == "none"
