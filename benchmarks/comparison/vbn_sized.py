"""A lake as large as all of VBN without its spikes, made in a minute: one session is read, the others are its links.

Every session has real row counts; the five metadata tables have those of all sessions, 319 thousand units and 348
thousand channels. A session's rows are the same in all of them, but for the ids that the lake's folders carry.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vbn_assets.nwb.session import open_session
from vbn_assets.pipeline import ArrowReading
from vbn_assets.projects import VBN
from vbn_assets.sample.generator import generate
from vbn_assets.sample.plan import TRUE_SIZE, Sizes, plan_session
from vbn_assets.tables import conform
from vbn_assets.warehouse.contents import RELEASE
from vbn_assets.warehouse.lake import Lake, Record, Source, TableFile

if TYPE_CHECKING:
    import pandas as pd

SESSIONS = 153
BEHAVIOR_FILES, LFP_FILES = 3_271, 869
SIZES = replace(TRUE_SIZE, units=2_085, channels=379, spikes=2_085, image_shape=None)
"""What 319,013 units and 347,520 channels are for each of 153 sessions."""
VERSION = "0.5.0"
LEFT_OUT = ("spike_times", "mean_waveforms")


def metadata_rows(sizes: Sizes = SIZES) -> dict[str, pd.DataFrame]:
    """The rows of the five metadata CSVs."""
    import pandas as pd

    plans = [plan_session(index, sizes, seed=0).rows for index in range(SESSIONS)]
    return {name: pd.concat([rows[name] for rows in plans], ignore_index=True) for name in VBN.metadata_tables}


def hash_of(name: str) -> str:
    return blake2b(name.encode()).hexdigest()


@dataclass(frozen=True)
class SizedLake:
    """A lake with one release, and as many of its sessions as were added."""

    lake: Lake
    sizes: Sizes = SIZES
    left_out: tuple[str, ...] = LEFT_OUT

    def add_release(self) -> None:
        """The release's metadata tables and its list of files."""
        rows = metadata_rows()
        for name, frame in rows.items():
            table = VBN.tables[name]
            typed = conform(pa.Table.from_pandas(frame, preserve_index=False), table)
            self._commit(Source("metadata", name, hash_of(name), VERSION), ArrowReading(table, typed))
        ids = rows["ecephys_sessions"].ecephys_session_id.tolist()
        files = [_file("metadata", None, name) for name in rows]
        files += [_file("ecephys_session", id, str(id)) for id in ids]
        files += [_file("behavior_session", id, str(id)) for id in range(BEHAVIOR_FILES)]
        files += [_file("probe_lfp", id, f"{ids[id % SESSIONS]}/probe{id}") for id in range(LFP_FILES)]
        table = VBN.tables["release_files"]
        listing = conform(pa.Table.from_pylist(files, table.schema), table)
        self._commit(Source(RELEASE, VERSION, hash_of(VERSION), VERSION), ArrowReading(table, listing))

    def _commit(self, source: Source, reading: ArrowReading) -> None:
        self.lake.commit(Record(source, self.lake.write(source, [reading])))

    def add_sessions(self, indices: Sequence[int]) -> None:
        """The sessions of these numbers; the release has those from 0 to 152."""
        for index in indices:
            plan_ids = {name: id + index for name, id in self._first.source.ids.items()}
            id = str(plan_ids["ecephys_session_id"])
            source = replace(self._first.source, id=id, file_hash=hash_of("ecephys_session" + id), ids=plan_ids)
            tables = {name: self._linked(file, source) for name, file in self._first.tables.items()}
            self.lake.commit(Record(source, tables))

    def _linked(self, file: TableFile, source: Source) -> TableFile:
        entity = VBN.tables[file.table].entity
        path = Path(file.path)
        linked = path.parent.parent / f"{entity}={source.entity_id(entity)}" / f"{source.file_hash[:16]}-1.parquet"
        target = self.lake.root / linked
        target.parent.mkdir(parents=True, exist_ok=True)
        target.hardlink_to(self.lake.root / path)
        return replace(file, path=str(linked))

    @cached_property
    def _first(self) -> Record:
        """What the first session's file gives, written beside what is published."""
        with tempfile.TemporaryDirectory(dir=self.lake.root) as folder:
            generate(Path(folder), self.sizes)
            file = next(Path(folder).rglob("*.nwb"))
            with open_session(file, kind=VBN.sessions, expected_id=None, release=VERSION) as session:
                source = Source("ecephys_session", "", "first", VERSION, ids=dict(session.ids))
                readings = [reading for reading in session.tables() if reading.table.name not in self.left_out]
                return Record(source, self.lake.write(source, readings))


def _file(kind: str, id: int | None, name: str) -> dict[str, Any]:
    identity = {"release": VERSION, "kind": kind, "id": id, "name": name}
    hashed = hash_of(name if kind == "metadata" else kind + name)
    facts = {"file_id": name, "key": f"{kind}/{name}", "version_id": "v", "file_hash": hashed}
    return {**identity, **facts, "is_behavior_file": kind == "behavior_session"}
