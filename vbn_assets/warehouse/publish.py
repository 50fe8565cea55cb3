"""The next warehouse.duckdb, built beside the one in use and swapped in at once.

Readers keep the file they opened and see the new one when they open again; they never wait and never see a
half-made one. A killed publish leaves the old file in place. The lake is the truth: the warehouse can be
deleted at any time and is made again from it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

import duckdb

from vbn_assets.errors import WarehouseError
from vbn_assets.projects import PROJECTS
from vbn_assets.settings import Settings
from vbn_assets.warehouse.all_projects import create_views_of_all_projects
from vbn_assets.warehouse.build import build, contents_fingerprint, registry_fingerprint
from vbn_assets.warehouse.contents import ProjectContents, project_contents
from vbn_assets.warehouse.lake import Lake
from vbn_assets.warehouse.queries import text

STORAGE_VERSION = "v1.4.0"
"""DuckDB 2 writes files that 1.x cannot open unless told to: ours open in 1.4 and later."""
MEMORY_LIMIT = "2GB"
"""A laptop's share; beyond it DuckDB spills beside the warehouse."""

COARSEST_TIME = 2_000_000_000
"""File systems keep times in steps of so many nanoseconds at most (FAT): a multiple comes back as it was set."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """What one publish did."""

    path: Path
    changed: bool
    incremental: bool
    seconds: float
    bytes: int
    tables: dict[str, int]
    """Rows by `schema.table`, for the tables of current releases."""


def publish(settings: Settings) -> Publication:
    """Make warehouse.duckdb show what the lake has. Does nothing where it does already; one publish at a time.

    Raises `WarehouseError` naming what could not be read or written; the warehouse is then as it was.
    """
    started = time.monotonic()
    path = settings.warehouse_path
    with _only_publisher(path):
        _remove_unfinished(path)
        contents = _contents(settings)
        state = _State.of(contents, settings)
        base = _read_state(path)
        changed = base != state
        incremental = base is not None and base.can_become(state)
        if changed:
            _build_and_swap(path, settings, contents, state, incremental=incremental)
    return Publication(
        path, changed, incremental, time.monotonic() - started, path.stat().st_size, _row_counts(contents)
    )


def unpublished(settings: Settings, project: str | None = None) -> str | None:
    """What the lake has and the warehouse does not show yet, as a fingerprint; None where they agree.

    Of one project or of all: a project whose schemas are right waits for no other.
    """
    state, shown = _State.of(_contents(settings), settings), _read_state(settings.warehouse_path)
    if shown == state:
        return None
    if project is None or shown is None or shown.registry != state.registry:
        return blake2b("".join(state.contents).encode(), digest_size=16).hexdigest()
    place = settings.projects.index(project)
    return None if state.contents[place] in shown.contents[place : place + 1] else state.contents[place]


def _contents(settings: Settings) -> list[ProjectContents]:
    return [
        project_contents(PROJECTS[name], Lake(settings.lake_dir, name), settings.pins.get(name))
        for name in settings.projects
    ]


@dataclass(frozen=True)
class _State:
    """What a warehouse file was made by and shows."""

    registry: str
    contents: list[str]
    """A fingerprint of each project's."""
    current: list[str | None]

    @classmethod
    def of(cls, contents: list[ProjectContents], settings: Settings) -> Self:
        made_by = registry_fingerprint(settings.lake_dir)
        return cls(
            made_by, [contents_fingerprint(project) for project in contents], [each.current for each in contents]
        )

    def can_become(self, other: _State) -> bool:
        """A new current release changes most of what is shown: building anew is faster and leaves no holes."""
        return self.registry == other.registry and self.current == other.current


def _build_and_swap(
    path: Path, settings: Settings, contents: list[ProjectContents], state: _State, *, incremental: bool
) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if incremental:
            _copy(path, unfinished)
        stamp = time.time_ns() // COARSEST_TIME * COARSEST_TIME
        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": f"{unfinished}.spill"}) as con:
            con.execute(f"ATTACH {text(str(unfinished))} AS warehouse (STORAGE_VERSION {text(STORAGE_VERSION)})")
            con.execute("USE warehouse")
            reshaped = [build(con, Lake(settings.lake_dir, project.project.name), project) for project in contents]
            if any(reshaped):
                create_views_of_all_projects(con, [project.project for project in contents])
            con.execute(
                "CREATE OR REPLACE TABLE main.warehouse_state "
                "(registry TEXT, contents TEXT[], current TEXT[], stamp BIGINT)"
            )
            con.execute(
                "INSERT INTO main.warehouse_state VALUES (?, ?, ?, ?)",
                [state.registry, state.contents, state.current, stamp],
            )
            con.execute("CHECKPOINT warehouse")
            con.execute("USE memory")
            con.execute("DETACH warehouse")
        # The stamp in the file is its time of change: a file that someone else wrote to is not built upon.
        os.utime(unfinished, ns=(stamp, stamp))
        with unfinished.open("rb") as finished:
            os.fsync(finished.fileno())
        _set_aside_stray_log(path)
        unfinished.replace(path)
    except (duckdb.Error, OSError) as error:
        raise WarehouseError(
            f"could not be built: {' '.join(str(error).split())}",
            file=path.name,
            remedy="The warehouse is as it was. What the lake has lost, `vbn sync --sessions ID` makes anew.",
        ) from error
    finally:
        _remove_unfinished(path)


def _copy(source: Path, target: Path) -> None:
    """At once where the file system lets two files share their blocks, as XFS and Btrfs do; else byte by byte."""
    try:
        with source.open("rb") as old, target.open("wb") as new:
            left = os.fstat(old.fileno()).st_size
            while left:
                left -= os.copy_file_range(old.fileno(), new.fileno(), left)
    except (AttributeError, OSError):  # another system than Linux, or a file system without it
        shutil.copyfile(source, target)


def _read_state(path: Path) -> _State | None:
    """What the warehouse in place shows; None if there is none that can be built upon."""
    if not path.exists():
        return None
    try:
        with duckdb.connect(str(path), read_only=True) as con:
            row = con.execute("SELECT registry, contents, current, stamp FROM main.warehouse_state").fetchone()
    except duckdb.Error as error:
        log.warning("%s cannot be read, only made anew from the lake (%s)", path, str(error).splitlines()[0])
        return None
    if row is None or row[3] != path.stat().st_mtime_ns:
        log.warning("%s can only be made anew from the lake: something else wrote to it", path)
        return None
    return _State(row[0], row[1], row[2])


@contextmanager
def _only_publisher(path: Path) -> Iterator[None]:
    """Held by one process at a time, and let go by the kernel however it ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(f".{path.name}.lock").open("w")
    except OSError as error:
        raise WarehouseError(
            "cannot be written",
            file=str(path),
            expected="a folder that may be written",
            found=error.strerror,
            remedy="Set VBN_DATA_DIR to one; what is published here can still be read.",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_unfinished(path: Path) -> None:
    """What an earlier publish left when it was killed; only the lock's holder may call this."""
    for left in path.parent.glob(f".{path.name}.[0-9]*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _set_aside_stray_log(path: Path) -> None:
    """A write-ahead log of the old file must not be taken for the new one's."""
    stray = path.with_name(f"{path.name}.wal")
    if stray.exists():
        kept = stray.with_name(f"{stray.name}.{time.time_ns()}")
        stray.rename(kept)
        log.warning("somebody wrote to %s; what they had not saved is in %s", path, kept)


def _row_counts(contents: list[ProjectContents]) -> dict[str, int]:
    return {
        f"{project.project.name}.{name}": sum(shown.file.rows for shown in files)
        for project in contents
        for name, files in project.schemas[0].tables.items()
        if files
    }
