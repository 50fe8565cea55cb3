"""Facts as Dagster shows them: metadata, column schemas, check results, failures.

Assets and checks call these; nothing here reads or writes data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg

from vbn_assets.errors import VbnError
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.diff import ReleaseDiff
from vbn_assets.releases.manifest import ReleaseFile
from vbn_assets.tables import Table
from vbn_assets.tables.defects import Defect
from vbn_assets.warehouse.compare import TableDiff
from vbn_assets.warehouse.defects import FoundDefect
from vbn_assets.warehouse.lake import Claim, Record, Source, TableFile

OWNERS = ["team:data"]
DATA_VERSION = "dagster/data_version"


def asset_key(project: Project, name: str) -> dg.AssetKey:
    """Asset key = [schema, table]."""
    return dg.AssetKey([project.name, name])


def group(project: Project, room: str) -> str:
    """`vbn_releases`, `vbn_mirror`, `vbn_tables` or `vbn_warehouse`."""
    return f"{project.name}_{room}"


def file_key(project: Project, kind: FileKind) -> dg.AssetKey:
    """`session_nwb`, `behavior_session_nwb`, `probe_lfp_nwb`: the files of a kind on disk."""
    return asset_key(project, f"{kind.asset}_nwb")


def published_key(project: Project, kind: FileKind) -> dg.AssetKey:
    """`published_session` etc.: the files of a kind as the current release has them."""
    return asset_key(project, f"published_{kind.asset}")


def tables_by_asset(project: Project, kind: FileKind) -> dict[dg.AssetKey, tuple[Table, ...]]:
    """The assets of the tables read from a file of a kind: one a table, where the tables are this kind's own.

    An asset has one set of partitions. Tables that `project.sessions` have too are therefore one asset, all together.
    """
    if kind != project.sessions and any(project.sessions.has(table.name) for table in kind.tables):
        return {asset_key(project, f"{kind.asset}_tables"): kind.tables}
    return {asset_key(project, table.name): (table,) for table in kind.tables}


def shared_asset(project: Project, kind: FileKind) -> str | None:
    """The asset that all tables of a kind are together, if they are one."""
    return next((key.path[-1] for key, tables in tables_by_asset(project, kind).items() if len(tables) > 1), None)


def file_events(
    instance: dg.DagsterInstance, project: Project, record: Record, published: ReleaseFile | None
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization]:
    """What there is to tell of a file that was made: that it is published, if Dagster has not heard that, and that it
    and every table made from it are there, with the data versions that runs of single files give them."""
    source, kind = record.source, project.kind(record.source.kind)
    partition = file_partition(project, record)
    if published and published.file_hash == source.file_hash:
        observed = observation(project, kind, partition, published)
        if is_news(instance, observed):
            yield observed
    nwb = (file_key(project, kind), source.file_hash, source_metadata(source))
    for key, version, metadata in (nwb, *made_tables(project, kind, record)):
        yield dg.AssetMaterialization(key, partition=partition, metadata=metadata, tags={DATA_VERSION: version})


def file_partition(project: Project, record: Record) -> str:
    """The partition that a record's file is."""
    return str(record.source.ids[project.kind(record.source.kind).id_column])


def made_tables(project: Project, kind: FileKind, record: Record) -> Iterator[tuple[dg.AssetKey, str, dict[str, Any]]]:
    """For each of those assets its key, data version and metadata once `record` is made."""
    for key, tables in tables_by_asset(project, kind).items():
        versions = ".".join(str(table.reader_version) for table in tables)
        files = [record.tables[table.name] for table in tables]
        metadata = table_metadata(record, tables[0]) if len(tables) == 1 else _tables_metadata(record, files)
        yield key, f"{record.source.file_hash}-{versions}", metadata


@contextmanager
def failures() -> Iterator[None]:
    """A `VbnError` as a Dagster failure: its one line on the run, and a retry only where one can help."""
    try:
        yield
    except VbnError as error:
        raise dg.Failure(
            description=str(error),
            metadata={"problem": error.problem, "file": error.file or "", "release": error.release or ""},
            allow_retries=error.retryable,
        ) from error


def table_spec(project: Project, table: Table, **spec: Any) -> dg.AssetSpec:
    """The asset of a described table."""
    description = (
        f"{table.description}\n\nEquals AllenSDK's `{table.allensdk}`." if table.allensdk else table.description
    )
    return dg.AssetSpec(
        asset_key(project, table.name),
        description=description,
        owners=OWNERS,
        code_version=str(table.reader_version),
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": f"{project.name}.{table.name}",
        },
        **spec,
    )


def column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                str(column.type),
                f"{column.description} [{column.unit}]" if column.unit else column.description,
                dg.TableColumnConstraints(nullable=column.nullable, unique=table.key == (column.name,)),
            )
            for column in table.columns
        ]
    )


def table_metadata(record: Record, table: Table, diff: TableDiff | None = None) -> dict[str, Any]:
    """What a materialised table is: rows, bytes, columns, and where it came from."""
    file, described = record.tables[table.name], column_schema(table)
    known = {column.name for column in described.columns}
    extra = [dg.TableColumn(name, kind, "Not described: new in this release") for name, kind in file.columns.items()]
    metadata = {
        "dagster/partition_row_count": file.rows,
        "dagster/column_schema": dg.TableSchema([*described.columns, *(c for c in extra if c.name not in known)]),
        "bytes": file.bytes,
        "seconds": round(record.seconds, 3),
        "file_in_lake": file.path,
        **source_metadata(record.source),
    }
    if diff:
        metadata["changes_from_the_release_before"] = table_diff(diff)
    return metadata


def _tables_metadata(record: Record, files: Iterable[TableFile]) -> dict[str, Any]:
    """What several tables made as one asset are."""
    rows = [dg.TableRecord({"table": file.table, "rows": file.rows, "bytes": file.bytes}) for file in files]
    columns = [dg.TableColumn("table"), dg.TableColumn("rows", "int"), dg.TableColumn("bytes", "int")]
    return {
        "dagster/partition_row_count": record.rows,
        "bytes": record.bytes,
        "seconds": round(record.seconds, 3),
        "tables": dg.MetadataValue.table(rows, schema=dg.TableSchema(columns)),
        **source_metadata(record.source),
    }


def source_metadata(source: Source | ReleaseFile) -> dict[str, Any]:
    """Where a file is from. Its hash is the data version: 128 characters here would push the rest off the page."""
    return {
        "release": source.release or "none",
        "s3_key": source.key or "",
        "s3_version_id": source.version_id or "",
    }


def observation(project: Project, kind: FileKind, partition: str, file: ReleaseFile) -> dg.AssetObservation:
    """That the current release has this file of what the partition is about."""
    tags = {DATA_VERSION: file.file_hash}
    return dg.AssetObservation(
        published_key(project, kind), partition=partition, tags=tags, metadata=source_metadata(file)
    )


def is_news(instance: dg.DagsterInstance, observation: dg.AssetObservation) -> bool:
    """Whether Dagster last heard of another file, or of none.

    A kind that nobody uses is not observed. Its first file that is held has to be, or else the file would count as
    changed, and be fetched again, when it is observed with the next release.
    """
    of_partition = dg.AssetRecordsFilter(observation.asset_key, asset_partitions=[observation.partition or ""])
    last = instance.fetch_observations(of_partition, limit=1).records
    heard = last[0].asset_observation if last else None
    return heard is None or heard.tags.get(DATA_VERSION) != observation.tags[DATA_VERSION]


def table_diff(diff: TableDiff) -> dg.TableMetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"change": "rows added", "count": diff.added, "columns": ""}),
            dg.TableRecord({"change": "rows removed", "count": diff.removed, "columns": ""}),
            dg.TableRecord(
                {"change": "rows changed", "count": diff.changed, "columns": ", ".join(diff.changed_columns)}
            ),
            dg.TableRecord({"change": "rows unchanged", "count": diff.unchanged, "columns": ""}),
            dg.TableRecord(
                {"change": "columns added", "count": len(diff.new_columns), "columns": ", ".join(diff.new_columns)}
            ),
            dg.TableRecord(
                {"change": "columns removed", "count": len(diff.lost_columns), "columns": ", ".join(diff.lost_columns)}
            ),
        ]
    )


def release_diff(diff: ReleaseDiff) -> dg.TableMetadataValue:
    """Files by kind and by what became of them since the release before."""
    changes = ("added", "removed", "changed", "moved", "unchanged")
    records = [
        dg.TableRecord({"kind": kind, **{change: counts.get(change, 0) for change in changes}})
        for kind, counts in diff.counts.items()
    ]
    columns = [dg.TableColumn("kind"), *(dg.TableColumn(change, "int") for change in changes)]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns))


def claim_specs(
    project: Project, claims: Iterable[tuple[str, str, str]], asset: str | None = None
) -> list[dg.AssetCheckSpec]:
    """Blocking checks for (name, table, description); all on `asset`, or each on its own table's."""
    return [
        dg.AssetCheckSpec(name, asset=asset_key(project, asset or table), description=description, blocking=True)
        for name, table, description in claims
    ]


def claim_results(
    project: Project, claims: Iterable[Claim], asset: str | None = None, metadata: Mapping[str, Any] | None = None
) -> list[dg.AssetCheckResult]:
    return [
        dg.AssetCheckResult(
            passed=claim.holds,
            asset_key=asset_key(project, asset or claim.table),
            check_name=claim.name,
            description=claim.description if claim.holds else "; ".join(claim.violations),
            metadata={**(metadata or {}), "violations": "\n".join(claim.violations) or "none"},
        )
        for claim in claims
    ]


def defect_specs(asset: dg.AssetKey, defects: Iterable[Defect]) -> list[dg.AssetCheckSpec]:
    """Checks that warn: a known defect is in the data as released, whoever publishes it."""
    return [
        dg.AssetCheckSpec(
            defect.name,
            asset=asset,
            description=f"{defect.description}\n\nWhat to do: {defect.remedy}\n\nSource: {defect.source}",
        )
        for defect in defects
    ]


def defect_result(asset: dg.AssetKey, found: FoundDefect) -> dg.AssetCheckResult:
    columns = [dg.TableColumn("id", "int"), dg.TableColumn("rows", "int")]
    records = [dg.TableRecord({"id": id, "rows": rows}) for id, rows in found.rows.items()]
    return dg.AssetCheckResult(
        passed=not found.rows,
        asset_key=asset,
        check_name=found.name,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "columns": ", ".join(found.defect.columns),
            "count": len(records),
            "ids": ", ".join(map(str, found.ids)) or "none",
            "not_in_known_defects": ", ".join(map(str, found.unlisted)) or "none",
            "found": dg.MetadataValue.table(records, schema=dg.TableSchema(columns)),
        },
    )
