"""Assets of a release's metadata: one a CSV, and `release_files`, which makes the release part of the lake."""

from collections.abc import Iterator, Sequence

import dagster as dg

from vbn_assets.holdings import hold_condition
from vbn_assets.partitions import files_of, releases_of
from vbn_assets.pipeline import Workspace, make_metadata_table, metadata_record, register_release, require_sound
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.assets import release_before
from vbn_assets.releases.manifest import Release
from vbn_assets.report import (
    DATA_VERSION,
    asset_key,
    claim_results,
    claim_specs,
    failures,
    group,
    observation,
    published_key,
    table_metadata,
    table_spec,
)
from vbn_assets.resources import VisualBehavior
from vbn_assets.tables import Table
from vbn_assets.warehouse.claims import RELEASE_CLAIMS, key_claim_name
from vbn_assets.warehouse.compare import TableDiff, compare_files
from vbn_assets.warehouse.lake import Record

RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL)
"""For a bucket that stays away longer than a download's own retries last."""


def metadata_assets(project: Project) -> Sequence[dg.AssetsDefinition]:
    tables = [_metadata_table(project, project.tables[name]) for name in project.metadata_tables]
    return [*tables, _release_files(project)]


def _metadata_table(project: Project, table: Table) -> dg.AssetsDefinition:
    spec = table_spec(
        project,
        table,
        deps=[asset_key(project, "manifest")],
        group_name=group(project, "tables"),
        kinds={"s3", "parquet"},
    )

    @dg.multi_asset(
        name=f"{project.name}_{table.name}", specs=[spec], partitions_def=releases_of(project), retry_policy=RETRIES
    )
    def metadata_table(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> dg.MaterializeResult[None]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.release(context.partition_key)
            if table.name not in release.metadata:
                return dg.MaterializeResult(asset_key=spec.key, metadata={"release_has_it": False})
            record = make_metadata_table(workspace, release, table.name)
            diff = _diff(workspace, release, record, table)
        return dg.MaterializeResult(
            asset_key=spec.key,
            metadata=table_metadata(record, table, diff),
            data_version=dg.DataVersion(record.source.file_hash),
        )

    return metadata_table


def _diff(workspace: Workspace, release: Release, record: Record, table: Table) -> TableDiff | None:
    before = release_before(workspace, release)
    if before is None or table.name not in before.metadata or not workspace.release_record(before.version):
        return None
    was = metadata_record(workspace, before, table.name)
    return compare_files(workspace.lake, table, was.tables[table.name], record.tables[table.name])


def _release_files(project: Project) -> dg.AssetsDefinition:
    table = project.tables["release_files"]
    spec = table_spec(
        project,
        table,
        deps=[asset_key(project, name) for name in ("manifest", *project.metadata_tables)],
        group_name=group(project, "tables"),
        kinds={"parquet"},
    )
    claims = [(claim.name, claim.table, claim.description) for claim in RELEASE_CLAIMS[project.name]]
    described = [project.tables[name] for name in project.metadata_tables]
    keys = [(key_claim_name(table), table.name, "Key is unique and not null") for table in described]

    @dg.multi_asset(
        name=f"{project.name}_release_files",
        specs=[spec],
        check_specs=claim_specs(project, [*claims, *keys], asset=table.name),
        partitions_def=releases_of(project),
    )
    def release_files(
        context: dg.AssetExecutionContext, visual_behavior: VisualBehavior
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.release(context.partition_key)
            record = register_release(workspace, release)
        yield from claim_results(project, record.claims, asset=table.name, metadata={"release": release.version})
        with failures():
            require_sound(record)
        observed = {f"{kind.plural}_observed": _observe(context, workspace, kind) for kind in project.kinds}
        yield dg.MaterializeResult(
            asset_key=spec.key,
            metadata={**table_metadata(record, table), **observed},
            data_version=dg.DataVersion(record.source.file_hash),
        )

    return release_files


def _observe(context: dg.AssetExecutionContext, workspace: Workspace, kind: FileKind) -> int:
    """Tell Dagster which files of a kind the current release has, and which of them it has not seen; how many.

    Only the current release speaks: whichever order releases are made in, the last word on a file is its.
    """
    project = workspace.project
    current = workspace.current_release()
    if current is None:
        return 0
    files = workspace.files_about(current, kind)
    context.instance.add_dynamic_partitions(files_of(project, kind).name or "", sorted(files))
    if not _is_used(workspace, kind):
        return 0
    key = published_key(project, kind)
    seen = _observed_hashes(context.instance, key)
    changed = {id: file for id, file in sorted(files.items()) if seen.get(id) != file.file_hash}
    for id, file in changed.items():
        context.log_event(observation(project, kind, id, file))
    return len(changed)


def _is_used(workspace: Workspace, kind: FileKind) -> bool:
    """Whether changes of these files matter here: a minute is too long to note thousands that nobody wants."""
    wanted = kind == workspace.project.sessions or hold_condition(workspace, kind) != "none"
    return wanted or bool(workspace.lake.records(kind.name))


def _observed_hashes(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    """The file hash that Dagster last heard of, by partition."""
    seen: dict[str, str] = {}
    cursor = None
    while True:
        page = instance.fetch_observations(key, limit=1000, cursor=cursor, ascending=True)
        for record in page.records:
            heard = record.asset_observation
            if heard and heard.partition:
                seen[heard.partition] = heard.tags[DATA_VERSION]
        if not page.has_more:
            return seen
        cursor = page.cursor
