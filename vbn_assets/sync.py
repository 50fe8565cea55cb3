"""Bringing sessions of a release here: which ones that are, and making them, one arriving while another is read.

For whoever works without Dagster: the `vbn` command, a notebook. The steps are those of `pipeline`.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from vbn_assets.errors import SettingsError, UnknownRelease, VbnError
from vbn_assets.holdings import Holding, State, holdings, wanted_ids
from vbn_assets.pipeline import Workspace, extract_file, require_sound, select_sessions
from vbn_assets.projects import FileKind, Project
from vbn_assets.releases.manifest import Release, ReleaseFile
from vbn_assets.warehouse.lake import Record

if TYPE_CHECKING:
    from vbn_assets.mirror import Fetched, Plan, Progress


FETCHED_AT_ONCE = 8
"""Small files take longer to ask for than to bring; of large ones the mirror lets one through at a time."""


class SyncProgress(Protocol):
    """`mirror.Progress`, told besides when the tables of a file that has arrived are being made."""

    def started(self, file: ReleaseFile, total: int, done: int) -> None: ...
    def advanced(self, file: ReleaseFile, count: int) -> None: ...
    def reading(self, file: ReleaseFile) -> None: ...


class Silent:
    """Progress for where nobody watches."""

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        pass

    def advanced(self, file: ReleaseFile, count: int) -> None:
        pass

    def reading(self, file: ReleaseFile) -> None:
        pass


@dataclass(frozen=True)
class SyncPlan:
    """What a sync of some sessions of a release has to do."""

    release: Release
    chosen: tuple[Holding, ...]
    due: tuple[Holding, ...]
    """Those of the chosen ones whose file is not in the mirror, or whose tables are not all in the lake."""
    made: frozenset[tuple[str, str]]
    """The identities of those whose tables are all in the lake: of a file that another release has too, say."""
    files: Plan
    """Metadata and the files of the sessions that are due."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file: its record, and the error that was met; with both, a claim about it is broken."""

    file: ReleaseFile
    record: Record | None
    error: VbnError | None = None


def named_sessions(workspace: Workspace, release: Release, ids: Sequence[int]) -> list[Holding]:
    """What is held of the sessions with these ids, of whichever kind. `UnknownRelease` if there is no file of one."""
    kinds = [kind for kind in workspace.project.kinds if not kind.is_part]
    held = {h.session_id: h for kind in kinds for h in holdings(workspace, release, kind)}
    unknown = next((id for id in ids if id not in held), None)
    if unknown is not None:
        raise UnknownRelease(
            f"has no {' or '.join(kind.name for kind in kinds)} file for {unknown}",
            file=release.manifest_name,
            remedy=f"`vbn sql` on {workspace.project.name}.release_files lists what there is.",
        )
    return [held[id] for id in sorted(set(ids))]


def session_kind(project: Project, name: str | None) -> FileKind:
    """The kind of session of that name, by default the one that `VBN_HOLD` is about. `SettingsError` if none is."""
    kinds = {kind.name: kind for kind in project.kinds if not kind.is_part}
    if name is not None and name not in kinds:
        asked_with_sessions = any(kind.name == name for kind in project.kinds)
        raise SettingsError(
            f"{project.title} has no sessions of the kind {name!r}",
            expected=" or ".join(kinds),
            found=repr(name),
            remedy="LFP comes with the sessions it is of: --lfp." if asked_with_sessions else None,
        )
    return kinds[name] if name else project.sessions


def matching_sessions(workspace: Workspace, release: Release, where: str, kind: FileKind) -> list[Holding]:
    """What is held of the sessions of a kind that a condition (`all`, `none`, SQL) chooses. Needs the kind's table."""
    ids = set(select_sessions(workspace, release, where, kind))
    return [holding for holding in holdings(workspace, release, kind) if holding.session_id in ids]


def due_sessions(workspace: Workspace, release: Release) -> list[Holding]:
    """What the settings choose, and what is held of another release's file. Needs the session tables."""
    wanted = {kind.name: wanted_ids(workspace, release, kind) for kind in workspace.project.kinds}
    return [
        holding
        for kind in workspace.project.kinds
        for holding in holdings(workspace, release, kind)
        if holding.session_id in wanted[kind.name] or holding.state is State.STALE
    ]


def with_lfp(workspace: Workspace, release: Release, chosen: Sequence[Holding]) -> list[Holding]:
    """The chosen sessions, and the LFP files of those that have any."""
    there = {holding.file.identity for holding in chosen}
    sessions = {holding.session_id for holding in chosen if holding.file.kind == workspace.project.session_kind}
    parts = [kind for kind in workspace.project.kinds if kind.is_part]
    files = [holding for kind in parts for holding in holdings(workspace, release, kind)]
    return [*chosen, *(h for h in files if h.session_id in sessions and h.file.identity not in there)]


def plan_sync(
    workspace: Workspace, release: Release, chosen: Sequence[Holding], sizes: Mapping[tuple[str, str], int]
) -> SyncPlan:
    """What is to be done for the chosen sessions; `sizes` as `releases.bucket.object_sizes` gives them."""
    from vbn_assets.mirror import How

    there = {planned.file for planned in workspace.mirror.plan(h.file for h in chosen).of(How.PRESENT)}
    made = frozenset(holding.file.identity for holding in chosen if is_made(workspace, holding))
    due = tuple(holding for holding in chosen if holding.file not in there or holding.file.identity not in made)
    files = [*release.metadata.values(), *(holding.file for holding in due)]
    return SyncPlan(release, tuple(chosen), due, made, workspace.mirror.plan(files, sizes))


def is_made(workspace: Workspace, holding: Holding) -> bool:
    """Whether the lake has every table of the session's file as today's readers give it."""
    tables = workspace.project.kind(holding.file.kind).tables
    return holding.state is State.HELD and holding.record is not None and workspace.lake.has(holding.record, tables)


def make_sessions(
    workspace: Workspace, files: Sequence[ReleaseFile], progress: SyncProgress
) -> Generator[Outcome, None, None]:
    """Fetch each file and make its tables; while one is read the next ones arrive. What fails does not stop the rest.

    Closing the generator stops the download too; what has arrived of it is kept for the next time.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(FETCHED_AT_ONCE, thread_name_prefix="download") as downloads:
        watched = _Stoppable(progress, stop)
        arriving = [(file, downloads.submit(workspace.mirror.fetch, file, watched)) for file in files]
        try:
            for file, download in arriving:
                yield _outcome(workspace, file, download, progress)
        finally:
            stop.set()
            for _, download in arriving:
                download.cancel()


def _outcome(workspace: Workspace, file: ReleaseFile, download: Future[Fetched], progress: SyncProgress) -> Outcome:
    record = None
    try:
        path = download.result().path
        progress.reading(file)
        record = extract_file(workspace, path, file)
        return Outcome(file, require_sound(record))
    except VbnError as error:
        return Outcome(file, record, error)


class _Stopped(Exception):
    """Nobody waits for this download any more."""


class _Stoppable:
    """Progress that ends the fetch it watches once `stop` is set."""

    def __init__(self, progress: Progress, stop: threading.Event) -> None:
        self._progress = progress
        self._stop = stop

    def started(self, file: ReleaseFile, total: int, done: int) -> None:
        self._require_wanted()
        self._progress.started(file, total, done)

    def advanced(self, file: ReleaseFile, count: int) -> None:
        self._require_wanted()
        self._progress.advanced(file, count)

    def _require_wanted(self) -> None:
        if self._stop.is_set():
            raise _Stopped
