"""The sensor that asks for the files that the settings name. It looks only at this machine, never at the bucket."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby, islice
from typing import Self

import dagster as dg

from vbn_assets.holdings import Holding, State, hold_condition, holdings, wanted_ids
from vbn_assets.partitions import files_of
from vbn_assets.pipeline import Workspace
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.manifest import Release
from vbn_assets.releases.sensors import ATTEMPTS, FINISHED_BADLY, LOST_TAG, SHOWN, under_way
from vbn_assets.report import file_key
from vbn_assets.resources import VisualBehavior

RUNS_A_TICK = 25
"""Runs are started one after another, seconds each: more would wait in the queue and hide what is asked next."""
LOOK_SECONDS = 15
"""A look reads the lake's records and the job's runs: milliseconds each hundred, and who asks sees it start soon."""

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""Dagster's tags for a run of several partitions."""


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
            held = (f"{kind.plural}: {hold_condition(workspace, kind)}" for kind in project.kinds)
            return dg.SkipReason(f"Nothing to ask for. To be held are {'; '.join(held)}.")
        return dg.SensorResult(run_requests=asked)

    return sensor


def _requests(
    instance: dg.DagsterInstance, workspace: Workspace, release: Release, kind: FileKind, job: str
) -> Iterator[dg.RunRequest]:
    """Runs for the files of a kind that are missing and wanted, or that a run failed to make.

    A file that a release replaced is made anew by the automation condition, if Dagster knows that it is held. What a
    command or a notebook brought it may not know of.
    """
    runs = _Runs.of(instance, workspace.project, job)
    wanted = wanted_ids(workspace, release, kind)
    partitions = {file.id: id for id, file in workspace.files_about(release, kind).items()}
    held = holdings(workspace, release, kind)
    known_to_be_held = _materialized(instance, workspace.project, kind, held)
    due = {}
    for holding in held:
        shown = _shown_hash(holding)
        asked = (holding.state is State.MISSING and holding.session_id in wanted) or (
            holding.state is State.STALE and partitions.get(holding.file.id) not in known_to_be_held
        )
        if holding.state is not State.HELD and holding.file.id in partitions and runs.may_make(shown, asked=asked):
            due[partitions[holding.file.id]] = shown
    known = instance.get_dynamic_partitions(files_of(workspace.project, kind).name or "")
    for batch in _neighbours([due.get(partition) and partition for partition in known], kind.batch):
        yield _request(workspace.project, job, {partition: due[partition] for partition in batch}, runs)


def _materialized(
    instance: dg.DagsterInstance, project: Project, kind: FileKind, held: Iterable[Holding]
) -> Collection[str]:
    """The partitions of the files that Dagster knows to be held; asked for only where some are stale."""
    if not any(holding.state is State.STALE for holding in held):
        return ()
    return instance.get_materialized_partitions(file_key(project, kind))


def _neighbours(partitions: Iterable[str | None], size: int) -> Iterator[list[str]]:
    """Partitions that stand next to each other, not more than `size` together: Dagster's runs are of ranges."""
    for wanted, group in groupby(partitions, key=bool):
        together = [partition for partition in group if partition]
        for start in range(0, len(together) if wanted else 0, size):
            yield together[start : start + size]


@dataclass(frozen=True)
class _Runs:
    """What was asked for by one job so far, by the hashes of the files."""

    failed: Counter[str]
    """How often a run ended badly that was asked to make a file. One killed with its server is no attempt."""
    asked: Counter[str]
    going_or_done: frozenset[str]

    @classmethod
    def of(cls, instance: dg.DagsterInstance, project: Project, job: str) -> Self:
        failed: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        going_or_done: set[str] = set()
        for record in instance.get_run_records(dg.RunsFilter(job_name=job)):
            run = record.dagster_run
            hashes = run.tags.get(file_tag(project), "").split()
            asked.update(hashes)
            if run.status not in FINISHED_BADLY:
                going_or_done.update(hashes)
            elif LOST_TAG not in run.tags:
                failed.update(hashes)
        return cls(failed, asked, frozenset(going_or_done))

    def may_make(self, shown: str, *, asked: bool) -> bool:
        """Whether to ask for a file that should be held, or else that was asked for before and failed."""
        return shown not in self.going_or_done and self.failed[shown] < ATTEMPTS and (asked or self.asked[shown] > 0)


def _request(project: Project, job: str, batch: Mapping[str, str], runs: _Runs) -> dg.RunRequest:
    """A run for a batch of files: their hashes by their partitions."""
    first, *_, last = [*batch, *batch]
    hashes = " ".join(batch.values())
    attempt = max(runs.asked[shown] for shown in batch.values()) + 1
    ranged = {RANGE_START: first, RANGE_END: last} if len(batch) > 1 else {}
    return dg.RunRequest(
        run_key=f"{project.name}:{first}:{blake2b(hashes.encode(), digest_size=8).hexdigest()}:attempt{attempt}",
        partition_key=None if ranged else first,
        job_name=job,
        tags={file_tag(project): hashes, **ranged},
    )


def _shown_hash(holding: Holding) -> str:
    return holding.file.file_hash[:SHOWN]


def file_tag(project: Project) -> str:
    return f"{project.name}/file_hash"
