"""The sensor that looks for new releases.

One listing of the manifests prefix a tick: no manifest is read, no event written, so a tick ends in a second and an
outage in well under Dagster's minute. What was asked for is told by the runs, not by a cursor. What is done about a
release is done in its run.
"""

import dagster as dg

from vbn_assets.partitions import releases_of
from vbn_assets.projects import Project
from vbn_assets.releases.bucket import ManifestListing, list_manifests
from vbn_assets.resources import AnonymousS3, VisualBehavior

ATTEMPTS = 3
"""Dagster never repeats a run key. A release whose run failed is asked for again, this often in all."""
SHOWN = 16
"""Characters of a hash in tags and run keys: enough to tell files apart, and the list of runs stays readable."""
LOST_TAG = "vbn/lost"
"""On runs that were killed with the server: `serving` finds them at its next start."""
FINISHED_BADLY = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def release_sensor(project: Project, job: str, interval_seconds: int) -> dg.SensorDefinition:
    """`vbn_release_sensor`: asks for `refresh_vbn` of every release that is published and not made yet."""

    @dg.sensor(
        name=f"{project.name}_release_sensor",
        job_name=job,
        minimum_interval_seconds=interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks for new releases under {project.manifest_prefix()} and asks for each to be made.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, s3: AnonymousS3, visual_behavior: VisualBehavior
    ) -> dg.SensorResult | dg.SkipReason:
        kept = visual_behavior.workspace(project.name).mirror.versions()
        published = list_manifests(s3.get_client(), project)
        requests = []
        for manifest in published:
            tags = {release_tag(project): manifest.version, manifest_tag(project): manifest.etag}
            attempt = next_attempt(context.instance, job, tags, lost=manifest.version not in kept)
            if attempt:
                requests.append(_request(project, manifest, attempt, tags))
        if not requests:
            newest = published[-1].version
            return dg.SkipReason(f"{len(published)} releases are published, the newest {newest}: all asked for.")
        versions = [manifest.version for manifest in published]
        return dg.SensorResult(
            run_requests=requests, dynamic_partitions_requests=[releases_of(project).build_add_request(versions)]
        )

    return sensor


def under_way(instance: dg.DagsterInstance, job: str | None = None) -> bool:
    """Whether a run of this job, or of any, waits or works."""
    unfinished = [s for s in dg.DagsterRunStatus if s not in (*FINISHED_BADLY, dg.DagsterRunStatus.SUCCESS)]
    return bool(instance.get_run_records(dg.RunsFilter(job_name=job, statuses=unfinished), limit=1))


def next_attempt(instance: dg.DagsterInstance, job: str, tags: dict[str, str], *, lost: bool = False) -> int | None:
    """The number of the next run with these tags: 1 if there was none, None if one is under way, went well, or was the
    last that is allowed. A run that was killed with its server is no attempt at the work, and one that went well counts
    no more when what it made is `lost`."""
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(job_name=job, tags=tags))]
    over = (*FINISHED_BADLY, dg.DagsterRunStatus.SUCCESS) if lost else FINISHED_BADLY
    if any(run.status not in over for run in runs):
        return None
    failed = [run for run in runs if run.status in FINISHED_BADLY and LOST_TAG not in run.tags]
    return len(runs) + 1 if len(failed) < ATTEMPTS else None


def _request(project: Project, manifest: ManifestListing, attempt: int, tags: dict[str, str]) -> dg.RunRequest:
    key = f"{project.name}:{manifest.version}:{manifest.etag[:SHOWN]}"
    return dg.RunRequest(
        run_key=key if attempt == 1 else f"{key}:attempt{attempt}", partition_key=manifest.version, tags=tags
    )


def release_tag(project: Project) -> str:
    return f"{project.name}/release"


def manifest_tag(project: Project) -> str:
    """On runs: which manifest of the release was asked for, since one may be replaced in place."""
    return f"{project.name}/manifest"
