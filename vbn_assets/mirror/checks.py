"""Checks of what is held that no single run can make: whether all of it is in step with the release."""

import dagster as dg

from vbn_assets.holdings import State, holdings
from vbn_assets.projects import FileKind, Project
from vbn_assets.report import failures, file_key
from vbn_assets.resources import VisualBehavior

IN_STEP_CHECK = "in_step_with_release"


def mirror_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    return [_in_step(project, kind) for kind in project.kinds]


def _in_step(project: Project, kind: FileKind) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=file_key(project, kind),
        name=IN_STEP_CHECK,
        description="Every file held is of the current release: a stale partition shows only on its own page.",
    )
    def in_step_with_release(visual_behavior: VisualBehavior) -> dg.AssetCheckResult:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.current_release()
            held = holdings(workspace, release, kind) if release else []
        by_state = {state: [h.file.id for h in held if h.state is state] for state in State}
        behind = [*by_state[State.STALE], *by_state[State.UNSOUND]]
        return dg.AssetCheckResult(
            passed=not behind,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "release": release.version if release else "none",
                **{state.value: len(ids) for state, ids in by_state.items()},
                "behind": ", ".join(behind) or "none",
            },
        )

    return in_step_with_release
