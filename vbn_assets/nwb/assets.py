"""The assets of the tables read from a session's NWB file: all of them in one reading."""

from collections.abc import Iterator

import dagster as dg

from vbn_assets.automation import FILE_CHANGED
from vbn_assets.partitions import sessions_of
from vbn_assets.pipeline import extract_file, require_sound
from vbn_assets.projects import Project
from vbn_assets.report import asset_key, claim_results, claim_specs, failures, group, table_metadata, table_spec
from vbn_assets.resources import VisualBehavior
from vbn_assets.tables import SESSION_FILE_TABLES, TABLES
from vbn_assets.warehouse.claims import SESSION_CLAIMS, UNIT_COUNT, key_claim_name


def session_table_assets(project: Project) -> dg.AssetsDefinition:
    tables = [TABLES[name] for name in SESSION_FILE_TABLES[project.session_kind]]
    claims = [(claim.name, claim.table, claim.description) for claim in (*SESSION_CLAIMS, UNIT_COUNT)]
    keys = [(key_claim_name(table), table.name, "Key is unique and not null") for table in tables if table.key]

    @dg.multi_asset(
        name=f"{project.name}_session_tables",
        specs=[
            table_spec(
                project,
                table,
                deps=[asset_key(project, "session_nwb")],
                group_name=group(project, "tables"),
                kinds={"hdf5", "parquet"},
                automation_condition=FILE_CHANGED,
            )
            for table in tables
        ],
        check_specs=claim_specs(project, [*claims, *keys]),
        partitions_def=sessions_of(project),
    )
    def session_tables(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            file = workspace.session_file(context.partition_key)
            record = extract_file(workspace, workspace.mirror.path(file), file)
        yield from claim_results(project, record.claims, metadata={"release": file.release, "session": file.id})
        with failures():
            require_sound(record)
        for table in tables:
            yield dg.MaterializeResult(
                asset_key=asset_key(project, table.name),
                metadata=table_metadata(record, record.tables[table.name]),
                data_version=dg.DataVersion(f"{file.file_hash}-{table.reader_version}"),
            )

    return session_tables
