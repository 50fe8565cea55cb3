"""What a table description is: `Column` and `Table`, and the Arrow schema made from them.

The descriptions themselves are in the modules beside this one. DDL, Dagster's column schema, the checks and
the data dictionary are derived from them elsewhere; nothing here knows DuckDB, Dagster or NWB.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vbn_assets.errors import VbnError

I64 = pa.int64()
F64 = pa.float64()
BOOL = pa.bool_()
STR = pa.string()
UTC = pa.timestamp("us", tz="UTC")


class Entity(StrEnum):
    """What one Parquet file of a table is about: the lake's partition key, and its column's name."""

    RELEASE = "release"
    FILE = "file"
    """A metadata CSV: the file is named by its hash alone, since a CSV belongs to every release that pins it."""
    ECEPHYS_SESSION = "ecephys_session_id"
    BEHAVIOR_SESSION = "behavior_session_id"
    ECEPHYS_PROBE = "ecephys_probe_id"
    OPHYS_EXPERIMENT = "ophys_experiment_id"
    """An imaging plane of an ophys session."""
    IMAGE = "image_hash"
    """A stimulus image: its file is named by its content alone, since many sessions show the same."""

    @property
    def is_column(self) -> bool:
        """Whether the lake's folder name carries a column that the Parquet file leaves out."""
        return self not in (Entity.RELEASE, Entity.FILE, Entity.IMAGE)


class Storage(StrEnum):
    """How the warehouse holds a table: its rows, or a view over the lake's Parquet."""

    ROWS = "rows"
    VIEW = "view"


@dataclass(frozen=True)
class Column:
    """One column: its name as AllenSDK has it, Arrow type, meaning, unit, and where the value comes from."""

    name: str
    type: pa.DataType
    description: str
    unit: str | None = None
    nullable: bool = True
    source: str | None = None
    optional: bool = False
    """Absent from some releases or files, and null there."""


@dataclass(frozen=True)
class Table:
    """One table of the warehouse, in the words every other part of the project derives itself from."""

    name: str
    description: str
    entity: Entity
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    """Columns that are unique together and never null; empty for a series that has only its order."""
    allensdk: str | None = None
    """The AllenSDK accessor whose values these are."""
    storage: Storage = Storage.ROWS
    reader_version: int = 1
    """Raised when the reader gives other values for the same file: the lake then keeps both."""
    row_groups_as_read: bool = False
    """Each batch of the reader is a row group of the Parquet file: the reader knows what is asked for together."""
    sql: str | None = None
    """File in warehouse/sql with the view that stands between the lake's rows and the warehouse's."""

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def schema(self) -> pa.Schema:
        """All columns, in order, with their types."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @property
    def file_schema(self) -> pa.Schema:
        """The columns of one Parquet file: all but the one its folder's name carries."""
        return pa.schema([f for f in self.schema if not (self.entity.is_column and f.name == self.entity)])


@dataclass(frozen=True)
class View:
    """A query kept in the warehouse under a name; `sql` is its file in warehouse/sql."""

    name: str
    description: str
    sql: str
    own_columns: tuple[Column, ...]
    beside: Table | None = None
    """The table whose columns it has too, before its own."""
    allensdk: str | None = None
    """The AllenSDK accessor whose values these are."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*(self.beside.columns if self.beside else ()), *self.own_columns)


@dataclass(frozen=True)
class Parameter:
    """What a macro is given; `default` names a table or view of the macro's own schema."""

    name: str
    description: str
    unit: str | None = None
    default: str | None = None


@dataclass(frozen=True)
class Macro:
    """A query with parameters, kept in the warehouse under a name; `sql` is its file in warehouse/sql.

    Inside it the name of a parameter stands for what was given: no column of it can have that name.
    """

    name: str
    description: str
    sql: str
    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...] = ()
    """What it returns beside the columns of the events it was given; none for a macro that is one value."""

    @property
    def is_table(self) -> bool:
        return bool(self.columns)


Described = TypeVar("Described", Table, View)
Named = TypeVar("Named", Table, View, Macro)


class ColumnProblem(VbnError):
    """A column is missing, or holds what its type cannot."""


TAKEN_NAMES = frozenset({"release", "before_release", "after_release"})
"""What a metadata table's columns stand beside where releases are compared: no other column can have these names."""

PRESENT_COLUMNS = b"vbn_assets.columns"
"""Parquet metadata key: JSON list of the columns the source really had, in its order."""

STORED_AS = b"vbn_assets.stored_as"
"""Parquet metadata key of a column whose values its file, and so AllenSDK, has in another type: numpy's name of it."""
STORED_AS_NUMBER = {STORED_AS: b"number"}
"""Of truth values that the file has as 0, 1 and NaN: pandas' nullable ones in AllenSDK."""

WRITTEN_AS = b"vbn_assets.written_as"
"""Parquet metadata key of a CSV's column: the type that its text looks like, where the table is described otherwise."""


def conform(table: pa.Table, description: Table, *, file: str | None = None, release: str | None = None) -> pa.Table:
    """`table` with the described columns first, in order and typed, then whatever else came, kept as it is.

    A column that may be null is, where it did not come; `lacking` tells which of these are news. The schema's metadata
    lists those that came (`PRESENT_COLUMNS`). Raises `ColumnProblem` naming column, file and release otherwise.
    """
    table = table.rename_columns(_told_apart(table.column_names, description))
    arrays: dict[str, pa.ChunkedArray] = {}
    for column in description.columns:
        if description.entity.is_column and column.name == description.entity:
            continue
        if column.name in table.column_names:
            arrays[column.name] = _cast(table.column(column.name), column, description, file, release)
        elif column.nullable:
            arrays[column.name] = pa.chunked_array([pa.nulls(table.num_rows, column.type)])
        else:
            raise ColumnProblem(
                f"column {column.name!r} of table {description.name} is missing",
                file=file,
                release=release,
                expected=f"{column.name} ({column.type})",
                found=", ".join(table.column_names),
                remedy="If a newer release renamed it, the table's description in vbn_assets/tables has to learn it.",
            )
    for name in table.column_names:
        if name not in arrays and not (description.entity.is_column and name == description.entity):
            arrays[name] = table.column(name)
    marks = {field.name: field.metadata for field in table.schema}
    never_null = {column.name for column in description.columns if not column.nullable}
    schema = pa.schema(
        [pa.field(name, array.type, name not in never_null, marks.get(name)) for name, array in arrays.items()]
    )
    present = json.dumps(table.column_names).encode()
    return pa.table(list(arrays.values()), schema=schema.with_metadata({PRESENT_COLUMNS: present}))


def lacking(names: Collection[str], description: Table) -> list[str]:
    """The columns that every source of the table had until now, and that one with these columns has not."""
    expected = (column for column in description.columns if column.nullable and not column.optional)
    return [column.name for column in expected if column.name not in names]


def _told_apart(names: Iterable[str], description: Table) -> list[str]:
    """The names, but for those that SQL takes for another, since it does not tell `Name` from `name`: `Name_2`."""
    described = {name.casefold(): name for name in description.column_names}
    taken = described.keys() | TAKEN_NAMES
    apart = []
    for name in names:
        free, number = name, 2
        while described.get(free.casefold()) != free and free.casefold() in taken:
            free, number = f"{name}_{number}", number + 1
        taken.add(free.casefold())
        apart.append(free)
    return apart


def _cast(
    values: pa.ChunkedArray, column: Column, description: Table, file: str | None, release: str | None
) -> pa.ChunkedArray:
    try:
        cast = values.cast(column.type)
    except pa.ArrowException as error:
        raise ColumnProblem(
            f"column {column.name!r} of table {description.name} has values of another type",
            file=file,
            release=release,
            expected=str(column.type),
            found=f"{values.type} ({error})",
            remedy="The file is not what its release describes; nothing was made from it.",
        ) from error
    if not column.nullable and cast.null_count:
        first = pc.index(pc.is_null(cast), True).as_py()
        raise ColumnProblem(
            f"column {column.name!r} of table {description.name} has {cast.null_count} empty values",
            file=file,
            release=release,
            expected="a value in every row",
            found=f"none in row {first + 1}",
            remedy="The file is not what its release describes; nothing was made from it.",
        )
    return cast


def nan_to_null(values: NDArray[Any]) -> pa.Array:
    """A numpy array for Arrow, NaN as null, as SQL means it. The values are not copied."""
    # The least of values of which one is NaN is NaN: finding it takes a tenth of the time of marking each.
    marked = values.dtype.kind == "f" and values.size > 0 and bool(np.isnan(values.min()))
    return pa.array(values, from_pandas=marked)


def in_recording(recording: Column, described: Iterable[Described]) -> tuple[Described, ...]:
    """Tables or views, with the id of a project's recordings before `behavior_session_id` in those that have that."""
    return tuple(_in_recording(recording, each) for each in described)


def _in_recording(recording: Column, described: Described) -> Described:
    if isinstance(described, View):
        beside = _in_recording(recording, described.beside) if described.beside else None
        return replace(described, own_columns=_with_recording(recording, described.own_columns), beside=beside)
    return replace(described, columns=_with_recording(recording, described.columns))


def _with_recording(recording: Column, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    names = [column.name for column in columns]
    if recording.name in names or "behavior_session_id" not in names:
        return columns
    place = names.index("behavior_session_id")
    return (*columns[:place], recording, *columns[place:])


def by_name(described: Iterable[Named]) -> dict[str, Named]:
    """The tables, views or macros by name; a name used twice is a mistake in the descriptions."""
    named: dict[str, Named] = {}
    for entry in described:
        if entry.name in named:
            raise ValueError(f"{entry.name} is described twice")
        named[entry.name] = entry
    return named
