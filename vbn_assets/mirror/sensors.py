"""The sensor that asks for the sessions `VBN_HOLD` names. It looks only at this machine, never at the bucket."""

import dagster as dg

from vbn_assets.holdings import Holding, State, holdings
from vbn_assets.pipeline import select_sessions
from vbn_assets.projects import Project
from vbn_assets.releases.sensors import SHOWN, next_attempt, under_way
from vbn_assets.resources import VisualBehavior

RUNS_A_TICK = 25
"""Runs are started one after another, seconds each: more would wait in the queue and hide what is asked next."""


LOOK_SECONDS = 15
"""A look reads the lake's records and a page of runs: milliseconds, and a user who asks sees it start soon."""


def hold_sensor(project: Project, job: str, refresh_job: str) -> dg.SensorDefinition:
    """`vbn_hold_sensor`: asks for `mirror_vbn_sessions` of what should be held and is not."""

    @dg.sensor(
        name=f"{project.name}_hold_sensor",
        job_name=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the sessions that VBN_HOLD names and that are not held, and again for those that failed.",
    )
    def sensor(context: dg.SensorEvaluationContext, visual_behavior: VisualBehavior) -> dg.SensorResult | dg.SkipReason:
        workspace = visual_behavior.workspace(project.name)
        release = workspace.current_release()
        if release is None:
            return dg.SkipReason("No release is in the lake yet.")
        if under_way(context.instance, refresh_job):
            return dg.SkipReason("A release is being made: files that it replaces need not be fetched.")
        wanted = set(select_sessions(workspace, release, workspace.settings.hold))
        partitions = set(context.instance.get_dynamic_partitions(f"{project.name}_{project.session_kind}s"))
        requests = [
            request
            for holding in holdings(workspace, release)
            if holding.file.id in partitions and holding.state is not State.HELD
            if (request := _request(context.instance, job, project, holding, holding.session_id in wanted))
        ]
        if not requests:
            return dg.SkipReason(f"Nothing to ask for: VBN_HOLD is {workspace.settings.hold!r}.")
        return dg.SensorResult(run_requests=requests[:RUNS_A_TICK])

    return sensor


def _request(
    instance: dg.DagsterInstance, job: str, project: Project, holding: Holding, wanted: bool
) -> dg.RunRequest | None:
    """A run for a session that is missing and wanted, or whose last run for this very file failed."""
    tags = {file_tag(project): holding.file.file_hash[:SHOWN]}
    attempt = next_attempt(instance, job, tags)
    if attempt is None or (attempt == 1 and not (wanted and holding.state is State.MISSING)):
        return None
    return dg.RunRequest(
        run_key=f"{project.name}:{holding.session_id}:{holding.file.file_hash[:SHOWN]}:attempt{attempt}",
        partition_key=holding.file.id,
        tags=tags,
    )


def file_tag(project: Project) -> str:
    return f"{project.name}/file_hash"
