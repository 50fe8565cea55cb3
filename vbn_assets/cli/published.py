"""What Allen has published: `vbn releases`, `vbn diff`, and where it can be downloaded, `vbn urls`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import Size, note, print_table, results
from vbn_assets.cli.options import ProjectOption, ProjectsOption, workspace_of, workspaces_of
from vbn_assets.errors import BucketError, ManifestError, SettingsError, UnknownRelease

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vbn_assets.pipeline import Workspace
    from vbn_assets.releases.diff import Change, FileChange, ReleaseDiff
    from vbn_assets.releases.manifest import Release, ReleaseFile


def releases(project: ProjectsOption = None) -> None:
    """List the releases that are published, and which of them are held here.

    *held*: the release's metadata tables are in the warehouse. *current*: the release that the project's schema shows.
    """
    for workspace in workspaces_of(project):
        kinds = (kind.plural.replace("_", " ") for kind in workspace.project.kinds)
        rows = list(_release_rows(workspace))
        print_table(
            f"{workspace.project.title} ({workspace.project.name})",
            ("release", "state", *kinds, "metadata", "software"),
            rows,
        )
        refused = [version for version, *_ in rows if not workspace.project.client_reads(str(version))]
        if refused:
            note(f"AllenSDK refuses {', '.join(map(str, refused))}; here they are releases like the others.")


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier release.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B", help="The later release.", show_default=False)],
    project: ProjectOption = None,
    files: Annotated[bool, typer.Option("--list", help="Name every file that is not the same.")] = False,
) -> None:
    """Show what release B changed of release A, by kind of file.

    A file is recognised by what it is about: *moved* is the same bytes under another key, *changed* is other bytes.

    Example: `vbn diff 0.4.0 0.5.0 --list`
    """
    from vbn_assets.releases.diff import Change, diff_releases

    workspace = workspace_of(project)
    found = diff_releases(_release(workspace, before), _release(workspace, after), _sizes(workspace))
    print_table(
        f"{workspace.project.title} from {before} to {after}: files (bytes where known)",
        ("kind", *(change.value for change in Change)),
        [(kind, *(_cell(found, kind, change) for change in Change)) for kind in found.counts],
    )
    if files:
        results().print()
        print_table(
            "",
            ("change", "kind", "id", "bytes", "key"),
            [_file_row(file) for file in found.files if file.change is not Change.UNCHANGED],
        )


def urls(
    about: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID...", help="Sessions, or names of metadata tables; by default everything."),
    ] = None,
    project: ProjectOption = None,
    release: Annotated[
        str | None, typer.Option("--release", "-r", help="By default the pinned one, else the newest.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", "-k", help="metadata, or a kind of data file such as ecephys_session.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object a line, with key, hash and version.")] = False,
) -> None:
    """Print where the files of a release can be downloaded, a line each, pinned to the release's S3 versions.

    A session's id stands for its file and its LFP files. `vbn adopt` takes over what was downloaded by hand.

    Examples:

    * `vbn urls --kind metadata | xargs -n1 curl -O`
    * `vbn urls 1044385384 --kind ecephys_session`
    """
    from vbn_assets.releases.urls import file_urls

    workspace = workspace_of(project)
    version = release or workspace.pin or _newest(workspace)
    found = _chosen(_release(workspace, version), about or [], kind)
    for file, url in file_urls(_release(workspace, version), workspace.settings.endpoint_url).items():
        if file in found:
            print(json.dumps(asdict(file) | {"url": url}) if as_json else url)


def _newest(workspace: Workspace) -> str:
    from vbn_assets.releases.bucket import list_manifests

    return list_manifests(workspace.client, workspace.project)[-1].version


def _chosen(release: Release, about: Sequence[str], kind: str | None) -> set[ReleaseFile]:
    """The files of a release that a user means. Raises `SettingsError` or `UnknownRelease` for what means none."""
    kinds = dict.fromkeys(file.kind for file in release.files())
    if kind is not None and kind not in kinds:
        raise SettingsError(
            f"release {release.version} has no files of this kind", expected=", ".join(kinds), found=kind
        )
    files = {file for file in release.files() if kind in (None, file.kind)}
    if not about:
        return files
    chosen = {id: {file for file in files if id in (file.id, file.id.partition("/")[0])} for id in about}
    nothing = next((id for id, found in chosen.items() if not found), None)
    if nothing:
        raise UnknownRelease(
            f"has no {kind or ''} file for {nothing}",
            file=release.manifest_name,
            remedy="`vbn urls --json` lists what there is.",
        )
    return set().union(*chosen.values())


def _release_rows(workspace: Workspace) -> Iterator[tuple[object, ...]]:
    from vbn_assets.releases.bucket import list_manifests

    held = {release.version: release for release in workspace.mirror.releases()}
    current = workspace.current_release()
    for listed in list_manifests(workspace.client, workspace.project):
        try:
            release = held.get(listed.version) or _published_release(workspace, listed.version)
        except ManifestError as error:
            note(f"vbn: {error}", style="yellow")
            yield listed.version, "unusable", *(None for _ in workspace.project.kinds), None, None
            continue
        made = listed.version in held and workspace.release_record(listed.version)
        state = "current" if current and current.version == listed.version else "held" if made else "published"
        kinds = Counter(file.kind for file in release.data.values())
        files = (kinds[kind.name] for kind in workspace.project.kinds)
        software = ", ".join(f"{name} {number}" for name, number in release.pipeline.items())
        yield listed.version, state, *files, len(release.metadata), software


def _release(workspace: Workspace, version: str) -> Release:
    """A release from its manifest in the mirror, else from the one in the bucket, which is not kept."""
    held = {release.version: release for release in workspace.mirror.releases()}
    return held.get(version) or _published_release(workspace, version)


def _published_release(workspace: Workspace, version: str) -> Release:
    from vbn_assets.releases.bucket import read_manifest

    return read_manifest(workspace.client, workspace.project, workspace.project.manifest_name(version))


def _sizes(workspace: Workspace) -> Mapping[tuple[str, str], int]:
    """Bytes by (key, version id); nothing where the bucket does not tell: they are a help, not the answer."""
    from vbn_assets.releases.bucket import object_sizes

    try:
        return object_sizes(workspace.client, workspace.project)
    except BucketError as error:
        note(f"Sizes are not known: {error}", style="yellow")
        return {}


def _file_row(file: FileChange) -> tuple[object, ...]:
    key = file.after.key if file.after else file.before.key if file.before else ""
    return file.change.value, file.kind, file.id, None if file.bytes is None else Size(file.bytes), key


def _cell(found: ReleaseDiff, kind: str, change: Change) -> str | None:
    count = found.counts[kind].get(change)
    size = found.bytes.get(kind, {}).get(change)
    if count is None:
        return None
    return f"{count:,}" if size is None else f"{count:,} ({Size(size)})"
