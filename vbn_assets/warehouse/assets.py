"""The asset of the published warehouse."""

import dagster as dg

from vbn_assets.projects import Project
from vbn_assets.report import OWNERS, asset_key, failures, group, tables_by_asset
from vbn_assets.resources import VisualBehavior
from vbn_assets.warehouse.publish import publish

POOL = "warehouse"
"""One publish at a time: dagster.yaml gives every pool one slot."""


def warehouse_asset(project: Project) -> dg.AssetsDefinition:
    tables = [key for kind in project.kinds for key in tables_by_asset(project, kind)]

    @dg.asset(
        key=asset_key(project, "warehouse"),
        deps=[asset_key(project, "release_files"), *tables],
        group_name=group(project, "warehouse"),
        kinds={"duckdb"},
        owners=OWNERS,
        pool=POOL,
        retry_policy=dg.RetryPolicy(max_retries=2, delay=5),
        description=f"`warehouse.duckdb`, showing all that is held of {project.title}: swapped in at once.",
    )
    def warehouse(visual_behavior: VisualBehavior) -> dg.MaterializeResult[None]:
        with failures():
            publication = publish(visual_behavior.settings)
        tables = [
            dg.TableRecord({"table": name, "rows": rows})
            for name, rows in publication.tables.items()
            if name.startswith(f"{project.name}.")
        ]
        columns = [dg.TableColumn("table"), dg.TableColumn("rows", "int")]
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(publication.path),
                "bytes": publication.bytes,
                "seconds": round(publication.seconds, 3),
                "changed": publication.changed,
                "incremental": publication.incremental,
                "tables": dg.MetadataValue.table(tables, schema=dg.TableSchema(columns)),
            }
        )

    return warehouse
