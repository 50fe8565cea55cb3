"""Getting what is published: `vbn sync`. It shows what it will do, does it, and says what came of it."""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import Size, counted, note, print_table, results
from vbn_assets.cli.options import ProjectOption, workspace_of
from vbn_assets.cli.progress import display
from vbn_assets.cli.tables import publish_warehouse
from vbn_assets.errors import DiskFull, SettingsError, VbnError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vbn_assets.holdings import Holding
    from vbn_assets.pipeline import Workspace
    from vbn_assets.releases.manifest import Release
    from vbn_assets.sync import Outcome, SyncPlan


def sync(
    project: ProjectOption = None,
    release: Annotated[
        str | None, typer.Option("--release", "-r", help="By default the pinned one, else the newest.")
    ] = None,
    sessions: Annotated[
        list[str] | None,
        typer.Option("--sessions", "-s", metavar="ID...", help="Sessions by their ids, also those without probes."),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(metavar="ID...", hidden=True)] = None,
    where: Annotated[
        str | None, typer.Option("--where", "-w", help="SQL condition on the table of the sessions.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every session.")] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            "-k",
            metavar="KIND",
            help="What --where and --all are about, e.g. behavior_session; by default what VBN_HOLD is about.",
        ),
    ] = None,
    lfp: Annotated[bool, typer.Option("--lfp", help="With the LFP files of the sessions; VBN_LFP: always.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be fetched.")] = False,
) -> None:
    """Bring a release, and sessions of it, into the warehouse.

    The release's metadata always comes. Sessions come as you ask; if you do not, those that VBN_HOLD and
    VBN_HOLD_BEHAVIOR name, and those held here whose file the release changed. What is here already is not fetched
    again, a download that was broken off goes on, and one file that fails does not stop the others.

    Examples:

    * `vbn sync --sessions 1044385384 1044594870`
    * `vbn sync --where "experience_level = 'Novel' AND unit_count > 2000" --dry-run`
    * `vbn sync --sessions 1044385384 --lfp`
    * `vbn sync --kind behavior_session --where "mouse_id = 506940 AND session_type LIKE 'TRAINING%'"`
    * `vbn sync --release 0.4.0 --all --yes`
    """
    asked = _Asked.read([*(sessions or ()), *(more or ())], where, every, kind)
    workspace = workspace_of(project)
    plan = _plan(workspace, release, asked, lfp or workspace.settings.lfp)
    if dry_run and plan.chosen:
        print_table("", ("session", "state", "file", "bytes to come"), _session_rows(plan))
        results().print()
    print_table(
        f"{workspace.project.title} {plan.release.version} into {workspace.settings.data_dir}",
        ("files", "to download", "resumed", "linked", "present", "bytes to come"),
        _plan_rows(workspace, plan),
    )
    _require_room(workspace, plan)
    if dry_run:
        return
    if plan.due or plan.files.bytes:
        _confirm(yes)
    outcomes, interrupt = _carry_out(workspace, plan)
    if interrupt:
        done = counted(len(outcomes), _noun(plan))
        note(f"\nInterrupted: publishing what is done ({done}). Ctrl-C again ends this too.")
    publish_warehouse(workspace.settings)
    _tell_dagster(workspace, outcomes)
    if interrupt:
        raise interrupt
    failed = [outcome.file.id for outcome in outcomes if outcome.error]
    if failed:
        raise VbnError(
            f"{len(failed)} of {counted(len(outcomes), _noun(plan))} failed: {', '.join(failed)}",
            remedy="The others are in the warehouse; the same command tries again.",
        )


@dataclass(frozen=True)
class _Asked:
    """Which sessions a user asked for: by id, by a condition, or not at all."""

    ids: tuple[int, ...]
    where: str | None
    kind: str | None
    """The sessions that the condition is about; None for those that `VBN_HOLD` is about."""

    @classmethod
    def read(cls, sessions: list[str], where: str | None, every: bool, kind: str | None) -> _Asked:
        ids = [id for text in sessions for id in re.split(r"[\s,]+", text) if id]
        if (bool(sessions), where is not None, every).count(True) > 1:
            raise SettingsError("--sessions, --where and --all exclude each other", remedy="Give one of them.")
        if kind is not None and where is None and not every:
            raise SettingsError("--kind says what --where or --all is about", remedy="Add one, or leave it out.")
        wrong = next((id for id in ids if not re.fullmatch(r"[0-9]+", id)), None)
        if wrong or (sessions and not ids):
            raise SettingsError("--sessions takes ids", expected="digits", found=repr(wrong or sessions[0]))
        return cls(tuple(map(int, ids)), "all" if every else where, kind)

    def choose(self, workspace: Workspace, release: Release) -> list[Holding]:
        from vbn_assets.pipeline import make_metadata_table
        from vbn_assets.sync import due_sessions, matching_sessions, named_sessions, session_kind

        if self.ids:
            return named_sessions(workspace, release, self.ids)
        kind = session_kind(workspace.project, self.kind)
        # The tables that conditions are about: small enough to fetch before anything was agreed to.
        for each in workspace.project.kinds:
            if not each.is_part:
                make_metadata_table(workspace, release, each.table)
        if self.where is not None:
            return matching_sessions(workspace, release, self.where, kind)
        return due_sessions(workspace, release)


def _plan(workspace: Workspace, version: str | None, asked: _Asked, lfp: bool) -> SyncPlan:
    from vbn_assets.pipeline import keep_manifest
    from vbn_assets.releases.bucket import list_manifests, object_sizes
    from vbn_assets.sync import plan_sync, with_lfp

    version = version or workspace.pin or list_manifests(workspace.client, workspace.project)[-1].version
    release = keep_manifest(workspace, version)
    chosen = asked.choose(workspace, release)
    if lfp:
        chosen = with_lfp(workspace, release, chosen)
    return plan_sync(workspace, release, chosen, object_sizes(workspace.client, workspace.project))


def _session_rows(plan: SyncPlan) -> Iterator[tuple[object, ...]]:
    planned = {file.file.identity: file for file in plan.files.files}
    for holding in plan.chosen:
        file = planned.get(holding.file.identity)
        size = Size(file.bytes) if file and file.bytes is not None else None
        yield holding.file.id, holding.state.value, file.how.value if file else "nothing to do", size


def _plan_rows(workspace: Workspace, plan: SyncPlan) -> Iterator[tuple[object, ...]]:
    from vbn_assets.mirror import How
    from vbn_assets.releases.manifest import METADATA

    for kind in (METADATA, *(kind.name for kind in workspace.project.kinds)):
        files = [file for file in plan.files.files if file.file.kind == kind]
        if not files and kind not in (METADATA, workspace.project.session_kind):
            continue
        numbers = (sum(file.how is how for file in files) for how in How)
        yield kind, *numbers, Size(sum(file.bytes or 0 for file in files))


def _noun(plan: SyncPlan) -> str:
    """What the chosen files are, in one word."""
    whole = not any(plan.release.project.kind(holding.file.kind).is_part for holding in plan.chosen)
    return "session" if whole else "file"


def _require_room(workspace: Workspace, plan: SyncPlan) -> None:
    free = Size(shutil.disk_usage(workspace.mirror.root).free)
    chosen = counted(len(plan.chosen), _noun(plan))
    results().print(f"{chosen} chosen, {len(plan.made)} made already; {free} of disk are free")
    if plan.files.bytes > free:
        raise DiskFull(
            "what is to come does not fit on the disk",
            file=str(workspace.mirror.root),
            expected=f"{Size(plan.files.bytes)} free",
            found=str(free),
            remedy="Choose fewer files, free some space, or set VBN_DATA_DIR to a larger disk.",
        )


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise SettingsError(
            "sync asks before it fetches, and nobody is there to answer", remedy="Add --yes, or --dry-run to look only."
        )
    if not typer.confirm("Go on?", default=True, err=True):
        note("Nothing was fetched.")
        raise typer.Exit


def _carry_out(workspace: Workspace, plan: SyncPlan) -> tuple[list[Outcome], KeyboardInterrupt | None]:
    """The metadata, then every file that is due, with a line for each; what is done, and who put an end to it.

    An interrupt before any file is done goes through: then there is nothing to publish.
    """
    from vbn_assets.pipeline import refresh_release
    from vbn_assets.sync import make_sessions

    outcomes = []
    with display(plan.files.bytes, len(plan.due), _noun(plan)) as shown:
        refresh_release(workspace, plan.release.version, shown)
        # Closed at once, not when it is forgotten: an interrupt then stops the download that is under way.
        with closing(make_sessions(workspace, [holding.file for holding in plan.due], shown)) as files:
            try:
                for outcome in files:
                    outcomes.append(outcome)
                    shown.finished(outcome.file, _said(outcome, plan), failed=outcome.error is not None)
            except KeyboardInterrupt as interrupt:
                if not outcomes:
                    raise
                return outcomes, interrupt
    return outcomes, None


def _said(outcome: Outcome, plan: SyncPlan) -> str:
    if outcome.error or outcome.record is None:
        return f"{outcome.file.kind} {outcome.file.id} failed: {outcome.error}"
    made = outcome.record
    when = "made already" if outcome.file.identity in plan.made else f"made in {made.seconds:.1f} s"
    return f"{outcome.file.kind} {outcome.file.id}: {counted(made.rows, 'row')}, {Size(made.bytes)}, {when}"


def _tell_dagster(workspace: Workspace, outcomes: list[Outcome]) -> None:
    """That these files are held now, where somebody named its home, or where it has been before."""
    made = [outcome.record for outcome in outcomes if outcome.record and not outcome.error]
    named = workspace.settings.dagster_home
    home = named or workspace.settings.own_dagster_home
    if made and (named or home.exists()):
        from vbn_assets.serving.report import report_files

        report_files(home, workspace, made)
