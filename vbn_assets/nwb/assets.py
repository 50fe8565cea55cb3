"""The assets of the tables read from an NWB file: all of them in one reading."""

from collections.abc import Iterable, Iterator

import dagster as dg

from vbn_assets.automation import FILE_CHANGED
from vbn_assets.partitions import files_of
from vbn_assets.pipeline import extract_file, require_sound
from vbn_assets.projects import FileKind, Project
from vbn_assets.report import (
    OWNERS,
    claim_results,
    claim_specs,
    failures,
    file_key,
    group,
    made_tables,
    shared_asset,
    table_spec,
    tables_by_asset,
)
from vbn_assets.resources import VisualBehavior
from vbn_assets.tables import Table
from vbn_assets.warehouse.claims import FILE_CLAIMS, UNIT_COUNT, key_claim_name, together
from vbn_assets.warehouse.lake import Claim

KEYS_CHECK = "keys_are_unique"


def file_table_assets(project: Project, kind: FileKind) -> dg.AssetsDefinition:
    shared = shared_asset(project, kind)
    first, *others = file_table_specs(project, kind)

    @dg.multi_asset(
        name=f"{project.name}_{kind.asset}_tables",
        # What one is asked for by, all are: a condition for each would be looked at, every time, for nothing.
        specs=[first.replace_attributes(automation_condition=FILE_CHANGED), *others],
        check_specs=claim_specs(project, file_claims(kind), asset=shared),
        partitions_def=files_of(project, kind),
    )
    def file_tables(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            file = workspace.session_file(context.partition_key, kind)
            record = extract_file(workspace, workspace.mirror.path(file), file)
        metadata = {"release": file.release, "file": file.id}
        yield from claim_results(project, shown_claims(kind, record.claims), asset=shared, metadata=metadata)
        with failures():
            require_sound(record)
        for key, version, made in made_tables(project, kind, record):
            yield dg.MaterializeResult(asset_key=key, metadata=made, data_version=dg.DataVersion(version))

    return file_tables


def file_table_specs(project: Project, kind: FileKind) -> list[dg.AssetSpec]:
    """The assets of the tables read from a file of a kind."""
    return [_spec(project, kind, key, tables) for key, tables in tables_by_asset(project, kind).items()]


def _spec(project: Project, kind: FileKind, key: dg.AssetKey, tables: tuple[Table, ...]) -> dg.AssetSpec:
    if len(tables) == 1:
        spec = table_spec(project, tables[0])
    else:
        names = ", ".join(f"`{table.name}`" for table in tables)
        versions = ".".join(str(table.reader_version) for table in tables)
        description = f"The rows of each {kind.name} file in {names}."
        spec = dg.AssetSpec(key, description=description, owners=OWNERS, code_version=versions)
    return spec.replace_attributes(
        deps=[file_key(project, kind)],
        group_name=group(project, "tables"),
        kinds={"hdf5", "parquet"},
    )


def file_claims(kind: FileKind) -> list[tuple[str, str, str]]:
    """Name, table and description of every check of the tables read from a file of a kind."""
    counted = [UNIT_COUNT] if kind.has(UNIT_COUNT.table) else []
    claims = [(claim.name, claim.table, claim.description) for claim in (*FILE_CLAIMS[kind.name], *counted)]
    names = ", ".join(f"`{table.name}`" for table in kind.tables if table.key)
    return [*claims, (KEYS_CHECK, kind.tables[0].name, f"Keys are unique and not null: those of {names}")]


def shown_claims(kind: FileKind, claims: Iterable[Claim]) -> list[Claim]:
    """The claims about one file as those checks: the keys of all its tables are one.

    Dagster writes three events for a check of a run. Of a check for each key they would be a fifth of what a small
    file costs.
    """
    keys = {key_claim_name(table): table.name for table in kind.tables}
    about_keys = [(keys[claim.name], claim) for claim in claims if claim.name in keys]
    others = [claim for claim in claims if claim.name not in keys]
    return [*others, together(KEYS_CHECK, kind.tables[0].name, "Keys are unique and not null", about_keys)]
