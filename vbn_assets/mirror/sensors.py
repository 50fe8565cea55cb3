"""The sensor that asks for the files that the settings name. It looks only at this machine, never at the bucket."""

from collections.abc import Iterator, Mapping
from itertools import islice

import dagster as dg

from vbn_assets.holdings import Holding, State, holdings, wanted_ids
from vbn_assets.partitions import files_of
from vbn_assets.pipeline import Workspace
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.manifest import Release
from vbn_assets.releases.sensors import FINISHED_BADLY, SHOWN, next_attempt, under_way
from vbn_assets.resources import VisualBehavior

RUNS_A_TICK = 25
"""Runs are started one after another, seconds each: more would wait in the queue and hide what is asked next."""
LOOK_SECONDS = 15
"""A look reads the lake's records and a page of runs: milliseconds, and a user who asks sees it start soon."""


def hold_sensor(
    project: Project, jobs: Mapping[str, "dg.UnresolvedAssetJobDefinition"], refresh_job: str
) -> dg.SensorDefinition:
    """`vbn_hold_sensor`: asks for what should be held and is not, by each kind's own job."""

    @dg.sensor(
        name=f"{project.name}_hold_sensor",
        jobs=list(jobs.values()),
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Asks for the files that VBN_HOLD, VBN_HOLD_BEHAVIOR and VBN_LFP name and that are not held, "
            "and again for those that failed."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext, visual_behavior: VisualBehavior) -> dg.SensorResult | dg.SkipReason:
        workspace = visual_behavior.workspace(project.name)
        release = workspace.current_release()
        if release is None:
            return dg.SkipReason("No release is in the lake yet.")
        if under_way(context.instance, refresh_job):
            return dg.SkipReason("A release is being made: files that it replaces need not be fetched.")
        requests = (
            request
            for kind in project.kinds
            for request in _requests(context.instance, workspace, release, kind, jobs[kind.name].name)
        )
        asked = list(islice(requests, RUNS_A_TICK))
        if not asked:
            settings = workspace.settings
            return dg.SkipReason(
                f"Nothing to ask for: VBN_HOLD is {settings.hold!r}, VBN_HOLD_BEHAVIOR {settings.hold_behavior!r}, "
                f"VBN_LFP {settings.lfp}."
            )
        return dg.SensorResult(run_requests=asked)

    return sensor


def _requests(
    instance: dg.DagsterInstance, workspace: Workspace, release: Release, kind: FileKind, job: str
) -> Iterator[dg.RunRequest]:
    """Runs for the files of a kind that are missing and wanted, or whose last run for this very file failed."""
    project = workspace.project
    wanted = wanted_ids(workspace, release, kind)
    failed = _failed_files(instance, project, job)
    partitions = {file.id: id for id, file in workspace.files_about(release, kind).items()}
    known = set(instance.get_dynamic_partitions(files_of(project, kind).name or ""))
    for holding in holdings(workspace, release, kind):
        partition = partitions.get(holding.file.id)
        if partition not in known or holding.state is State.HELD:
            continue
        asked = holding.state is State.MISSING and holding.session_id in wanted
        if asked or _shown_hash(holding) in failed:
            request = _request(instance, job, project, holding, partition)
            if request:
                yield request


def _failed_files(instance: dg.DagsterInstance, project: Project, job: str) -> set[str | None]:
    """Of all files the few that a run failed for: thousands that nobody asked for are not looked up one by one."""
    failed = instance.get_run_records(dg.RunsFilter(job_name=job, statuses=list(FINISHED_BADLY)))
    return {record.dagster_run.tags.get(file_tag(project)) for record in failed}


def _request(
    instance: dg.DagsterInstance, job: str, project: Project, holding: Holding, partition: str
) -> dg.RunRequest | None:
    tags = {file_tag(project): _shown_hash(holding)}
    attempt = next_attempt(instance, job, tags)
    if attempt is None:
        return None
    return dg.RunRequest(
        run_key=f"{project.name}:{holding.file.id}:{_shown_hash(holding)}:attempt{attempt}",
        partition_key=partition,
        job_name=job,
        tags=tags,
    )


def _shown_hash(holding: Holding) -> str:
    return holding.file.file_hash[:SHOWN]


def file_tag(project: Project) -> str:
    return f"{project.name}/file_hash"
