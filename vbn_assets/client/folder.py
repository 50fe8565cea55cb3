"""Where a cache keeps its things: AllenSDK's folder with the files, and the lake and warehouse that belong to it.

A cache folder is a mirror. Which lake goes with it follows from where it is:

* the mirror of a data folder (`data/mirror`), or a data folder itself, such as `VBN_DATA_DIR`: its lake and warehouse;
* any other folder, empty or filled by AllenSDK: `lake/` and `warehouse.duckdb` inside it, which AllenSDK passes over;
* one that cannot be written: its own lake if it has one, and what is new in `VBN_DATA_DIR`, else in a temporary folder.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, cached_property
from pathlib import Path

from vbn_assets.client.caller import warn
from vbn_assets.client.exceptions import StaticCacheError, TemporaryLakeWarning
from vbn_assets.mirror import Mirror, StaticMirror
from vbn_assets.pipeline import Workspace
from vbn_assets.projects import PROJECTS, Project
from vbn_assets.settings import Settings
from vbn_assets.warehouse.lake import Lake, Record, Source, TableFile


class Access(Enum):
    """What a cache may do to get a file."""

    S3 = auto()
    """Fetch it."""
    LOCAL = auto()
    """Look for it in the folder."""
    STATIC = auto()
    """The same, in a copy of the bucket that is never written."""


class LayeredLake(Lake):
    """A lake above one that cannot be written: what either has is there, what is new goes to the upper one."""

    def __init__(self, root: Path, project: str, below: Path) -> None:
        super().__init__(root, project)
        self._below = Lake(below, project)

    def record(self, source: Source) -> Record | None:
        return super().record(source) or self._below.record(source)

    def records(self, *kinds: str) -> list[Record]:
        return sorted([*super().records(*kinds), *self._below.records(*kinds)], key=lambda record: record.made_at)

    def path(self, file: TableFile) -> Path:
        path = super().path(file)
        return path if path.exists() else self._below.path(file)


@dataclass(frozen=True)
class CacheWorkspace(Workspace):
    """A project's workspace around a cache folder; its settings name the data folder that goes with it."""

    cache_dir: Path = Path()
    access: Access = Access.S3
    lake_below: Path | None = None
    """A lake that can only be read."""
    is_temporary: bool = False
    """Whether the lake is gone when the process ends."""

    def warn_if_temporary(self) -> None:
        """To be called before work is done that somebody would not like to wait for again."""
        if self.is_temporary:
            warn(
                f"Nothing is written to {self.cache_dir}: tables are made in {self.settings.data_dir}, which is gone "
                "when this process ends. Set VBN_DATA_DIR to a folder where they can stay.",
                TemporaryLakeWarning,
            )

    @cached_property
    def mirror(self) -> Mirror:
        if self.access is Access.STATIC:
            return StaticMirror(self.cache_dir, self.project)
        offline = self.access is Access.LOCAL
        return Mirror(self.cache_dir, self.project, endpoint_url=self.settings.endpoint_url, offline=offline)

    @property
    def published(self) -> Path:
        """The warehouse to be asked: of a folder that cannot be written, its own if it has one."""
        theirs = self.lake_below.with_name(self.settings.warehouse_path.name) if self.lake_below else None
        return theirs if theirs and theirs.exists() else self.settings.warehouse_path

    @cached_property
    def lake(self) -> Lake:
        if self.lake_below:
            return LayeredLake(self.settings.lake_dir, self.project.name, self.lake_below)
        return Lake(self.settings.lake_dir, self.project.name)


def open_folder(
    cache_dir: str | Path, project: Project, access: Access, data_dir: str | Path | None = None
) -> CacheWorkspace:
    """The workspace of a cache folder. `data_dir` says where the lake and the warehouse are, whatever the folder is."""
    settings = Settings.from_environment()
    if access is Access.STATIC:
        _require_bucket(Path(cache_dir), project)
    mirror, data = _places(Path(cache_dir).expanduser().resolve(), project, settings)
    data = Path(data_dir).expanduser().absolute() if data_dir else data
    if _is_writable(data) and (access is not Access.STATIC or data_dir):
        return CacheWorkspace(settings.at(data), project, None, mirror, access)
    below = data / "lake" if (data / "lake").is_dir() else None
    if settings.names_data_dir and _is_writable(settings.data_dir):
        return CacheWorkspace(settings, project, None, mirror, access, below)
    elsewhere = settings.at(temporary_folder())
    return CacheWorkspace(elsewhere, project, None, mirror, access, below, is_temporary=True)


def _require_bucket(folder: Path, project: Project) -> None:
    if not (folder / project.manifest_prefix()).is_dir():
        raise StaticCacheError(
            f"Expected the provided cache_dir ({folder}) to have the following subfolders but it did not: "
            f"{project.s3_name}/manifests",
            remedy="Without use_static_cache, a folder that was filled from the bucket is opened.",
        )


def _places(cache_dir: Path, project: Project, settings: Settings) -> tuple[Path, Path]:
    """The folder with the files, and the one with the lake."""
    ours = settings.data_dir.resolve()
    is_named = settings.names_data_dir and cache_dir == ours
    if is_named or any((cache_dir / other.mirror_folder).is_dir() for other in PROJECTS.values()):
        return cache_dir / project.mirror_folder, cache_dir
    data = cache_dir.parent
    if cache_dir == data / project.mirror_folder and ((data / "lake").is_dir() or data == ours):
        return cache_dir, data
    return cache_dir, cache_dir


def _is_writable(folder: Path) -> bool:
    """Whether the folder can be written, or made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return os.access(there, os.W_OK)


@cache
def temporary_folder() -> Path:
    """A folder for this process, and those forked from it."""
    folder = Path(tempfile.mkdtemp(prefix="vbn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
