"""What happens by itself, and what can be asked for by name: conditions, jobs and schedules.

A new release re-makes the sessions that are held and whose file changed. It never fetches a session nobody
asked for: that is what `VBN_HOLD` and its like, `vbn sync` and the partition's Materialize button are for.
"""

from __future__ import annotations

from functools import cache

import dagster as dg
from semver import Version

from vbn_assets.mirror.checks import IN_STEP_CHECK
from vbn_assets.partitions import releases_of
from vbn_assets.projects import FileKind, Project
from vbn_assets.report import asset_key, file_key, group, tables_by_asset

_NOW_IDLE = ~dg.AutomationCondition.in_progress()
# And at the look before: a look sees what was made up to its start, but runs as they are now. One that falls between
# a session's file and its tables, while their run ends, would ask for the tables again.
_IDLE = _NOW_IDLE & ~_NOW_IDLE.newly_true()
_HANDLED = dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
_NEW_DATA = (
    dg.AutomationCondition.any_deps_updated()
    .replace("newly_updated", dg.AutomationCondition.data_version_changed())
    .since(_HANDLED)
)

HELD_AND_CHANGED = (_NEW_DATA & ~dg.AutomationCondition.missing() & _IDLE).with_label("held, and its file changed")
"""For session files. A partition that was never materialised stays so: no download starts by itself."""

FILE_CHANGED = (_NEW_DATA & ~dg.AutomationCondition.any_deps_missing() & _IDLE).with_label("its file changed")
"""For the tables of a session file."""

AUTOMATION_SECONDS = 10
"""How often conditions are looked at. An idle look costs a third of a second."""


def jobs(project: Project) -> list[dg.UnresolvedAssetJobDefinition]:
    """The jobs of one project, named by what they do."""
    key = asset_key
    metadata = [key(project, name) for name in ("manifest", *project.metadata_tables, "release_files")]
    return [
        dg.define_asset_job(
            f"refresh_{project.name}",
            selection=dg.AssetSelection.assets(*metadata),
            description="One release: its manifest and metadata tables, and which sessions it has.",
        ),
        *(mirror_job(project, kind) for kind in project.kinds),
        dg.define_asset_job(
            f"scrub_{project.name}_mirror",
            selection=dg.AssetSelection.assets(key(project, "mirror_scrub")),
            description="Every file of the mirror is read again and its hash compared. A rotten one is set aside.",
        ),
        dg.define_asset_job(
            f"publish_{project.name}",
            # With the check: each publish follows a change of the release or of what is held.
            selection=dg.AssetSelection.assets(key(project, "warehouse")) | _in_step_checks(project),
            description="The warehouse, made to show what the lake has.",
        ),
    ]


@cache  # the sensor that asks for a job and the definitions must have the same object
def mirror_job(project: Project, kind: FileKind) -> dg.UnresolvedAssetJobDefinition:
    """`mirror_vbn_sessions`, `mirror_vbn_behavior_sessions` or `mirror_vbn_probes`."""
    return dg.define_asset_job(
        f"mirror_{project.name}_{kind.plural}",
        # Without the check: it is about all files, and no news until they are published.
        selection=dg.AssetSelection.assets(file_key(project, kind), *tables_by_asset(project, kind))
        - _in_step_checks(project),
        description=f"One NWB file ({kind.name}), verified, and the tables read from it.",
    )


def _in_step_checks(project: Project) -> dg.AssetSelection:
    return dg.AssetSelection.checks(
        *(dg.AssetCheckKey(file_key(project, kind), IN_STEP_CHECK) for kind in project.kinds)
    )


def automation_sensor(project: Project) -> dg.AutomationConditionSensorDefinition:
    """Looks at the conditions of one project's assets."""
    return dg.AutomationConditionSensorDefinition(
        f"{project.name}_automation",
        target=dg.AssetSelection.groups(group(project, "mirror"), group(project, "tables")),
        minimum_interval_seconds=AUTOMATION_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Makes held sessions again when a release changed their file.",
    )


def refresh_schedule(project: Project) -> dg.ScheduleDefinition:
    """Daily: the current release once more. What is done is found done; what was lost is made again."""

    @dg.schedule(
        name=f"refresh_{project.name}_daily",
        job_name=f"refresh_{project.name}",
        cron_schedule="0 5 * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The current release's manifest and tables, looked at again every morning.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        versions = context.instance.get_dynamic_partitions(releases_of(project).name or "")
        if not versions:
            return dg.SkipReason("No release is known yet: the release sensor finds them.")
        return dg.RunRequest(partition_key=max(versions, key=Version.parse))

    return daily


def scrub_schedule(project: Project) -> dg.ScheduleDefinition:
    """Weekly: every file of the mirror read again, while nobody works."""
    return dg.ScheduleDefinition(
        name=f"scrub_{project.name}_weekly",
        job_name=f"scrub_{project.name}_mirror",
        cron_schedule="0 3 * * 0",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every file of the mirror is read again and its hash compared.",
    )
