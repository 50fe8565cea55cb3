"""What Allen has published: `vbn releases` and `vbn diff`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import Size, note, print_table, results
from vbn_assets.cli.options import ProjectOption, workspace_of, workspaces_of
from vbn_assets.errors import BucketError, ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vbn_assets.pipeline import Workspace
    from vbn_assets.releases.diff import Change, FileChange, ReleaseDiff
    from vbn_assets.releases.manifest import Release


def releases(project: ProjectOption = None) -> None:
    """List the releases that are published, and which of them are held here.

    *held*: the release's metadata tables are in the warehouse. *current*: the release that the project's schema shows.
    """
    for workspace in workspaces_of(project):
        kinds = (kind.plural.replace("_", " ") for kind in workspace.project.kinds)
        print_table(
            f"{workspace.project.title} ({workspace.project.name})",
            ("release", "state", *kinds, "metadata", "software"),
            _release_rows(workspace),
        )


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
