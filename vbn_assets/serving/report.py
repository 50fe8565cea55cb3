"""What Dagster's records have to be told from outside of its runs.

That a command made sessions, else its UI calls them missing; and that runs died with the machine, else they count
as running for hours. Nothing of the data depends on either.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from vbn_assets.partitions import sessions_of
from vbn_assets.projects import Project
from vbn_assets.releases.sensors import LOST_TAG
from vbn_assets.report import asset_key, source_metadata, table_metadata
from vbn_assets.tables import TABLES
from vbn_assets.warehouse.lake import Record

_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def report_lost_runs(home: Path) -> int:
    """Runs that count as under way become failed ones, which Dagster's daemon retries; how many they were.

    To be called only while no server runs on this instance.
    """
    with dg.DagsterInstance.from_config(str(home)) as instance:
        lost = instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY))
        for run in lost:
            instance.add_run_tags(run.run_id, {LOST_TAG: "true"})
            instance.report_run_failed(run, "The run was killed together with the server that ran it.")
    return len(lost)


def report_sessions(home: Path, project: Project, records: Iterable[Record]) -> None:
    """Materialisations of the session file and of every table made from it, with the data versions runs give."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for record in records:
            source = record.source
            instance.add_dynamic_partitions(sessions_of(project).name or "", [source.id])
            made = [("session_nwb", source.file_hash, source_metadata(source))]
            for name, file in record.tables.items():
                version = f"{source.file_hash}-{TABLES[name].reader_version}"
                made.append((name, version, table_metadata(record, file)))
            for name, version, metadata in made:
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        asset_key(project, name),
                        partition=source.id,
                        metadata=metadata,
                        tags={"dagster/data_version": version},
                    )
                )
