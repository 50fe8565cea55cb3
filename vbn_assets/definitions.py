"""Everything Dagster sees: assets, checks, jobs, sensors and schedules of each project in the settings."""

from __future__ import annotations

import dagster as dg

from vbn_assets.automation import automation_sensor, jobs, mirror_job, refresh_schedule, scrub_schedule
from vbn_assets.batches.assets import batch_assets
from vbn_assets.metadata.assets import metadata_assets
from vbn_assets.mirror.assets import file_asset, scrub_asset
from vbn_assets.mirror.checks import mirror_checks
from vbn_assets.mirror.sensors import hold_sensor
from vbn_assets.nwb.assets import file_table_assets
from vbn_assets.projects import PROJECTS, FileKind, Project
from vbn_assets.releases.assets import release_assets
from vbn_assets.releases.sensors import release_sensor
from vbn_assets.resources import AnonymousS3, VisualBehavior
from vbn_assets.settings import Settings
from vbn_assets.warehouse.assets import warehouse_asset
from vbn_assets.warehouse.checks import warehouse_checks
from vbn_assets.warehouse.sensors import publish_sensor


def build_definitions(settings: Settings) -> dg.Definitions:
    """The definitions for these settings. Reads nothing and asks nobody."""
    projects = [PROJECTS[name] for name in settings.projects]
    s3 = AnonymousS3(endpoint_url=settings.endpoint_url, region_name=projects[0].region if projects else None)
    return dg.Definitions(
        assets=[asset for project in projects for asset in _assets(project)],
        asset_checks=[check for project in projects for check in (*mirror_checks(project), *warehouse_checks(project))],
        jobs=[job for project in projects for job in jobs(project)],
        sensors=[sensor for project in projects for sensor in _sensors(project, settings)],
        schedules=[
            schedule for project in projects for schedule in (refresh_schedule(project), scrub_schedule(project))
        ],
        resources={"s3": s3, "visual_behavior": VisualBehavior.of(settings, s3)},
        # A run does one thing after another; a process for each step would cost more than the steps.
        executor=dg.in_process_executor,
    )


def _assets(project: Project) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    return [
        *release_assets(project),
        *metadata_assets(project),
        *(asset for kind in project.kinds for asset in _file_assets(project, kind)),
        scrub_asset(project),
        warehouse_asset(project),
    ]


def _file_assets(project: Project, kind: FileKind) -> list[dg.AssetsDefinition]:
    if kind.batch > 1:
        return [batch_assets(project, kind)]
    return [file_asset(project, kind), file_table_assets(project, kind)]


def _mirror_jobs(project: Project) -> dict[str, dg.UnresolvedAssetJobDefinition]:
    return {kind.name: mirror_job(project, kind) for kind in project.kinds}


def _sensors(project: Project, settings: Settings) -> list[dg.SensorDefinition]:
    return [
        release_sensor(project, f"refresh_{project.name}", settings.poll_seconds),
        hold_sensor(project, _mirror_jobs(project), f"refresh_{project.name}"),
        publish_sensor(project, f"publish_{project.name}"),
        automation_sensor(project),
    ]


defs = build_definitions(Settings.from_environment())
