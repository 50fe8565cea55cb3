"""What must be true of a release's tables and of a data file's, asked of the Parquet files before anyone sees them.

Each claim is a query in sql/claims that selects the rows contradicting it; that keys are unique and not null
follows from the table descriptions. A record with a broken claim is kept but never published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from vbn_assets.projects import Project
from vbn_assets.tables import Table
from vbn_assets.warehouse.lake import Claim, Lake, Source, TableFile
from vbn_assets.warehouse.queries import query, quoted, text

SHOWN_VIOLATIONS = 5


@dataclass(frozen=True)
class ClaimQuery:
    """A claim about `table`: its name is also its query's in sql/claims."""

    name: str
    table: str
    description: str


RELEASE_CLAIMS: dict[str, tuple[ClaimQuery, ...]] = {
    "vbn": (
        ClaimQuery("every_unit_has_its_channel", "units", "The channel of every unit is in channels"),
        ClaimQuery("every_channel_has_its_probe", "channels", "The probe of every channel is in probes"),
        ClaimQuery("every_probe_has_its_session", "probes", "The session of every probe is in ecephys_sessions"),
    ),
    "vbo": (
        ClaimQuery(
            "every_ophys_session_has_its_behavior_session",
            "ophys_session_table",
            "The behavior session of every ophys session is in behavior_session_table",
        ),
        ClaimQuery(
            "every_experiment_has_its_behavior_session",
            "ophys_experiment_table",
            "The behavior session of every imaging plane is in behavior_session_table",
        ),
    ),
}
"""What must be true of the metadata tables of a release, by its project."""

BEHAVIOR_CLAIMS: tuple[ClaimQuery, ...] = (
    ClaimQuery("every_trial_has_its_performance", "rolling_performance", "Rolling performance has the trials' rows"),
    ClaimQuery("every_presentation_has_its_trial", "stimulus_presentations", "The trial of every one is in the file"),
)

SESSION_CLAIMS: tuple[ClaimQuery, ...] = (
    ClaimQuery("every_session_unit_has_its_channel", "session_units", "The peak channel of every unit is in the file"),
    ClaimQuery("every_session_channel_has_its_probe", "session_channels", "The probe of every channel is in the file"),
    ClaimQuery("spike_counts_equal_the_index", "spike_times", "Every unit has as many spikes as the file's index says"),
    *BEHAVIOR_CLAIMS,
)

LFP_CLAIMS: tuple[ClaimQuery, ...] = (
    ClaimQuery("every_lfp_channel_has_all_blocks", "lfp", "Every channel has as many blocks as there are times for"),
    ClaimQuery(
        "every_lfp_channel_is_described", "lfp_channels", "Every channel of the LFP is in the file's electrodes"
    ),
)

OPHYS_CLAIMS: tuple[ClaimQuery, ...] = (
    *BEHAVIOR_CLAIMS,
    ClaimQuery(
        "every_cell_has_its_traces", "cell_specimen_table", "Every cell has traces and a mask, and no other ROI has"
    ),
    ClaimQuery("every_trace_has_its_times", "ophys_timestamps", "Every frame of a trace has a time"),
)

FILE_CLAIMS: dict[str, tuple[ClaimQuery, ...]] = {
    "ecephys_session": SESSION_CLAIMS,
    "behavior_session": BEHAVIOR_CLAIMS,
    "probe_lfp": LFP_CLAIMS,
    "ophys_experiment": OPHYS_CLAIMS,
}
"""What must be true of the tables of a data file, by its kind; `UNIT_COUNT` too where the release is known."""

UNIT_COUNT = ClaimQuery("unit_count_equals_the_release", "session_units", "The file has as many units as units.csv")


def key_claim_name(table: Table) -> str:
    return f"{table.name}_key_is_unique"


def check_release(project: Project, lake: Lake, files: Mapping[str, TableFile]) -> tuple[Claim, ...]:
    """The claims about a release's metadata tables. Of a table that it lacks every claim holds."""
    with _connected(lake, files) as con:
        tables = [project.tables[name] for name in project.metadata_tables]
        for table in tables:
            if table.name not in files:
                con.register(table.name, table.schema.empty_table())
        return (*_check_keys(con, tables), *_check(con, RELEASE_CLAIMS[project.name]))


def check_file(
    project: Project,
    lake: Lake,
    source: Source,
    files: Mapping[str, TableFile],
    *,
    counted: Mapping[str, pa.Table],
    released_units: TableFile | None,
) -> tuple[Claim, ...]:
    """The claims about the tables of one data file.

    `counted` are what the file's own indexes say, by the names under which the queries know them: for an ecephys
    session `indexed_spikes` (unit_id, spikes). `released_units` is the units table of the release, or None where a
    file has no units or no release.
    """
    with _connected(lake, files) as con:
        for name, rows in counted.items():
            con.register(name, rows)
        queries = FILE_CLAIMS[source.kind]
        if released_units:
            _create_view(con, lake, "released_units", released_units)
            con.execute("SET VARIABLE session = ?", [source.ids["ecephys_session_id"]])
            queries = (*queries, UNIT_COUNT)
        tables = [project.tables[name] for name in files]
        return (*_check_keys(con, tables), *_check(con, queries))


def together(name: str, table: str, description: str, claims: Iterable[tuple[str, Claim]]) -> Claim:
    """Several claims as one, which holds if each does; violations start with what their claim came with."""
    claims = list(claims)
    violations = tuple(f"{about}: {what}" for about, claim in claims for what in claim.violations)
    return Claim(name, all(claim.holds for _, claim in claims), table, description, violations)


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


def _check_keys(con: duckdb.DuckDBPyConnection, tables: Iterable[Table]) -> tuple[Claim, ...]:
    claims = []
    for table in tables:
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
