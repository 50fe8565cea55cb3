"""The sensor that looks for new releases.

One listing of the manifests prefix a tick: no file is read, no event written, so a tick ends in a second and an
outage in well under Dagster's minute. What is done about a release is done in its run.
"""

from __future__ import annotations

import json

import dagster as dg

from vbn_assets.partitions import releases_of
from vbn_assets.projects import Project
from vbn_assets.releases.bucket import list_manifests
from vbn_assets.resources import AnonymousS3

ATTEMPTS = 3
"""Dagster never repeats a run key. A release whose run failed is asked for again, this often in all."""
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
    def sensor(context: dg.SensorEvaluationContext, s3: AnonymousS3) -> dg.SensorResult | dg.SkipReason:
        listed = list_manifests(s3.get_client(), project)
        etags = {manifest.version: manifest.etag for manifest in listed}
        known = set(context.instance.get_dynamic_partitions(f"{project.name}_releases"))
        new = [version for version in etags if version not in known]
        again = _failed(context.instance, job, json.loads(context.cursor or "{}"), known & etags.keys(), project)
        if not new and not again:
            return dg.SkipReason(f"{len(etags)} releases are published, the newest {list(etags)[-1]}; all are made.")
        attempts = {**dict.fromkeys(new, 1), **again}
        requests = [_request(project, version, attempts[version]) for version in etags if version in attempts]
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=[releases_of(project).build_add_request(new)] if new else [],
            cursor=json.dumps(etags),
        )

    return sensor


def _failed(
    instance: dg.DagsterInstance, job: str, cursor: dict[str, str], versions: set[str], project: Project
) -> dict[str, int]:
    """Releases whose every run so far failed, with the number of the next attempt."""
    again = {}
    for version in versions:
        tags = {release_tag(project): version}
        runs = instance.get_run_records(dg.RunsFilter(job_name=job, tags=tags), limit=ATTEMPTS)
        failed = [run for run in runs if run.dagster_run.status in FINISHED_BADLY]
        if runs and len(failed) == len(runs) < ATTEMPTS:
            again[version] = len(runs) + 1
    return again


def _request(project: Project, version: str, attempt: int) -> dg.RunRequest:
    key = f"{project.name}:{version}"
    return dg.RunRequest(
        run_key=key if attempt == 1 else f"{key}:attempt{attempt}",
        partition_key=version,
        tags={release_tag(project): version},
    )


def release_tag(project: Project) -> str:
    return f"{project.name}/release"
