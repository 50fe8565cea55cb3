"""AllenSDK's project cache over the lake: what all projects share. Their tables and sessions are in their own modules.

Opening a release makes its metadata tables, asking for a session makes that session's: fetched, verified and kept by
the steps of `pipeline`. What is there already is read from the lake.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, overload

from vbn_assets.client.caller import warn
from vbn_assets.client.exceptions import MissingInStaticCache, StaticCacheError, UnknownFile
from vbn_assets.client.folder import Access, CacheWorkspace, open_folder
from vbn_assets.client.manifests import Manifests
from vbn_assets.client.source import SessionSource
from vbn_assets.errors import MetadataError
from vbn_assets.pipeline import extract_file, extracted, made_release, make_release, metadata_record, require_sound
from vbn_assets.progress import shown_hashing, shown_progress, shown_work
from vbn_assets.projects import Project
from vbn_assets.releases.manifest import Release, ReleaseFile
from vbn_assets.releases.urls import file_urls, manifest_url
from vbn_assets.warehouse.lake import Record

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from vbn_assets.client.behavior_session import BehaviorSession


class ProjectCache(ABC):
    """One project's releases in one folder, as AllenSDK's `ProjectCacheBase` shows them.

    Made by `from_s3_cache` or `from_local_cache`. Right here, where AllenSDK is not:

    * a file is believed only after its hash was verified, also one that lay there before;
    * a broken download goes on where it stopped, and object versions beyond the first thousand are found;
    * loading a release that cannot be read leaves the folder and this object as they were, where AllenSDK opens the
      folder never again; a folder that it left so opens with a warning;
    * tables are copies: changing one changes nothing here;
    * a broken manifest or record of downloads is made anew, and what it says of other machines' paths does no harm.
    """

    PROJECT: ClassVar[Project]
    PROJECT_NAME: ClassVar[str]
    BUCKET_NAME: ClassVar[str]

    def __init__(self, workspace: CacheWorkspace, manifest_name: str | None = None) -> None:
        """The cache of a folder that `open_folder` found: for the `from_` methods."""
        self._workspace = workspace
        self._manifests = Manifests(workspace, type(self).__name__)
        self._manifests.warn_if_unrecorded()
        self._release = self._opened(manifest_name or self._manifests.last_used())

    @classmethod
    def from_s3_cache(
        cls,
        cache_dir: str | Path,
        bucket_name_override: str | None = None,
        *,
        manifest_name: str | None = None,
        data_dir: str | Path | None = None,
    ) -> Self:
        """The cache of a folder, which fetches what is missing.

        It opens the release that was used last, else the newest; AllenSDK cannot be asked for another one
        (`manifest_name`). The lake and the warehouse are in the folder too, unless it belongs to a data folder of ours
        or `data_dir` says another. `AWS_ENDPOINT_URL` names another S3 than AWS, as for AllenSDK.

        Warns `OutdatedManifestWarning` and `MissingLocalManifestWarning` when AllenSDK does. Raises
        `BehaviorCloudCacheVersionException` for a release that is too new, `BucketError` if S3 cannot be asked.
        """
        project = replace(cls.PROJECT, bucket=bucket_name_override) if bucket_name_override else cls.PROJECT
        return cls(open_folder(cache_dir, project, Access.S3, data_dir), manifest_name)

    @classmethod
    def from_local_cache(
        cls,
        cache_dir: str | Path,
        use_static_cache: bool = False,
        *,
        manifest_name: str | None = None,
        data_dir: str | Path | None = None,
    ) -> Self:
        """The cache of a folder as it is: nothing is asked of the network, what is missing raises FileNotFoundError.

        `use_static_cache` is for the bucket itself mounted as a folder: only its newest release is seen and nothing is
        written into it, so that the lake is in `data_dir`, `VBN_DATA_DIR` or a temporary folder.
        """
        access = Access.STATIC if use_static_cache else Access.LOCAL
        return cls(open_folder(cache_dir, cls.PROJECT, access, data_dir), manifest_name)

    def current_manifest(self) -> str:
        """The name of the manifest that is loaded."""
        return self._release.manifest_name

    def list_manifest_file_names(self) -> list[str]:
        """The names of all manifests there are, sorted as text: of a local cache, those in its folder."""
        return list(self._manifests.offered)

    def list_all_downloaded_manifests(self) -> list[str]:
        """The names of the manifests in the folder, sorted as text."""
        return self._manifests.downloaded()

    def latest_manifest_file(self) -> str:
        """The name of the manifest with the highest version there is."""
        return self._manifests.latest

    def latest_downloaded_manifest_file(self) -> str:
        """The name of the manifest with the highest version in the folder; empty if there is none."""
        self._require_record("latest_downloaded_manifest_file")
        return self._manifests.latest_downloaded

    def load_manifest(self, manifest_name: str) -> None:
        """Show another release from now on. Session objects made before keep theirs.

        Raises `ValueError` for a name that is not offered and `BehaviorCloudCacheVersionException` for a release that
        cannot be read; then nothing changes.
        """
        self._manifests.version(manifest_name)
        self._manifests.warn_if_outdated(manifest_name)
        self._release = self._opened(manifest_name)

    def load_latest_manifest(self) -> None:
        """Show the newest release from now on."""
        self._require_record("load_latest_manifest")
        self._release = self._opened(self._manifests.newest())

    def compare_manifests(self, manifest_0_name: str, manifest_1_name: str) -> str:
        """AllenSDK's text of what changed from the first release to the second, file by file.

        Raises `ValueError` for a name that is not offered.
        """
        if self._workspace.access is Access.STATIC:
            raise StaticCacheError(
                "The ability to load many manifest versions and use the `compare_manifests()` method is not available "
                "for the StaticLocalCache class!"
            )
        from vbn_assets.client.comparison import comparison

        return comparison(self._manifests.read(manifest_0_name), self._manifests.read(manifest_1_name))

    def construct_local_manifest(self) -> None:
        """Hash every file in the folder again and make AllenSDK's record of them, `_downloaded_data.json`, anew."""
        self._require_record("construct_local_manifest")
        mirror = self._workspace.mirror
        with shown_hashing(sum(path.stat().st_size for path in mirror.content())) as advanced:
            mirror.hash_all(advanced)

    def get_behavior_session(self, behavior_session_id: int) -> BehaviorSession:
        """One behavior session: of its own file, or the behaviour of the recording that it is a part of.

        Its file is fetched and read if it is not held, which takes a while. Raises `RuntimeError` for an id that is
        not in the table, and the errors of `Mirror.fetch` and `extract_file`.
        """
        from vbn_assets.client.behavior_session import BehaviorSession

        return BehaviorSession(self._source(self._behavior_file(behavior_session_id)))

    def get_behavior_session_url(self, behavior_session_id: int) -> str:
        """Where the file that has a behavior session can be downloaded: its own, or its recording's."""
        return self._url(self._behavior_file(behavior_session_id))

    def get_manifest_url(self, version: str | None = None) -> str:
        """Where a release's manifest can be downloaded, by default that of the release that is loaded."""
        settings, project = self._workspace.settings, self._workspace.project
        return manifest_url(project, self._named(version).version, settings.endpoint_url)

    def get_metadata_url(self, table: str) -> str:
        """Where a metadata CSV of the release can be downloaded. `ValueError` names the tables there are."""
        if table not in self._release.metadata:
            raise UnknownFile(
                f"{table} is not in self.metadata_file_names: {sorted(self._release.metadata)}",
                release=self._release.version,
            )
        return self._url(self._release.metadata[table])

    def generate_all_download_urls(self, version: str | None = None) -> list[str]:
        """Where every file of a release can be downloaded, metadata first, each pinned to the release's S3 version."""
        return list(file_urls(self._named(version), self._workspace.settings.endpoint_url).values())

    def warehouse(self) -> duckdb.DuckDBPyConnection:
        """A connection that reads the published warehouse as it is now: schema `vbn` and so on.

        What is held and not published yet is published before, whoever brought it, where the folder can be written. It
        blocks nobody, and shows no later publish: ask again.
        """
        from vbn_assets.warehouse.database import attach_warehouse
        from vbn_assets.warehouse.publish import publish, unpublished

        settings, path = self._workspace.settings, self._workspace.published
        writable = path == settings.warehouse_path and os.access(settings.data_dir, os.W_OK)
        if writable and unpublished(settings):
            publish(settings)
        return attach_warehouse(path)

    @overload
    def sql(self, query: str, *, arrow: Literal[False] = False) -> pd.DataFrame: ...
    @overload
    def sql(self, query: str, *, arrow: Literal[True]) -> pa.Table: ...
    def sql(self, query: str, *, arrow: bool = False) -> pd.DataFrame | pa.Table:
        """The answer of the warehouse to a query in DuckDB's SQL, as a frame or an Arrow table.

        It is about all sessions that are held, not only those asked for here. Raises `duckdb.Error` for a query that
        does not work.
        """
        with self.warehouse() as con:
            answer = con.sql(query)
            return answer.to_arrow_table() if arrow else answer.df()

    @abstractmethod
    def _behavior_file(self, id: object) -> ReleaseFile:
        """The file of the release that has a behavior session. Raises `UnknownId` if there is no such session."""

    def _require_record(self, method: str) -> None:
        if self._workspace.access is Access.STATIC:
            raise MissingInStaticCache(
                f"'StaticLocalCache' object has no attribute '{method}'",
                remedy="A mounted bucket shows its newest release only, and nothing is written to it.",
            )

    def _opened(self, name: str) -> Release:
        """The release of a manifest, whose metadata tables are then in the lake, noted as the last one used."""
        release = self._manifests.read_to_open(name)
        record = made_release(self._workspace, release)
        if record is None:
            with shown_progress() as progress:
                record = make_release(self._workspace, release, progress)
        try:
            require_sound(record)
        except MetadataError as error:
            warn(f"{error} Its tables can be read here.")
        self._manifests.note_used(release)
        return release

    def _named(self, version: str | None) -> Release:
        """A release by its version or its manifest's name; the one that is loaded if there is no name."""
        if version is None:
            return self._release
        name = version if version.endswith(".json") else self._workspace.project.manifest_name(version)
        return self._manifests.read(name)

    def _url(self, file: ReleaseFile) -> str:
        return file_urls(self._release, self._workspace.settings.endpoint_url)[file]

    def _table(self, release: Release, name: str) -> pa.Table:
        """A metadata table of a release that was opened."""
        return self._workspace.lake.read(metadata_record(self._workspace, release, name).tables[name])

    def _source(self, file: ReleaseFile) -> SessionSource:
        """What a session object of a file of the release reads from."""
        return SessionSource(self._workspace.lake, self._held(file), self._release)

    def _held(self, file: ReleaseFile) -> Record:
        """The sound record of a release's file, which is fetched and read if the lake does not have it."""
        workspace = self._workspace
        done = extracted(workspace, file)
        if done:
            return done
        workspace.warn_if_temporary()
        with shown_progress() as progress:
            path = workspace.mirror.fetch(file, progress).path
        with shown_work(f"reading {file.name}"):
            return require_sound(extract_file(workspace, path, file))


def data_file(release: Release, file_id: float | None, about: str) -> ReleaseFile:
    """A data file by the number that the release's metadata gives it. `UnknownFile` where that is none."""
    file = None if file_id is None else release.data.get(str(int(file_id)))
    if file is None:
        raise UnknownFile(
            f"file_id: {file_id} Is not a data file listed in manifest",
            release=release.version,
            remedy=f"The release has no file for {about}.",
        )
    return file
