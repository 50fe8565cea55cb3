"""What this machine has: `vbn status`, and `vbn scrub` which reads all of it again. No network is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vbn_assets.cli.console import Size, counted, note, print_table, results
from vbn_assets.cli.options import ProjectsOption, workspaces_of
from vbn_assets.cli.progress import display
from vbn_assets.errors import WrongHash

if TYPE_CHECKING:
    from vbn_assets.holdings import Holding
    from vbn_assets.pipeline import Workspace
    from vbn_assets.settings import Settings


def status(project: ProjectsOption = None) -> None:
    """Show what is held, what is out of step with the current release, and what to do about it.

    *held*: the tables of the release's file are here. *stale*: only those of an earlier release's file.
    *unsound*: they were made, but contradict each other or the release, and are not published.
    """
    for workspace in workspaces_of(project):
        _print_status(workspace)
    _print_warehouse(workspace.settings)


def scrub(project: ProjectsOption = None) -> None:
    """Read every file of the mirror again and compare its hash. A rotten file is set aside; sync fetches it anew."""
    rotten = 0
    for workspace in workspaces_of(project):
        files = [file for release in workspace.mirror.releases() for file in release.files()]
        paths = {path for file in files if (path := workspace.mirror.path(file).resolve()).is_file()}
        total = sum(path.stat().st_size for path in paths)
        with display(total, len(paths), "file") as shown:
            for checked in workspace.mirror.scrub(progress=shown):
                shown.finished(checked.file, str(checked.problem or "") or None, failed=not checked.intact)
                rotten += not checked.intact
        swept = workspace.lake.sweep() + workspace.mirror.sweep()
        name = workspace.project.name
        note(f"{name}: {counted(len(paths), 'file')} read, {Size(total)}; {counted(swept, 'leftover')} removed")
    if rotten:
        raise WrongHash(
            f"{counted(rotten, 'file')} of the mirror did not have the bytes that the release names",
            remedy="They were set aside. `vbn sync --sessions ID` fetches a session's anew.",
        )


def _print_status(workspace: Workspace) -> None:
    from vbn_assets.holdings import State, holdings

    project, release = workspace.project, workspace.current_release()
    if release is None:
        results().print(f"{project.title} ({project.name}): no release is held. Next: `{project.sync} --dry-run`\n")
        return
    pinned = ", pinned" if workspace.pin else ""
    results().print(f"{project.title} ({project.name}), release {release.version}{pinned}", style="bold")
    every: dict[State, list[Holding]] = {state: [] for state in State}
    for kind in project.kinds:
        held = holdings(workspace, release, kind)
        by_state = {state: [holding for holding in held if holding.state is state] for state in State}
        print_table(
            "",
            (kind.plural.replace("_", " "), "count", "mirror", "lake"),
            [
                (state.value, len(group), _mirrored(workspace, group), _laked(group))
                for state, group in by_state.items()
            ],
        )
        for state, group in by_state.items():
            every[state] += group
    for arguments, what in _next_steps(every[State.HELD], every[State.STALE], every[State.UNSOUND]):
        results().print(f"Next: `{project.sync}{arguments}` {what}")
    if aside := workspace.mirror.set_aside():
        size = Size(sum(path.stat().st_size for path in aside))
        results().print(f"{counted(len(aside), 'file')} with wrong bytes, {size}, may be removed: {aside[0].parent}")
    results().print()


def _print_warehouse(settings: Settings) -> None:
    from vbn_assets.warehouse.publish import unpublished

    path = settings.warehouse_path
    what = str(Size(path.stat().st_size)) if path.exists() else "not there yet"
    results().print(f"{path}: {what}")
    if settings.lake_dir.exists() and unpublished(settings):
        results().print("Next: `vbn publish` shows in it what came since")


def _mirrored(workspace: Workspace, group: list[Holding]) -> Size:
    paths = (workspace.mirror.path(holding.file) for holding in group)
    return Size(sum(path.stat().st_size for path in paths if path.exists()))


def _laked(group: list[Holding]) -> Size:
    return Size(sum(holding.record.bytes for holding in group if holding.record))


def _next_steps(held: list[Holding], stale: list[Holding], unsound: list[Holding]) -> Iterator[tuple[str, str]]:
    """What to add to the project's sync command, and what that does."""
    if stale:
        yield "", f"makes {counted(len(stale), 'stale file')} anew"
    if unsound:
        ids = " ".join(sorted({str(holding.session_id) for holding in unsound}))
        lfp = " --lfp" if any("/" in holding.file.id for holding in unsound) else ""
        yield f" --sessions {ids}{lfp}", "tries again and says what is wrong"
    if not (held or stale or unsound):
        yield " --sessions ID", "or `--where SQL` fetches sessions"
