"""What must be true of a release's tables and of a session's, asked of the Parquet files before anyone sees them.

Each claim is a query in sql/claims that selects the rows contradicting it; that keys are unique and not null
follows from the table descriptions. A record with a broken claim is kept but never published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from vbn_assets.tables import TABLES, Table
from vbn_assets.warehouse.lake import Claim, Lake, TableFile
from vbn_assets.warehouse.queries import query, quoted, text

SHOWN_VIOLATIONS = 5


@dataclass(frozen=True)
class ClaimQuery:
    """A claim about `table`: its name is also its query's in sql/claims."""

    name: str
    table: str
    description: str


RELEASE_CLAIMS: tuple[ClaimQuery, ...] = (
    ClaimQuery("every_unit_has_its_channel", "units", "The channel of every unit is in channels"),
    ClaimQuery("every_channel_has_its_probe", "channels", "The probe of every channel is in probes"),
    ClaimQuery("every_probe_has_its_session", "probes", "The session of every probe is in ecephys_sessions"),
)

SESSION_CLAIMS: tuple[ClaimQuery, ...] = (
    ClaimQuery("every_session_unit_has_its_channel", "session_units", "The peak channel of every unit is in the file"),
    ClaimQuery("every_session_channel_has_its_probe", "session_channels", "The probe of every channel is in the file"),
    ClaimQuery("spike_counts_equal_the_index", "spike_times", "Every unit has as many spikes as the file's index says"),
)

UNIT_COUNT = ClaimQuery("unit_count_equals_the_release", "session_units", "The file has as many units as units.csv")


def key_claim_name(table: Table) -> str:
    return f"{table.name}_key_is_unique"


def check_release(lake: Lake, files: Mapping[str, TableFile]) -> tuple[Claim, ...]:
    """The claims about a release's metadata tables."""
    with _connected(lake, files) as con:
        return (*_check_keys(con, files), *_check(con, RELEASE_CLAIMS))


def check_session(
    lake: Lake,
    files: Mapping[str, TableFile],
    session_id: int,
    indexed_spikes: pa.Table,
    released_units: TableFile | None,
) -> tuple[Claim, ...]:
    """The claims about one ecephys session's tables.

    `indexed_spikes` (unit_id, spikes) is what the NWB file's own index says; `released_units` the units table of
    the release, or None for a file of no release.
    """
    with _connected(lake, files) as con:
        con.register("indexed_spikes", indexed_spikes)
        queries = SESSION_CLAIMS
        if released_units:
            _create_view(con, lake, "released_units", released_units)
            con.execute("SET VARIABLE session = ?", [session_id])
            queries = (*queries, UNIT_COUNT)
        return (*_check_keys(con, files), *_check(con, queries))


def _connected(lake: Lake, files: Mapping[str, TableFile]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    for name, file in files.items():
        _create_view(con, lake, name, file)
    return con


def _create_view(con: duckdb.DuckDBPyConnection, lake: Lake, name: str, file: TableFile) -> None:
    path = text(str(lake.path(file)))
    con.execute(f"CREATE VIEW {quoted(name)} AS FROM read_parquet({path}, hive_partitioning = false)")


def _check(con: duckdb.DuckDBPyConnection, queries: Iterable[ClaimQuery]) -> tuple[Claim, ...]:
    return tuple(_claim(con, claim, query(f"claims/{claim.name}.sql")) for claim in queries)


def _check_keys(con: duckdb.DuckDBPyConnection, files: Mapping[str, TableFile]) -> tuple[Claim, ...]:
    claims = []
    for table in (TABLES[name] for name in files):
        key = [name for name in table.key if not (table.entity.is_column and name == table.entity)]
        if table.key:
            claim = ClaimQuery(key_claim_name(table), table.name, f"({', '.join(table.key)}) is unique and never null")
            claims.append(_claim(con, claim, _duplicates(table, key)))
    return tuple(claims)


def _duplicates(table: Table, key: list[str]) -> str:
    if not key:
        return f"SELECT count(*) AS rows FROM {quoted(table.name)} HAVING count(*) > 1"
    columns = ", ".join(map(quoted, key))
    null = " OR ".join(f"{quoted(name)} IS NULL" for name in key)
    return (
        f"SELECT {columns}, count(*) AS rows FROM {quoted(table.name)} GROUP BY {columns} HAVING count(*) > 1 OR {null}"
    )


def _claim(con: duckdb.DuckDBPyConnection, claim: ClaimQuery, sql: str) -> Claim:
    cursor = con.execute(f"FROM ({sql.rstrip().rstrip(';')}) LIMIT {SHOWN_VIOLATIONS}")
    names = [column[0] for column in cursor.description or ()]
    violations = tuple(
        ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True)) for row in cursor.fetchall()
    )
    return Claim(claim.name, not violations, claim.table, claim.description, violations)
