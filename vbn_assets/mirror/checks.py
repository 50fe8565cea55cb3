"""Checks of what is held: in step with the release, and intact on disk. They warn; repairing is for the next run."""

from __future__ import annotations

import dagster as dg

from vbn_assets.holdings import State, holdings
from vbn_assets.projects import Project
from vbn_assets.report import asset_key, failures
from vbn_assets.resources import VisualBehavior


def mirror_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    return [_in_step(project), _intact(project)]


def _in_step(project: Project) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(project, "session_nwb"),
        name="in_step_with_release",
        description="Every session held is of the current release: a stale partition shows only on its own page.",
    )
    def in_step_with_release(visual_behavior: VisualBehavior) -> dg.AssetCheckResult:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            release = workspace.current_release()
            held = holdings(workspace, release) if release else []
        by_state = {state: [str(h.session_id) for h in held if h.state is state] for state in State}
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


def _intact(project: Project) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset_key(project, "session_nwb"),
        name="bytes_are_intact",
        description="Every file of the mirror still has the hash it was verified with.",
    )
    def bytes_are_intact(visual_behavior: VisualBehavior) -> dg.AssetCheckResult:
        workspace = visual_behavior.workspace(project.name)
        with failures():
            results = list(workspace.mirror.scrub())
            swept = workspace.lake.sweep()
        rotten = [result for result in results if not result.intact]
        return dg.AssetCheckResult(
            passed=not rotten,
            metadata={
                "files": len(results),
                "bytes": sum(result.bytes for result in results),
                "rotten": "\n".join(str(result.problem) for result in rotten) or "none",
                "abandoned_files_removed": swept,
            },
        )

    return bytes_are_intact
