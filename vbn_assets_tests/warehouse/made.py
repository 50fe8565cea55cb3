"""A lake made by hand: releases and sessions as small as they can be, with the real table descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from vbn_assets.pipeline import ArrowReading
from vbn_assets.projects import VBN
from vbn_assets.settings import Settings
from vbn_assets.tables import conform
from vbn_assets.warehouse.contents import RELEASE
from vbn_assets.warehouse.lake import Claim, Lake, Record, Source

ROWS = 3


def lake_of(settings: Settings) -> Lake:
    return Lake(settings.lake_dir, VBN.name)


def rows_of(table: str, **columns: Any) -> ArrowReading:
    """Three rows of a described table, or as many as are given: ids count from 0, other columns are null."""
    description = VBN.tables[table]
    rows = len(next(iter(columns.values()))) if columns else ROWS
    made: dict[str, Any] = {}
    for field in description.file_schema:
        if pa.types.is_integer(field.type):
            made[field.name] = pa.array(range(rows), field.type)
        elif field.nullable:
            made[field.name] = pa.nulls(rows, field.type)
        else:
            made[field.name] = pa.array([0.5] * rows).cast(field.type)
    return ArrowReading(description, conform(pa.table(made | columns), description))


def table_of(name: str, **columns: Any) -> ArrowReading:
    """A described table of just these columns: the others are absent where they may be, else null."""
    description = VBN.tables[name]
    rows = len(next(iter(columns.values())))
    needed = {c.name: pa.nulls(rows, c.type) for c in description.columns if c.nullable and not c.optional}
    return ArrowReading(description, conform(pa.table(needed | columns), description))


def file_hash(name: str) -> str:
    return (name * 128)[:128]


def add_release(
    lake: Lake,
    version: str,
    sessions: dict[int, str],
    units: str = "u",
    readings: Mapping[str, ArrowReading] | None = None,
) -> Record:
    """A release with its metadata tables; `sessions` gives each one's file by a letter that stands for its hash.

    `readings` are metadata tables that only this release has; the others are the same in every one.
    """
    readings = readings or {}
    metadata = {name: units if name == "units" else "m" for name in VBN.metadata_tables}
    metadata |= dict.fromkeys(readings, version)
    files = [("metadata", None, name, letter) for name, letter in metadata.items()]
    files += [("ecephys_session", id, str(id), letter) for id, letter in sessions.items()]
    for kind, _, name, letter in files:
        source = Source(kind, name, file_hash(letter + name), version)
        if kind == "metadata" and lake.record(source) is None:
            lake.commit(Record(source, lake.write(source, [readings.get(name) or rows_of(name)])))
    listing = pa.table(
        {
            "release": [version] * len(files),
            "kind": [kind for kind, *_ in files],
            "id": pa.array([id for _, id, *_ in files], pa.int64()),
            "name": [name for *_, name, _ in files],
            "ecephys_session_id": pa.nulls(len(files), pa.int64()),
            "behavior_session_id": pa.nulls(len(files), pa.int64()),
            "is_behavior_file": [kind == "ecephys_session" for kind, *_ in files],
            "file_id": ["0"] * len(files),
            "key": [f"key/{name}" for *_, name, _ in files],
            "version_id": ["v"] * len(files),
            "file_hash": [file_hash(letter + name) for *_, name, letter in files],
        }
    )
    source = Source(RELEASE, version, file_hash(version), version)
    description = VBN.tables["release_files"]
    written = lake.write(source, [ArrowReading(description, conform(listing, description))])
    return lake.commit(Record(source, written, facts={"pipeline": {"AllenSDK": "2.16.2"}}))


def session_source(id: int, letter: str, release: str | None = None) -> Source:
    hashed = file_hash(letter + str(id))
    ids = {"ecephys_session_id": id, "behavior_session_id": id + 1000}
    return Source("ecephys_session", str(id), hashed, release, ids=ids)


def add_session(
    lake: Lake,
    id: int,
    letter: str,
    release: str | None = None,
    *,
    broken: str = "",
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    **trials: Any,
) -> Record:
    """One session's tables, of the file that the letter stands for.

    `trials` replaces columns of that table, and `columns` of any other by its name.
    """
    source = session_source(id, letter, release)
    replaced = {"trials": trials, **(columns or {})}
    names = [table.name for table in VBN.sessions.tables]
    files = lake.write(source, [rows_of(name, **replaced.get(name, {})) for name in names])
    claims = (Claim("made_up", False, "trials", "never", (broken,)),) if broken else ()
    return lake.commit(Record(source, files, claims))
