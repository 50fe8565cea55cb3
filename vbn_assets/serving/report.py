"""What Dagster's records have to be told from outside of its runs.

That a command made files, else its UI calls them missing; and that runs died with the machine, else they count
as running for hours. Nothing of the data depends on either.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from vbn_assets.partitions import files_of
from vbn_assets.pipeline import Workspace
from vbn_assets.releases.sensors import LOST_TAG
from vbn_assets.report import file_events, file_partition
from vbn_assets.serving.home import prepare_home
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


def report_files(home: Path, workspace: Workspace, records: Iterable[Record]) -> None:
    """Materialisations of each data file and of every table made from it, with the data versions runs give.

    `home` is made if it is not there.
    """
    home = home.absolute()
    prepare_home(home)
    project, current = workspace.project, workspace.current_release()
    published = {kind.name: workspace.files_about(current, kind) if current else {} for kind in project.kinds}
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for record in records:
            kind, partition = project.kind(record.source.kind), file_partition(project, record)
            instance.add_dynamic_partitions(files_of(project, kind).name or "", [partition])
            for event in file_events(instance, project, record, published[kind.name].get(partition)):
                instance.report_runless_asset_event(event)
