"""Checks of the published warehouse: known defects of the data, found in it. They warn and hold nothing up."""

from collections.abc import Iterator

import dagster as dg

from vbn_assets.projects import Project
from vbn_assets.report import asset_key, defect_result, defect_specs, failures
from vbn_assets.resources import VisualBehavior
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.defects import find_defects, findable_defects


def warehouse_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    return [_known_defects(project)]


def _known_defects(project: Project) -> dg.AssetChecksDefinition:
    warehouse = asset_key(project, "warehouse")

    @dg.multi_asset_check(
        name=f"{project.name}_known_defects", specs=defect_specs(warehouse, findable_defects(project.name))
    )
    def known_defects(visual_behavior: VisualBehavior) -> Iterator[dg.AssetCheckResult]:
        with failures(), open_warehouse(visual_behavior.settings.warehouse_path) as con:
            for found in find_defects(con, project.name):
                yield defect_result(warehouse, found)

    return known_defects
