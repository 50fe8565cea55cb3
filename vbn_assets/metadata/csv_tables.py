"""One metadata CSV as the typed Arrow table that equals AllenSDK's accessor.

AllenSDK's tables are `pandas.read_csv` and casts; the nulls, numbers and texts here are the ones that gives. What
a table should look like stands in `vbn_assets.tables`; which files its `file_id`s mean is for `file_ids`.
"""

from __future__ import annotations

import ast
import csv
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.errors import MetadataError
from vbn_assets.metadata.floats import parse_floats
from vbn_assets.tables import Table, conform
from vbn_assets.tables.model import UTC, WRITTEN_AS, ColumnProblem

_log = logging.getLogger(__name__)

# While it reads a CSV, Arrow takes Ctrl-C for itself, and forgets one that comes in the last moment.
pa.enable_signal_handlers(False)

_NULLS = [
    "",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "n/a",
    "nan",
    "null",
]
"""What pandas 1.5 takes for null; later ones add "None", which is text in these files."""

_PLAIN = (pa.int64(), pa.bool_())
"""Types that Arrow's parser reads as pandas does, unless whole numbers stand there as 29.0."""

_BLOCK_BYTES = 4 << 20
"""Bytes parsed at once, 9 thousand rows of units.csv: the floats of a column's piece are less than the 128 kB beyond
which the C library asks the system for new memory each time. Smaller ones would be too many calls."""

_WORKERS = 2
"""Columns converted at once; numpy holds the interpreter often enough that more only stand in each other's way."""

_REMEDY = "Nothing of this table is published; the releases before stay as they are."


def read_table(path: Path, description: Table, *, release: str) -> pa.Table:
    """The CSV at `path`, conformed to `description`: its columns first, then whatever else the file has.

    Empty is null, whole numbers written as 29.0 are int64, floats are what pandas 1.5 reads. Raises `MetadataError`
    for a file that is no CSV, a missing column, a value of another type and a key that stands twice.

    A field's metadata tells (`WRITTEN_AS`) where whole numbers stand for floats or the other way round.
    """
    name = path.name
    text = _read_csv(path, description, release)
    described = {column.name: column for column in description.columns}
    extra = [column for column in text.column_names if column not in described]
    if extra:
        _log.warning("%s of release %s has columns not described: %s; kept", name, release, ", ".join(extra))

    def typed(column: str) -> pa.ChunkedArray:
        if column in extra:
            return _inferred(text.column(column))
        return _typed(text.column(column), described[column].type, column, name, release)

    with ThreadPoolExecutor(_WORKERS) as pool:
        columns = list(pool.map(typed, text.column_names))
    fields = [
        pa.field(column, values.type, metadata=_marks(text.column(column), values.type))
        for column, values in zip(text.column_names, columns, strict=True)
    ]
    try:
        table = conform(pa.table(columns, pa.schema(fields)), description, file=name, release=release)
    except ColumnProblem as problem:
        raise MetadataError(**vars(problem)) from problem
    _check_key(table, description, name, release)
    return table


def _read_csv(path: Path, description: Table, release: str) -> pa.Table:
    """The columns as the parser's own types where they are plain, else all as strings; null where pandas says NaN."""
    try:
        header = _header(path)
        if len(set(header)) != len(header):
            raise pa.ArrowInvalid("a column stands twice in the header: " + ", ".join(header))
        as_text = dict.fromkeys(header, pa.string())
        plain = {c.name: c.type for c in description.columns if c.name in as_text and c.type in _PLAIN}
        try:
            return _parsed(path, as_text | plain, newlines_in_values=False)
        except pa.ArrowInvalid:
            return _parsed(path, as_text, newlines_in_values=True)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise MetadataError(
            f"is no table: {error}", file=path.name, release=release, expected="a CSV file", remedy=_REMEDY
        ) from error


def _parsed(path: Path, types: dict[str, pa.DataType], *, newlines_in_values: bool) -> pa.Table:
    from pyarrow import csv as arrow_csv

    return arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=newlines_in_values),
        convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=_NULLS, strings_can_be_null=True),
    )


def _header(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return next(csv.reader(lines), [])


def _parse_integers(text: pa.Array) -> pa.Array:
    """int64; pandas writes whole numbers of a column with gaps as 29.0."""
    try:
        return text.cast(pa.int64())
    except pa.ArrowInvalid:
        return text.cast(pa.float64()).cast(pa.int64())


def _parse_times(text: pa.Array) -> pa.Array:
    """Points in time; a text without an offset is UTC, as pandas takes it."""
    without_offset = pc.invert(pc.match_substring_regex(text, r"(Z|[+-]\d\d:?\d\d)$"))
    return pc.if_else(without_offset, pc.binary_join_element_wise(text, "Z", ""), text).cast(UTC)


def _parse_lists(of: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """A parser of Python lists as text; a single value is a list of one. `ValueError` for any other text."""

    def parse(text: pa.Array) -> pa.Array:
        once = text.dictionary_encode()
        return pa.array(map(_literal, once.dictionary.to_pylist()), pa.list_(of)).take(once.indices)

    return parse


def _literal(text: str) -> list[object]:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"is no list: {text}") from error
    return list(value) if isinstance(value, list | tuple) else [value]


_PARSERS: dict[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    pa.int64(): _parse_integers,
    pa.float64(): parse_floats,
    pa.bool_(): lambda text: text.cast(pa.bool_()),
    pa.string(): lambda text: text,
    pa.list_(pa.int64()): _parse_lists(pa.int64()),
    pa.list_(pa.string()): _parse_lists(pa.string()),
    UTC: _parse_times,
}


def _parse(text: pa.ChunkedArray, dtype: pa.DataType) -> pa.ChunkedArray:
    if text.type == dtype:
        return text
    return pa.chunked_array([_PARSERS[dtype](chunk) for chunk in text.chunks], dtype)


def _typed(text: pa.ChunkedArray, dtype: pa.DataType, column: str, file: str, release: str) -> pa.ChunkedArray:
    try:
        return _parse(text, dtype)
    except (ValueError, pa.ArrowTypeError) as error:
        row, value = _first_bad(text, dtype)
        raise MetadataError(
            f"column {column!r} has a value of another type in row {row}",
            file=file,
            release=release,
            expected=str(dtype),
            found=repr(value),
            remedy=_REMEDY,
        ) from error


def _marks(text: pa.ChunkedArray, dtype: pa.DataType) -> dict[bytes, bytes] | None:
    """What a column's numbers look like, if not like what they are: 385 for a float, 29.0 for a whole number."""
    if text.type != pa.string() or text.null_count == len(text):
        return None
    if dtype == pa.float64() and _all_match(text, r"^[+-]?[0-9]+$"):
        return {WRITTEN_AS: b"int64"}
    if dtype == pa.int64() and not _all_match(text, r"^[+-]?[0-9]+$"):
        return {WRITTEN_AS: b"double"}
    return None


def _all_match(text: pa.ChunkedArray, pattern: str) -> bool:
    """Whether every value matches; known after one value, or one chunk, where that does not."""
    pieces = (text.slice(0, 1), *text.chunks)
    return all(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py() for values in pieces)


def _first_bad(text: pa.ChunkedArray, dtype: pa.DataType) -> tuple[int, str]:
    """Row (the first after the header is 1) and text of the first value that is not of the type."""
    for row, value in enumerate(text, start=1):
        try:
            _PARSERS[dtype](pa.array([value.as_py()], pa.string()))
        except (ValueError, pa.ArrowTypeError):
            return row, value.as_py()
    raise AssertionError("a column that cannot be parsed has a value that cannot be")


def _inferred(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column nobody described: int64, float64 or bool where every value is one, else text."""
    for dtype in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return _parse(text, dtype)
        except ValueError:
            continue
    return text


def _check_key(table: pa.Table, description: Table, file: str, release: str) -> None:
    counts = table.group_by(list(description.key)).aggregate([([], "count_all")])
    if counts.num_rows == table.num_rows:
        return
    twice = counts.filter(pc.greater(counts["count_all"], 1)).slice(0, 1).select(description.key).to_pylist()[0]
    raise MetadataError(
        f"has more than one row for {', '.join(f'{name} {value}' for name, value in twice.items())}",
        file=file,
        release=release,
        expected="one row an id",
        found=f"{table.num_rows - counts.num_rows} rows too many",
        remedy=_REMEDY,
    )
