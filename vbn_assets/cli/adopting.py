"""Taking over files that came some other way: `vbn adopt`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import counted, note
from vbn_assets.cli.options import ProjectOption, workspace_of
from vbn_assets.cli.progress import display
from vbn_assets.cli.tables import publish_warehouse
from vbn_assets.errors import BucketError, SettingsError, WrongHash

if TYPE_CHECKING:
    from vbn_assets.mirror import Adopted
    from vbn_assets.pipeline import Workspace
    from vbn_assets.releases.manifest import Release, ReleaseFile


def adopt(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders, or single files.", show_default=False)
    ],
    project: ProjectOption = None,
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
    from vbn_assets.mirror.adoption import candidates

    missing = next((folder for folder in folders if not folder.exists()), None)
    if missing:
        raise SettingsError("is not there", file=str(missing), remedy="Give folders or files of this machine.")
    workspace = workspace_of(project)
    looked_at = _adopt(workspace, candidates(folders), _releases(workspace, folders))
    known = [found.file for found in looked_at if found.file]
    new = sum(found.new for found in looked_at)
    unknown = f"{len(looked_at) - len(known)} of no release"
    note(f"{counted(len(looked_at), 'file')} looked at: {new} adopted, {len(known) - new} here already, {unknown}")
    kinds = [kind.name for kind in workspace.project.kinds]
    data = sorted({file for file in known if file.kind in kinds}, key=lambda file: (file.release, file.kind, file.id))
    if data and extract:
        _extract(workspace, data)
    elif data:
        note(f"Next: the same command with --extract puts {counted(len(data), 'data file')} into the warehouse.")
    problems = sum(found.problem is not None for found in looked_at)
    if problems:
        raise WrongHash(f"{counted(problems, 'file')} could not be adopted", remedy="They were left as they are.")


def _releases(workspace: Workspace, folders: Sequence[Path]) -> list[Release]:
    """Every release that is known: from the bucket if it answers, from the mirror, and from AllenSDK's folders."""
    from vbn_assets.errors import ManifestError
    from vbn_assets.mirror.adoption import releases_in
    from vbn_assets.releases.bucket import list_manifests, read_manifest

    known: dict[str, Release] = {}
    for found in (found for folder in folders for found in releases_in(folder, workspace.project)):
        if isinstance(found, ManifestError):
            note(f"vbn: {found}", style="yellow")
        else:
            known[found.version] = found
    try:
        published = [listed.name for listed in list_manifests(workspace.client, workspace.project)]
        for release in (read_manifest(workspace.client, workspace.project, name) for name in published):
            known[release.version] = release
    except BucketError as error:
        note(f"Only releases that are here are known: {error}", style="yellow")
    return [*known.values(), *(release for release in workspace.mirror.releases() if release.version not in known)]


def _adopt(workspace: Workspace, sources: Sequence[Path], releases: Sequence[Release]) -> list[Adopted]:
    from vbn_assets.client.progress import shown_hashing
    from vbn_assets.mirror import adopt

    looked_at = []
    with shown_hashing(sum(path.stat().st_size for path in sources if path.is_file())) as advanced:
        for found in adopt(workspace.mirror, sources, releases, advanced):
            note(f"{found.source}: {_said(found)}", style="red" if found.problem else None)
            looked_at.append(found)
    return looked_at


def _said(found: Adopted) -> str:
    if found.file is None:
        return found.problem or "of no release"
    what = f"{found.file.kind} {found.file.id} of {found.file.release}"
    return f"adopted as {what}" if found.new else f"here already as {what}"


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
