"""What the tables are made of and asked: `vbn extract`, `vbn sql`, `vbn publish`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vbn_assets.cli.console import Size, counted, note, print_table
from vbn_assets.cli.options import ProjectOption, settings_of, workspace_of
from vbn_assets.errors import SettingsError, WarehouseError

if TYPE_CHECKING:
    import duckdb

    from vbn_assets.settings import Settings

SHOWN_ROWS = 60
"""A table longer than a screen or two is for a file or a pipe: `--format csv` gives all of it."""


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def extract(
    file: Annotated[Path, typer.Argument(metavar="FILE.nwb", help="An NWB file on this machine.", show_default=False)],
    project: ProjectOption = None,
) -> None:
    """Put an NWB file on disk into the lake and the warehouse.

    A file that a held release has is taken as that release's; any other becomes a file of no release. It may be
    an ecephys session, the LFP of a probe, an imaging plane (`--project vbo`), or a behavior session of either project,
    and is itself only read.

    Example: `vbn extract ~/ecephys_session_1044385384.nwb`
    """
    from vbn_assets.pipeline import extract_unreleased, require_sound

    if not file.is_file():
        raise SettingsError("is no file", file=str(file), remedy="Give the path of an NWB file.")
    workspace = workspace_of(project)
    started = time.monotonic()
    record = require_sound(extract_unreleased(workspace, file))
    made = [(table.table, table.rows, Size(table.bytes)) for table in record.tables.values()]
    print_table(f"{record.source.kind} {record.source.id}", ("table", "rows", "bytes"), made)
    belongs = f"release {record.source.release}" if record.source.release else "no known release"
    note(f"{counted(record.rows, 'row')} of {belongs} in {time.monotonic() - started:.1f} s")
    publish_warehouse(workspace.settings)


def publish() -> None:
    """Make warehouse.duckdb show what the lake has; all of it is made again if the file is gone.

    `vbn sync` and Dagster do this by themselves. Readers keep the file they opened until they open it again.
    """
    publish_warehouse(settings_of())


def sql(
    query: Annotated[str, typer.Argument(metavar="SQL", help="DuckDB SQL; `-` reads it from stdin.")],
    format: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="How to write the result; a file's ending says so too.", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="File to write to.", show_default=False)
    ] = None,
) -> None:
    """Ask the warehouse, read-only, in DuckDB's SQL.

    Examples:

    * `vbn sql "SHOW ALL TABLES"`
    * `vbn sql "SELECT structure_acronym, count(*) FROM vbn.units GROUP BY ALL ORDER BY ALL"`
    * `vbn sql "FROM vbn.trials" --output trials.parquet`
    * `vbn sql - --format csv < psth.sql`, a query in a file; docs/queries.md has a dozen
    """
    import duckdb

    from vbn_assets.warehouse.database import open_warehouse

    text = sys.stdin.read() if query == "-" else query
    format = format or _format_of(output)
    if format is Format.PARQUET and output is None:
        raise SettingsError("Parquet needs a file to be written to", remedy="Add --output FILE.")
    with open_warehouse(settings_of().warehouse_path) as con:
        try:
            answer = con.sql(text)
            if answer is not None:
                _write(answer, format, output)
        except duckdb.Error as error:
            said, _, _ = str(error).partition("\nLINE ")
            if isinstance(error, duckdb.IOException) and "/lake/" in said:
                raise WarehouseError(
                    f"a file of the lake is not where it was: {said}",
                    remedy="If the data folder moved, `vbn publish`; if the file is lost, `vbn sync --sessions ID`.",
                ) from error
            raise SettingsError(f"the query does not work: {said}") from error


def publish_warehouse(settings: Settings) -> None:
    """Publish, and say on stderr what came of it."""
    from vbn_assets.warehouse.publish import publish

    publication = publish(settings)
    how = f"published in {publication.seconds:.1f} s" if publication.changed else "is up to date"
    rows = sum(publication.tables.values())
    holds = f"{counted(rows, 'row')} in {counted(len(publication.tables), 'table')}, {Size(publication.bytes)}"
    note(f"{publication.path} {how}: {holds}")


def _format_of(output: Path | None) -> Format:
    """A table for people where nothing else is said; a file is for programs, and its ending says what it is."""
    if output is None:
        return Format.TABLE
    endings = {f".{format}": format for format in Format if format is not Format.TABLE}
    if output.suffix not in endings:
        raise SettingsError(
            "the file's ending does not say how to write the result",
            expected=" ".join(endings),
            found=output.name,
            remedy="Add --format; `table` is an excerpt for people.",
        )
    return endings[output.suffix]


def _write(answer: duckdb.DuckDBPyRelation, format: Format, output: Path | None) -> None:
    if output:
        _copy(answer, format, output)
    elif format is Format.TABLE:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
        answer.show(max_rows=SHOWN_ROWS, max_width=width)
    else:
        with tempfile.TemporaryDirectory(prefix="vbn-") as folder:
            whole = Path(folder) / "result"
            _copy(answer, format, whole)
            with whole.open("rb") as result:
                shutil.copyfileobj(result, sys.stdout.buffer)


def _copy(answer: duckdb.DuckDBPyRelation, format: Format, path: Path) -> None:
    from vbn_assets.warehouse.queries import text

    options = {Format.CSV: "FORMAT csv", Format.JSON: "FORMAT json, ARRAY true", Format.PARQUET: "FORMAT parquet"}
    if format is Format.TABLE:
        path.write_text(str(answer))
    else:
        answer.query("answer", f"COPY answer TO {text(str(path))} ({options[format]})")
