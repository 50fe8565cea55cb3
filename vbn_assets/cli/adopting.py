"""Taking over files that came some other way: `vbn adopt`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import counted, note
from vbn_assets.cli.options import ProjectsOption, workspaces_of
from vbn_assets.cli.progress import display
from vbn_assets.cli.tables import publish_warehouse
from vbn_assets.errors import BucketError, ManifestError, SettingsError, UnknownRelease, WrongHash

if TYPE_CHECKING:
    from vbn_assets.mirror import Adopted, Adoption
    from vbn_assets.pipeline import Workspace
    from vbn_assets.releases.manifest import Release, ReleaseFile


def adopt(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders, or single files.", show_default=False)
    ],
    project: ProjectsOption = None,
    extract: Annotated[bool, typer.Option("--extract", help="Put what is adopted into the warehouse, too.")] = False,
) -> None:
    """Take NWB and CSV files that are on this machine into the mirror, so that they need not be fetched.

    They may be AllenSDK's cache folder, or come from a browser, from DANDI or from a disk: each is hashed, and
    recognised by its bytes alone. Nothing is moved or changed; the mirror gets a link. What has the name of a released
    file and other bytes is named and left alone.

    Examples:

    * `vbn adopt ~/allensdk_cache --extract`
    * `vbn adopt ~/Downloads/ecephys_session_1044385384.nwb`
    """
    from vbn_assets.mirror.adoption import Adoption, candidates

    missing = next((folder for folder in folders if not folder.exists()), None)
    if missing:
        raise SettingsError("is not there", file=str(missing), remedy="Give folders or files of this machine.")
    workspaces = workspaces_of(project)
    releases = [_releases(workspace, folders) for workspace in workspaces]
    if not any(releases):
        raise UnknownRelease("no release is known to compare with", remedy="Try again with the network.")
    adoptions = [Adoption(workspace.mirror, theirs) for workspace, theirs in zip(workspaces, releases, strict=True)]
    looked_at = _adopt(adoptions, candidates(folders))
    known = [found for found in looked_at if found.file]
    new = sum(found.new for found in known)
    unknown = f"{len(looked_at) - len(known)} of no release"
    note(f"{counted(len(looked_at), 'file')} looked at: {new} adopted, {len(known) - new} here already, {unknown}")
    for workspace in workspaces:
        _extract_or_say_how(workspace, known, extract)
    problems = sum(found.problem is not None for found in looked_at)
    if problems:
        raise WrongHash(f"{counted(problems, 'file')} could not be adopted", remedy="They were left as they are.")


def _releases(workspace: Workspace, folders: Sequence[Path]) -> list[Release]:
    """Every release that is known: from the bucket if it answers, from the mirror, and from AllenSDK's folders."""
    from vbn_assets.mirror.adoption import releases_in

    known: dict[str, Release] = {}
    found = (found for folder in folders for found in releases_in(folder, workspace.project))
    for release in (*workspace.mirror.releases(), *found, *_published(workspace)):
        if isinstance(release, ManifestError):
            note(f"vbn: {release}", style="yellow")
        else:
            known[release.version] = release
    return list(known.values())


def _published(workspace: Workspace) -> Iterator[Release | ManifestError]:
    from vbn_assets.releases.bucket import list_manifests, read_manifest

    try:
        for listed in list_manifests(workspace.client, workspace.project):
            try:
                yield read_manifest(workspace.client, workspace.project, listed.name)
            except ManifestError as error:
                yield error
    except BucketError as error:
        note(f"Only releases that are here are known: {error}", style="yellow")


def _adopt(adoptions: Sequence[Adoption], sources: Sequence[Path]) -> list[Adopted]:
    """What became of each source, in the project that knows it best."""
    from vbn_assets.mirror.adoption import hashes
    from vbn_assets.progress import shown_hashing

    looked_at = []
    with shown_hashing(sum(path.stat().st_size for path in sources if path.is_file())) as advanced:
        for source, found in hashes(sources, advanced):
            tried = (adoption.take(source, found) for adoption in adoptions)
            best = max(tried, key=lambda adopted: (adopted.file is not None, adopted.problem is not None))
            note(f"{source}: {_said(best)}", style="red" if best.problem else None)
            looked_at.append(best)
    return looked_at


def _said(found: Adopted) -> str:
    if found.file is None:
        return found.problem or "of no release"
    what = f"{found.file.kind} {found.file.id} of {found.file.release}"
    return f"adopted as {what}" if found.new else f"here already as {what}"


def _extract_or_say_how(workspace: Workspace, known: Sequence[Adopted], extract: bool) -> None:
    kinds = [kind.name for kind in workspace.project.kinds]
    bucket = workspace.project.bucket
    files = {found.file for found in known if found.file and found.file.bucket == bucket and found.file.kind in kinds}
    if files and extract:
        _extract(workspace, sorted(files, key=lambda file: (file.release, file.kind, file.id)))
    elif files:
        note(f"Next: the same command with --extract puts {counted(len(files), 'data file')} into the warehouse.")


def _extract(workspace: Workspace, files: Sequence[ReleaseFile]) -> None:
    """The tables of the files and of their releases, published."""
    from vbn_assets.pipeline import make_release
    from vbn_assets.sync import make_sessions

    with display(0, len(files), "file") as shown:
        for version in dict.fromkeys(file.release for file in files):
            make_release(workspace, workspace.release(version), shown)
        with closing(make_sessions(workspace, files, shown)) as outcomes:
            for outcome in outcomes:
                line = str(outcome.error) if outcome.error else None
                shown.finished(outcome.file, line, failed=outcome.error is not None)
    publish_warehouse(workspace.settings)
