"""Files too small for a run each, and their tables: a run makes many, in one step.

They are the assets that `mirror` and `nwb` have of big files. Each file stands for itself: it is fetched while another
is read, is part of the lake and known to Dagster with its own data version as soon as it is made, and fails alone.
The run then fails too and names those that did, which are the only partitions that it leaves marked as failed.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import dagster as dg

from vbn_assets.errors import VbnError, WrongHash
from vbn_assets.metadata.assets import RETRIES
from vbn_assets.mirror.assets import file_spec, hash_check
from vbn_assets.nwb.assets import file_claims, file_table_specs, shown_claims
from vbn_assets.partitions import files_of
from vbn_assets.projects import FileKind, Project
from vbn_assets.report import claim_results, claim_specs, failures, file_events, file_key, shared_asset
from vbn_assets.resources import VisualBehavior
from vbn_assets.sync import Outcome, Silent, make_sessions
from vbn_assets.warehouse.claims import together
from vbn_assets.warehouse.lake import Claim

SHOWN = 20
"""Files named in the message of a run that failed; its checks' metadata name them all."""


def batch_assets(project: Project, kind: FileKind) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"{project.name}_{kind.asset}_batch",
        # Skippable: the step tells of each file itself, with its own data version, and has nothing left to return.
        specs=[
            spec.replace_attributes(skippable=True)
            for spec in (file_spec(project, kind), *file_table_specs(project, kind))
        ],
        check_specs=[
            hash_check(project, kind),
            *claim_specs(project, file_claims(kind), asset=shared_asset(project, kind)),
        ],
        partitions_def=files_of(project, kind),
        backfill_policy=dg.BackfillPolicy.multi_run(kind.batch),
        retry_policy=RETRIES,
    )
    def files(context: dg.AssetExecutionContext, visual_behavior: VisualBehavior) -> Iterator[dg.AssetCheckResult]:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.current_release()
            published = workspace.files_about(release, kind) if release else {}
        unknown = [partition for partition in context.partition_keys if partition not in published]
        chosen = [published[partition] for partition in context.partition_keys if partition in published]
        outcomes = []
        for outcome in make_sessions(workspace, chosen, Silent()):
            outcomes.append(outcome)
            if outcome.error is None and outcome.record:
                for event in file_events(context.instance, project, outcome.record, outcome.file):
                    context.log_event(event)
        yield _hash_result(project, kind, outcomes)
        yield from claim_results(project, _claims(kind, outcomes), asset=shared_asset(project, kind))
        _require_all(outcomes, unknown)

    return files


def _hash_result(project: Project, kind: FileKind, outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    wrong = [outcome.error for outcome in outcomes if isinstance(outcome.error, WrongHash)]
    return dg.AssetCheckResult(
        passed=not wrong,
        asset_key=file_key(project, kind),
        check_name=hash_check(project, kind).name,
        description="; ".join(map(str, wrong)) or None,
        metadata={"files": len(outcomes)},
    )


def _claims(kind: FileKind, outcomes: Sequence[Outcome]) -> Iterator[Claim]:
    """Each claim about all files together, with the violations of those that break it."""
    by_name: dict[str, list[tuple[str, Claim]]] = defaultdict(list)
    for outcome in outcomes:
        for claim in shown_claims(kind, outcome.record.claims) if outcome.record else ():
            by_name[claim.name].append((outcome.file.id, claim))
    for name, of_files in by_name.items():
        _, first = of_files[0]
        yield together(name, first.table, first.description, of_files)


def _require_all(outcomes: Sequence[Outcome], unknown: Sequence[str]) -> None:
    """A failure that names the files that were not made, if there are any."""
    failed: dict[str, VbnError] = {outcome.file.id: outcome.error for outcome in outcomes if outcome.error}
    if not (failed or unknown):
        return
    problems = [*map(str, failed.values()), *(f"{id}: the current release has no such file" for id in unknown)]
    more = f"\n… and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise dg.Failure(
        description=f"{len(problems)} of {len(outcomes) + len(unknown)} failed:\n" + "\n".join(problems[:SHOWN]) + more,
        metadata={"failed": ", ".join((*failed, *unknown)), "made": len(outcomes) - len(failed)},
        allow_retries=any(error.retryable for error in failed.values()),
    )
