"""The lake: Parquet files that are written once, named by what they are about and where they came from.

    lake/<project>/<table>/<entity>=<id>/<hash>-<reader version>.parquet
    lake/<project>/<table>/<content hash>-<reader version>.parquet
    lake/<project>/files/<kind>=<id>/<hash>.json

The second is for what many source files have in common and is kept once. The third is the `Record` of one source
file: what was made from it. It is written last and atomically, so a table is in the lake when a record says so and
not before; until it is whole a file is one of the `drafts`.
Nothing here knows NWB, CSV or DuckDB: it stores Arrow tables and tells what it stored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from vbn_assets.errors import WarehouseError
from vbn_assets.memory import give_back
from vbn_assets.mirror.disk import locked
from vbn_assets.tables import Entity, Table
from vbn_assets.warehouse.drafts import drafts, force, name, remove_abandoned, writing

ROW_GROUP_ROWS = 1_000_000
"""Big enough for fast scans, small enough that one unit of a session reads a fiftieth of its spikes."""
METADATA_ROW_GROUP_ROWS = 122_880
"""Of a release's metadata: a thread of DuckDB reads a row group at a time, and one unit is in one of three."""
ROW_GROUP_BYTES = 32 << 20
"""A row group is held in memory while it is written: rows of waveforms are two hundred times a spike's size."""
DICTIONARY_BYTES = 64 << 10
"""A longer one is of values that hardly repeat, and takes memory for nothing. LFP has fewer steps, of 0.2 µV."""
REMEMBERED_RECORDS = 8_192
"""More than a project has files, of 5 kB each."""
WRITERS = 2
"""Tables of one file written at a time: each keeps one core busy, and more only cost memory."""


class Reading(Protocol):
    """One table of a source file, ready to be written: its description, and its rows."""

    @property
    def table(self) -> Table: ...
    def pieces(self) -> Iterator[pa.Table]:
        """The rows in pieces of one schema, at least one. Nobody asks twice, so none needs to be kept."""
        ...


class SharedReading(Reading, Protocol):
    """Rows that many source files have in common, told apart by their content."""

    @property
    def content_hash(self) -> str: ...


_Reading = TypeVar("_Reading", bound=Reading, covariant=True)


@dataclass(frozen=True)
class Draft(Generic[_Reading]):
    """A reading that was written, at a path that is not its own yet."""

    path: Path
    reading: _Reading


@dataclass(frozen=True)
class Source:
    """The file that tables are made from. `release` is null for a file that no known release has."""

    kind: str
    id: str
    file_hash: str
    release: str | None = None
    key: str | None = None
    version_id: str | None = None
    ids: Mapping[str, int] = field(default_factory=dict)
    """What a data file says that it is about: ids by the names of their columns."""

    def entity_id(self, entity: Entity) -> int | str | None:
        """The id that stands in the folder name of a table about `entity`."""
        return self.id if entity is Entity.RELEASE else self.ids.get(entity)


@dataclass(frozen=True)
class TableFile:
    """One Parquet file of the lake; `path` is relative to the lake."""

    table: str
    path: str
    rows: int
    bytes: int
    reader_version: int
    columns: dict[str, str]
    """Column names and Arrow types, in order; columns beyond the table's description are last."""


@dataclass(frozen=True)
class Claim:
    """Something that must be true of the data, and whether it is."""

    name: str
    holds: bool
    table: str
    description: str
    violations: tuple[str, ...] = ()
    """A few of the rows or ids that contradict it."""


@dataclass(frozen=True)
class Record:
    """What was made from one source file. Unsound ones stay in the lake for looking into, unpublished."""

    source: Source
    tables: dict[str, TableFile]
    claims: tuple[Claim, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    made_at: str = ""
    seconds: float = 0.0
    shared: tuple[TableFile, ...] = ()
    """Files of the lake that other records may name too."""

    @property
    def sound(self) -> bool:
        return all(claim.holds for claim in self.claims)

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.tables.values())


class Lake:
    """The Parquet files and records of one project."""

    def __init__(self, root: Path, project: str) -> None:
        self.root = root
        self.project = project

    def write(self, source: Source, readings: Sequence[Reading]) -> dict[str, TableFile]:
        """Write every reading to its place, a few at a time. Uncommitted until `commit` is called.

        Raises whatever a reading raises, and `WarehouseError` where the lake cannot be written.
        """
        with self.drafted(readings) as written:
            return self.place(source, written)

    @contextmanager
    def drafted(self, readings: Sequence[_Reading], writers: int = WRITERS) -> Iterator[list[Draft[_Reading]]]:
        """Every reading written, `writers` at a time, but not yet in its place. Raises as `write` does."""
        with drafts(self._drafts, len(readings)) as paths:
            with ThreadPoolExecutor(writers, thread_name_prefix="lake") as pool:
                list(pool.map(_write_draft, paths, readings))
            give_back()
            yield [Draft(path, reading) for path, reading in zip(paths, readings, strict=True)]

    def place(self, source: Source, written: Iterable[Draft[Reading]]) -> dict[str, TableFile]:
        """Put drafts of the source's tables where they belong. Raises `WarehouseError` where that cannot be written."""
        placed = {}
        for draft in written:
            table = draft.reading.table
            path = self._table_path(source, table)
            name(draft.path, path)
            placed[table.name] = self._file(path, table)
        return placed

    def keep(self, readings: Iterable[SharedReading]) -> tuple[TableFile, ...]:
        """Write what is not there yet of rows that many source files have in common. Raises as `write` does.

        One reading at a time: an image takes five times its size while it is written.
        """
        paths = {self._shared_path(reading): reading for reading in readings}
        missing = [reading for path, reading in paths.items() if not path.exists()]
        with self.drafted(missing, writers=1) as written:
            for draft in written:
                name(draft.path, self._shared_path(draft.reading))
        return tuple(self._file(path, reading.table) for path, reading in paths.items())

    def commit(self, record: Record) -> Record:
        """Make the record, and by it the tables it names, part of the lake."""
        stamped = replace(record, made_at=datetime.now(UTC).isoformat(timespec="microseconds"))
        with drafts(self._drafts, 1) as (draft,):
            draft.write_text(json.dumps(asdict(stamped), indent=1))
            force(draft)
            name(draft, self._record_path(record.source))
        return stamped

    @contextmanager
    def making(self, source: Source) -> Iterator[None]:
        """Only one thread of one process makes the tables of a source; the others wait, and find them made."""
        lock = self._record_path(source).with_suffix(".lock")
        with writing(lock), locked(lock):
            try:
                yield
            finally:
                lock.unlink()

    def record(self, source: Source) -> Record | None:
        """The record of this very file, by kind, id and hash; None if nothing was made from it."""
        path = self._record_path(source)
        return _read_record(path) if path.exists() else None

    def has(self, record: Record, tables: Iterable[Table]) -> bool:
        """Whether every one of the tables is there as today's readers give it, and no file of the record was lost."""
        versions = {name: file.reader_version for name, file in record.tables.items()}
        files = (*record.tables.values(), *record.shared)
        return all(versions.get(table.name) == table.reader_version for table in tables) and all(
            self.path(file).exists() for file in files
        )

    def knows(self, kind: str, id: str) -> bool:
        """Whether anything was made from a file of that kind and id, of whatever hash."""
        return any(self._records_folder(kind, id).glob("*.json"))

    def records(self, *kinds: str) -> list[Record]:
        """All records of the kinds, oldest first. `WarehouseError` names one that cannot be read."""
        paths = (path for kind in kinds for path in (self.root / self.project / "files").glob(f"{kind}=*/*.json"))
        return sorted((_read_record(path) for path in paths), key=lambda record: record.made_at)

    def path(self, file: TableFile) -> Path:
        return self.root / file.path

    def read(self, file: TableFile) -> pa.Table:
        """The whole of one file's rows, without the column its folder carries."""
        with pq.ParquetFile(self.path(file)) as rows:
            return rows.read()

    def sweep(self) -> int:
        """Remove what killed writers left behind; how many files that were."""
        return remove_abandoned(self._drafts)

    @property
    def _drafts(self) -> Path:
        return self.root / self.project / "drafts"

    def _record_path(self, source: Source) -> Path:
        return self._records_folder(source.kind, source.id) / f"{source.file_hash[:16]}.json"

    def _records_folder(self, kind: str, id: str) -> Path:
        return self.root / self.project / "files" / f"{kind}={id.replace('/', '-')}"

    def _shared_path(self, reading: SharedReading) -> Path:
        table = reading.table
        return self.root / self.project / table.name / f"{reading.content_hash}-{table.reader_version}.parquet"

    def _table_path(self, source: Source, table: Table) -> Path:
        folder = self.root / self.project / table.name
        if table.entity is not Entity.FILE:
            entity_id = source.entity_id(table.entity)
            if entity_id is None:
                raise ValueError(f"{source.kind} {source.id} has no {table.entity}, which {table.name} is kept by")
            folder /= f"{table.entity}={entity_id}"
        return folder / f"{source.file_hash[:16]}-{table.reader_version}.parquet"

    def _file(self, path: Path, table: Table) -> TableFile:
        with pq.ParquetFile(path) as written:
            return TableFile(
                table=table.name,
                path=str(path.relative_to(self.root)),
                rows=written.metadata.num_rows,
                bytes=path.stat().st_size,
                reader_version=table.reader_version,
                columns={column.name: str(column.type) for column in written.schema_arrow},
            )


def _write_draft(path: Path, reading: Reading) -> None:
    with writing(path):
        _write_parquet(path, reading)
    force(path)
    # Arrow keeps what it used for the next time; tables differ, and so it would keep the most of each.
    pa.default_memory_pool().release_unused()


def _write_parquet(path: Path, reading: Reading) -> None:
    """Write the rows in row groups of `ROW_GROUP_ROWS` or `ROW_GROUP_BYTES`, or as they are read."""
    rows = METADATA_ROW_GROUP_ROWS if reading.table.entity is Entity.FILE else ROW_GROUP_ROWS
    with ExitStack() as open_until_written:
        writer: pq.ParquetWriter | None = None
        for group in _row_groups(reading):
            if writer is None:
                writer = pq.ParquetWriter(path, group.schema, compression="lz4", **encoding(group.schema))
                open_until_written.enter_context(writer)
            writer.write_table(group, row_group_size=rows)
            del group  # or it would stay while the next one is read


def _row_groups(reading: Reading) -> Iterator[pa.Table]:
    """The pieces put together to row groups, at least one."""
    pending: list[pa.Table] = []
    for piece in reading.pieces():
        pending.append(piece)
        rows, size = sum(part.num_rows for part in pending), sum(part.nbytes for part in pending)
        if reading.table.row_groups_as_read or rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield pa.concat_tables(pending)
            pending = []
    if pending:
        yield pa.concat_tables(pending)


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """Doubles as byte streams: on spikes that is half the time and four fifths of the size of plain pages.

    All else has a dictionary up to `DICTIONARY_BYTES`. So have the 256 gray levels of images, and LFP, whose single
    floats are multiples of the amplifier's step: half the size. Nobody looks for the least and largest sample of LFP,
    which a tenth of the time would go to.
    """
    streams = [_path(column) for column in schema if _is_series(column.type)]
    others = [_path(column) for column in schema if not _is_series(column.type)]
    lfp = any(column.type == pa.list_(pa.float32()) for column in schema)
    return {
        "use_dictionary": others,
        "dictionary_pagesize_limit": DICTIONARY_BYTES,
        "column_encoding": dict.fromkeys(streams, "BYTE_STREAM_SPLIT") or None,
        "write_statistics": [c.name for c in schema if not pa.types.is_list(c.type)] if lfp else True,
    }


def _is_series(type_: pa.DataType) -> bool:
    """Doubles, or lists of them."""
    return bool(pa.types.is_float64(type_.value_type if pa.types.is_list(type_) else type_))


def _path(column: pa.Field) -> str:
    """What Parquet calls a column's values, in however many lists they are."""
    path: str = column.name
    type_ = column.type
    while pa.types.is_list(type_):
        path, type_ = f"{path}.list.element", type_.value_type
    return path


def _read_record(path: Path) -> Record:
    """The record at `path`, read again only when another took its place: sensors look at all of them all the time."""
    status = path.stat()
    return _parse_record(path, (status.st_ino, status.st_mtime_ns))


@lru_cache(maxsize=REMEMBERED_RECORDS)
def _parse_record(path: Path, _stamp: tuple[int, int]) -> Record:
    try:
        raw = json.loads(path.read_text())
        return Record(
            source=Source(**raw["source"]),
            tables={name: TableFile(**file) for name, file in raw["tables"].items()},
            shared=tuple(TableFile(**file) for file in raw.get("shared", ())),
            claims=tuple(Claim(**{**claim, "violations": tuple(claim["violations"])}) for claim in raw["claims"]),
            facts=raw["facts"],
            made_at=raw["made_at"],
            seconds=raw["seconds"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WarehouseError(
            f"is no record of the lake: {error}",
            file=str(path),
            remedy="Remove it; `vbn sync` makes it anew from the mirror.",
        ) from error
