"""What a command did, told to Dagster, so that its UI does not call held sessions missing.

Only where `DAGSTER_HOME` names an instance. Dagster learns of it as materialisations without a run; nothing of
the data depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from vbn_assets.partitions import sessions_of
from vbn_assets.projects import Project
from vbn_assets.report import asset_key, source_metadata, table_metadata
from vbn_assets.tables import TABLES
from vbn_assets.warehouse.lake import Record


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
