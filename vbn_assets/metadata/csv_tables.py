"""One metadata CSV as the typed Arrow table that equals AllenSDK's accessor.

AllenSDK's tables are `pandas.read_csv` and casts; the nulls, numbers and texts here are the ones that gives. What
a table should look like stands in `vbn_assets.tables`; which files its `file_id`s mean is for `file_ids`.
"""

from __future__ import annotations

import ast
import csv
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from vbn_assets.errors import MetadataError
from vbn_assets.metadata.floats import parse_floats
from vbn_assets.tables import Table, conform
from vbn_assets.tables.model import UTC, WRITTEN_AS, ColumnProblem, lacking

_log = logging.getLogger(__name__)

# While it reads a CSV, Arrow takes Ctrl-C for itself, and forgets one that comes in the last moment.
pa.enable_signal_handlers(False)

FILE_ID = "file_id"
"""The column that says which file of the release a row is about."""

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

_WHOLE_NUMBER = r"^[+-]?[0-9]+$"

_NOT_OF_THE_TYPE = (ValueError, OverflowError, pa.ArrowTypeError)
"""What parsers raise; Arrow's own errors are ValueErrors too."""

_REMEDY = "Nothing of this table is published; the releases before stay as they are."


def read_table(path: Path, description: Table, *, release: str, file_id_column: str = FILE_ID) -> pa.Table:
    """The CSV at `path`, conformed to `description`: its columns first, then whatever else the file has.

    Empty is null, whole numbers written as 29.0 are int64, floats are what pandas 1.5 reads. Columns that come or go
    are told in the log. Raises `MetadataError` for a file that is no CSV, a missing id, a value of another type and a
    key that stands twice.

    `file_id_column` is the release's own name for `file_id`.

    A field's metadata tells (`WRITTEN_AS`) where whole numbers stand for floats or the other way round.
    """
    name = path.name
    described = {column.name: column.type for column in description.columns}
    read = _read_csv(path, described, release, file_id_column)
    extra = [column for column in read.column_names if column not in described]
    if extra:
        _log.warning("%s of release %s has columns not described: %s; kept", name, release, ", ".join(extra))
    if missing := lacking(read.column_names, description):
        _log.warning("%s of release %s lacks columns: %s; null", name, release, ", ".join(missing))
    try:
        table = conform(read, description, file=name, release=release)
    except ColumnProblem as problem:
        raise MetadataError(**vars(problem)) from problem
    _check_key(table, description, name, release)
    return table


def _read_csv(path: Path, described: Mapping[str, pa.DataType], release: str, file_id_column: str) -> pa.Table:
    """The columns typed as described, any other as inferred; null where pandas says NaN.

    The parser itself makes the plain types, unless one of them looks like another: then all is text to it.
    """
    try:
        header = [FILE_ID if name == file_id_column else name for name in _header(path)]
        if len(set(header)) != len(header):
            raise pa.ArrowInvalid("a column stands twice in the header: " + ", ".join(header))
        types = {name: described.get(name) for name in header}
        as_text = dict.fromkeys(header, pa.string())
        plain = {name: dtype for name, dtype in types.items() if dtype in _PLAIN}
        try:
            return _typed_table(_batches(path, as_text | plain, newlines_in_values=False), types, path.name, release)
        except pa.ArrowInvalid:
            return _typed_table(_batches(path, as_text, newlines_in_values=True), types, path.name, release)
    except (pa.ArrowInvalid, UnicodeDecodeError, csv.Error) as error:
        raise MetadataError(
            f"is no table: {error}", file=path.name, release=release, expected="a CSV file", remedy=_REMEDY
        ) from error


def _batches(path: Path, types: Mapping[str, pa.DataType], *, newlines_in_values: bool) -> Iterator[pa.RecordBatch]:
    """The rows as Arrow parses them, their columns named as `types` are.

    Each batch is parsed in a thread of its own, while the one before is worked on.
    """
    from pyarrow import csv as arrow_csv

    with (
        arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                block_size=_BLOCK_BYTES, column_names=list(types), skip_rows_after_names=1
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=newlines_in_values),
            convert_options=arrow_csv.ConvertOptions(column_types=types, null_values=_NULLS, strings_can_be_null=True),
        ) as parser,
        ThreadPoolExecutor(1) as thread,
    ):
        coming = thread.submit(next, parser, None)
        while (batch := coming.result()) is not None:
            coming = thread.submit(next, parser, None)
            yield batch


def _header(path: Path) -> list[str]:
    """The names of the columns; one without is called what pandas calls it."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        return [name or f"Unnamed: {place}" for place, name in enumerate(next(csv.reader(lines), []))]


def _parse_integers(text: pa.Array) -> pa.Array:
    """int64; pandas writes whole numbers of a column with gaps as 29.0."""
    try:
        return text.cast(pa.int64())
    except pa.ArrowInvalid:
        return text.cast(pa.float64()).cast(pa.int64())


def _parse_times(text: pa.Array) -> pa.Array:
    """Points in time; a text without an offset is UTC, and one without a time midnight, as pandas takes it."""
    midnight = pc.binary_join_element_wise(text, "00:00Z", " ")
    in_utc = pc.binary_join_element_wise(text, "Z", "")
    has_time, has_offset = (pc.match_substring_regex(text, found) for found in (":", r"(Z|:.*[+-]\d\d(:?\d\d)?)$"))
    whole = pc.case_when(pc.make_struct(has_offset, has_time), text, in_utc, midnight)
    try:
        return whole.cast(UTC)
    except pa.ArrowInvalid:  # finer than a microsecond
        return whole.cast(pa.timestamp("ns", "UTC")).cast(UTC, safe=False)


def _parse_lists(of: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    """A parser of Python lists as text; a single value is a list of one. `ValueError` for any other text."""

    def parse(text: pa.Array) -> pa.Array:
        once = text.dictionary_encode()
        lists = [_literal(one, int if of == pa.int64() else str) for one in once.dictionary.to_pylist()]
        return pa.array(lists, pa.list_(of)).take(once.indices)

    return parse


def _literal(text: str, of: type) -> list[object] | None:
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(f"is no list: {text}") from error
    if value is None:
        return None
    items = list(value) if isinstance(value, list | tuple) else [value]
    if of is int:
        items = [int(item) if isinstance(item, float) and item.is_integer() else item for item in items]
    if any(type(item) is not of for item in items):
        raise ValueError(f"is no list of {of.__name__}: {text}")
    return items


_PARSERS: dict[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    pa.int64(): _parse_integers,
    pa.float64(): parse_floats,
    pa.bool_(): lambda text: text.cast(pa.bool_()),
    pa.string(): lambda text: text,
    pa.list_(pa.int64()): _parse_lists(pa.int64()),
    pa.list_(pa.string()): _parse_lists(pa.string()),
    UTC: _parse_times,
}


def _typed_table(
    batches: Iterator[pa.RecordBatch], types: Mapping[str, pa.DataType | None], file: str, release: str
) -> pa.Table:
    """All rows with their columns typed and marked. The text of a batch is gone before the next."""
    pieces: dict[str, list[pa.Array]] = {name: [] for name in types}
    whole, rows = set(types), 0
    for batch in batches:
        whole -= {name for name in whole if not _all_whole(batch.column(name))}
        for name, dtype in types.items():
            pieces[name].append(_typed(batch.column(name), dtype, name, file, release, rows))
        rows += batch.num_rows
    columns = {name: pa.chunked_array(pieces[name], dtype or pa.string()) for name, dtype in types.items()}
    columns |= {name: _inferred(columns[name]) for name, dtype in types.items() if dtype is None}
    fields = [pa.field(name, values.type, metadata=_mark(values, name in whole)) for name, values in columns.items()]
    return pa.table(list(columns.values()), pa.schema(fields))


def _typed(
    text: pa.Array, dtype: pa.DataType | None, column: str, file: str, release: str, rows_before: int
) -> pa.Array:
    """One batch's column; as it is where nobody described it."""
    try:
        return text if dtype is None else _parse(text, dtype)
    except _NOT_OF_THE_TYPE as error:
        row, value = _first_bad(text, dtype)
        raise MetadataError(
            f"column {column!r} has a value of another type in row {rows_before + row}",
            file=file,
            release=release,
            expected=str(dtype),
            found=repr(value),
            remedy=_REMEDY,
        ) from error


def _parse(text: pa.Array, dtype: pa.DataType) -> pa.Array:
    return text if text.type == dtype else _PARSERS[dtype](text)


def _mark(values: pa.ChunkedArray, whole: bool) -> dict[bytes, bytes] | None:
    """What a column's numbers look like, if not like what they are: 385 for a float, 29.0 for a whole number."""
    if values.type == pa.float64() and whole and values.null_count < len(values) and _fit_int64(values):
        return {WRITTEN_AS: b"int64"}
    if values.type == pa.int64() and not whole:
        return {WRITTEN_AS: b"double"}
    return None


def _fit_int64(values: pa.ChunkedArray) -> bool:
    extremes = pc.min_max(values).as_py()
    return bool(extremes["min"] >= -(2.0**63) and extremes["max"] < 2.0**63)


def _all_whole(text: pa.Array) -> bool:
    """Whether every value is a whole number, or none; mostly known after one value."""
    if text.type != pa.string():
        return True
    return all(
        pc.all(pc.match_substring_regex(values, _WHOLE_NUMBER), min_count=0).as_py() for values in (text[:1], text)
    )


def _first_bad(text: pa.Array, dtype: pa.DataType) -> tuple[int, str]:
    """Row (the first after the header is 1) and text of the first value that is not of the type."""
    for row, value in enumerate(text, start=1):
        try:
            _PARSERS[dtype](pa.array([value.as_py()], pa.string()))
        except _NOT_OF_THE_TYPE:
            return row, value.as_py()
    raise AssertionError("a column that cannot be parsed has a value that cannot be")


def _inferred(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column nobody described: int64, float64 or bool where every value is one, else text."""
    for dtype in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return pa.chunked_array([_parse(chunk, dtype) for chunk in text.chunks], dtype)
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
