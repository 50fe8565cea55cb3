"""The sensor that publishes what came into the lake, whoever brought it.

It compares the lake with the warehouse instead of waiting for events: an automation condition forgets what
arrives between the request of a publish and its end, and never hears of what `vbn sync` did.
"""

from datetime import UTC, datetime

import dagster as dg

from vbn_assets.projects import Project
from vbn_assets.releases.sensors import SHOWN, next_attempt, under_way
from vbn_assets.resources import VisualBehavior
from vbn_assets.warehouse.publish import unpublished

LOOK_SECONDS = 10
"""One publish takes up all that came meanwhile; a look reads the lake's records."""
BUSY_SECONDS = 60
"""From one publish to the next while runs go on: each is a run too, and would take a fifth of the machine from them."""

BEFORE_OTHERS = {"dagster/priority": "1"}
"""In the queue: what is made is shown before all the rest is made."""


def publish_sensor(project: Project, job: str) -> dg.SensorDefinition:
    """`vbn_publish_sensor`: asks for `publish_vbn` when the lake has what the warehouse does not show."""

    @dg.sensor(
        name=f"{project.name}_publish_sensor",
        job_name=job,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Publishes the warehouse when the lake has something that it does not show yet.",
    )
    def sensor(context: dg.SensorEvaluationContext, visual_behavior: VisualBehavior) -> dg.RunRequest | dg.SkipReason:
        if visual_behavior.workspace(project.name).current_release() is None:
            return dg.SkipReason("No release is in the lake yet.")
        if under_way(context.instance, job):
            return dg.SkipReason("A publish is under way.")
        if _seconds_since(context.instance, job) < BUSY_SECONDS and under_way(context.instance):
            return dg.SkipReason(f"More is being made: published {BUSY_SECONDS} s after the last time, or at its end.")
        fingerprint = unpublished(visual_behavior.settings, project.name)
        if fingerprint is None:
            return dg.SkipReason("The warehouse shows all that the lake has.")
        tags = {f"{project.name}/contents": fingerprint[:SHOWN]}
        attempt = next_attempt(context.instance, job, tags, lost=True)
        if attempt is None:
            return dg.SkipReason("Publishing this failed too often: see the last runs, then materialise the warehouse.")
        key = f"{project.name}:{fingerprint[:SHOWN]}:attempt{attempt}"
        return dg.RunRequest(run_key=key, tags={**tags, **BEFORE_OTHERS})

    return sensor


def _seconds_since(instance: dg.DagsterInstance, job: str) -> float:
    """How long ago a job was last asked for, in seconds."""
    runs = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    return (datetime.now(UTC) - runs[0].create_timestamp).total_seconds() if runs else float("inf")
