"""The manifests of a cache: which are offered, are in the folder and were used last, and reading them.

AllenSDK's warnings about them are given here. Making a release's tables belongs to `project_cache`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from semver import Version

from vbn_assets.client import texts
from vbn_assets.client.caller import warn
from vbn_assets.client.exceptions import (
    BehaviorCloudCacheVersionException,
    MissingLocalManifestWarning,
    OutdatedManifestWarning,
    UnknownManifest,
)
from vbn_assets.client.folder import Access, CacheWorkspace
from vbn_assets.errors import BucketUnreachable, ManifestError
from vbn_assets.mirror.ledger import DOWNLOADS
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, version_in

if TYPE_CHECKING:
    from vbn_assets.releases.bucket import ManifestListing


class Manifests:
    """The manifests of one cache. What is offered is looked up once, when the cache is opened.

    Every name is a manifest's file name, e.g. `visual-behavior-neuropixels_project_manifest_v0.5.0.json`.
    """

    def __init__(self, workspace: CacheWorkspace, ui: str) -> None:
        """`ui` is the class a user works with, as the texts call it. Raises as `list_manifests` does."""
        self._workspace = workspace
        self._ui = ui
        self._warned_of: str | None = None
        self.offered = _offered(workspace)
        """Sorted as text, as AllenSDK does: 0.10.0 is before 0.9.0."""

    @property
    def latest(self) -> str:
        """The highest version offered."""
        return _highest(self.offered, self._workspace.project)

    def downloaded(self) -> list[str]:
        """Those in the folder, sorted as text; of a mounted bucket, the one that is offered."""
        return list(self.offered) if self._workspace.access is Access.STATIC else _kept(self._workspace)

    @property
    def latest_downloaded(self) -> str:
        """The highest version in the folder; empty if there is none."""
        names = self.downloaded()
        return _highest(names, self._workspace.project) if names else ""

    def version(self, name: str) -> str:
        """The version of a manifest that is offered. `UnknownManifest` says what is, for any other."""
        version = version_in(name, self._workspace.project) if name in self.offered else None
        if version is None:
            raise UnknownManifest(
                f"Manifest to load ({name}) is not one of the valid manifest names for this dataset. "
                f"Valid names include: {self.offered}"
            )
        return version

    def is_compatible(self, version: str) -> bool:
        """Whether our, and AllenSDK's, project cache can read a release of this version."""
        return self._workspace.project.client_reads(version)

    def last_used(self) -> str:
        """The one that was used last in this folder, else `newest`; warns if it is not offered or not the latest."""
        latest = self.latest
        if self._workspace.access is Access.STATIC:
            return latest
        name = self._workspace.mirror.used()
        if name is None:
            return self.newest()
        if name not in self.offered:
            warn(texts.not_offered(name, latest))
            return self.newest()
        if not self.is_compatible(self.version(name)):
            return self._instead_of(name)
        if name != latest:
            self._warned_of = latest
            warn(texts.newer_exists(self._ui, name, latest), OutdatedManifestWarning)
        return name

    def newest(self) -> str:
        """The latest; warns if the newest in the folder is an older one, whose files it may replace."""
        latest, before = self.latest, self.latest_downloaded
        if before not in ("", latest):
            warn(texts.newer_than_before(self._ui, latest, before), OutdatedManifestWarning)
        return latest

    def read(self, name: str) -> Release:
        """The release of a manifest that is offered: from the folder, else from the bucket, and then kept.

        One in the folder that is broken, as a download that was killed leaves it, is fetched anew if it can be.
        """
        workspace, version = self._workspace, self.version(name)
        try:
            kept = workspace.mirror.release(version)
        except ManifestError:
            if workspace.access is not Access.S3:
                raise
            kept = None
        return kept or self._fetched(name)

    def read_to_open(self, name: str) -> Release:
        """The same, but `BehaviorCloudCacheVersionException` for a release that cannot be read, which is not kept."""
        version = self.version(name)
        if self.is_compatible(version):
            return self.read(name)
        low, high = self._workspace.project.client_versions
        raise BehaviorCloudCacheVersionException(
            f"the manifest has manifest_version {version} but this version of vbn_assets is compatible only with "
            f"manifest versions {low} <= X < {high}",
            remedy="The folder is as it was: `manifest_name` or `load_manifest` opens another release.",
        )

    def note_used(self, release: Release) -> None:
        """Have AllenSDK, and us, open this release next time, where that can be written down."""
        mirror = self._workspace.mirror
        if self._workspace.access is Access.STATIC or not os.access(mirror.root, os.W_OK):
            return
        if mirror.used() != release.manifest_name:
            mirror.use(release)

    def warn_if_outdated(self, name: str) -> None:
        """Say that a manifest is not the latest, once for each latest."""
        latest = self.latest
        if name == latest or self._warned_of == latest or self._workspace.access is Access.STATIC:
            return
        self._warned_of = latest
        warn(texts.not_the_latest(self._ui, name, latest), OutdatedManifestWarning)

    def warn_if_unrecorded(self) -> None:
        """Say that the folder has files, and not AllenSDK's record of what they are."""
        root = self._workspace.mirror.root
        record = root / DOWNLOADS
        if self._workspace.access is Access.STATIC or record.exists() or not _has_files(root):
            return
        warn(texts.no_record(self._ui, record.resolve()), MissingLocalManifestWarning)

    def _instead_of(self, name: str) -> str:
        """The highest one that can be read, where AllenSDK noted one that cannot: it opens such a folder no more."""
        readable = [other for other in self.offered if self.is_compatible(self.version(other))]
        instead = _highest(readable, self._workspace.project) if readable else self.latest
        warn(
            f"The manifest version recorded as last used for this cache -- {name} -- cannot be read by this version. "
            f"Loading {instead} instead."
        )
        return instead

    def _fetched(self, name: str) -> Release:
        from vbn_assets.releases.bucket import read_manifest

        release = read_manifest(self._workspace.client, self._workspace.project, name)
        self._workspace.mirror.keep_manifest(release)
        return release


def _offered(workspace: CacheWorkspace) -> list[str]:
    if workspace.access is Access.S3:
        return sorted(listed.name for listed in _published(workspace))
    kept = _kept(workspace)
    if not kept:
        raise UnknownManifest(
            "this folder has no manifest",
            file=str(workspace.mirror.manifests),
            expected=workspace.project.manifest_name("<version>"),
            remedy="`from_s3_cache` fetches one; `from_local_cache` opens only what is there.",
        )
    return [_highest(kept, workspace.project)] if workspace.access is Access.STATIC else kept


def _published(workspace: CacheWorkspace) -> list[ManifestListing]:
    from vbn_assets.releases.bucket import list_manifests

    try:
        return list_manifests(workspace.client, workspace.project)
    except BucketUnreachable as error:
        remedy = "Check the network, or open what is in the folder with `from_local_cache`."
        raise BucketUnreachable(error.problem, file=error.file, found=error.found, remedy=remedy) from error


def _kept(workspace: CacheWorkspace) -> list[str]:
    names = (path.name for path in workspace.mirror.manifests.glob("*.json"))
    return sorted(name for name in names if version_in(name, workspace.project))


def _has_files(folder: Path) -> bool:
    """Whether there are files as AllenSDK looks for them, apart from what is ours."""
    theirs = [path for path in folder.glob("[!.]*") if path.name != "lake" and path.suffix != ".duckdb"]
    files = (file for path in theirs for file in (path, *path.rglob("*")))
    return any("json" not in file.name and file.is_file() for file in files)


def _highest(names: Iterable[str], project: Project) -> str:
    return max(names, key=lambda name: Version.parse(version_in(name, project) or "0.0.0"))
