"""Schema `vb`: what the projects have in common, as one table each.

`vb.trials` is `vbn.trials` and `vbo.trials` one below the other, with the project and the mouse before them; so is
every table and view that all projects have, and `vb.behavior_sessions`, for which each project has a query of its own
(sql/behavior_sessions_<project>.sql). Nothing is stored: these are views of the projects' schemas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from vbn_assets.projects import PROJECTS, Project
from vbn_assets.tables import Column, Table, View
from vbn_assets.tables.model import STR
from vbn_assets.warehouse.comments import comments
from vbn_assets.warehouse.queries import query, quoted, text

SCHEMA = "vb"
BEHAVIOR_SESSIONS = "behavior_sessions"
DESCRIPTION = "Every behavior session of every project, with what they say alike of it."

PROJECT = Column("project", STR, "vbn or vbo")
MOUSE = Column("mouse_id", STR, "LabTracks id of the mouse, as text")


def create_views_of_all_projects(con: duckdb.DuckDBPyConnection, projects: Sequence[Project]) -> None:
    """Make the schema anew; those of the projects must be there."""
    con.execute("BEGIN")
    con.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
    con.execute(f"CREATE SCHEMA {SCHEMA}")
    sessions = [project.tables[project.kind("behavior_session").table] for project in projects]
    _create(con, BEHAVIOR_SESSIONS, [_behavior_sessions(project) for project in projects], DESCRIPTION, sessions)
    for name, described in shared().items():
        everywhere = [project.tables.get(name) or project.views[name] for project in projects]
        _create(con, name, [_rows(project, described) for project in projects], described.description, everywhere)
    con.execute("COMMIT")


def shared() -> Mapping[str, Table | View]:
    """The tables and views that all projects have, in the settings or not, as the first of them describes them."""
    everything: list[dict[str, Table | View]] = [{**project.tables, **project.views} for project in PROJECTS.values()]
    return {name: each for name, each in everything[0].items() if all(name in others for others in everything)}


def _create(
    con: duckdb.DuckDBPyConnection,
    name: str,
    queries: Sequence[str],
    description: str,
    everywhere: Iterable[Table | View],
) -> None:
    view = f"{SCHEMA}.{quoted(name)}"
    con.execute(f"CREATE VIEW {view} AS {' UNION ALL BY NAME '.join(queries)}")
    described = {column.name: column for each in everywhere for column in each.columns}
    described |= {PROJECT.name: PROJECT, MOUSE.name: MOUSE}
    shown = [row[0] for row in con.execute(f"DESCRIBE {view}").fetchall()]
    con.execute(comments("VIEW", view, description, [described[name] for name in shown if name in described]))


def _behavior_sessions(project: Project) -> str:
    body = query(f"behavior_sessions_{project.name}.sql").format(schema=quoted(project.name))
    return f"SELECT {text(project.name)} AS project, * FROM ({body.rstrip()})"


def _rows(project: Project, described: Table | View) -> str:
    """One project's rows; of a session's tables with the mouse first."""
    table = f"{quoted(project.name)}.{quoted(described.name)}"
    columns = {column.name for column in described.columns}
    if "project" in columns:
        return f"SELECT * FROM {table}"
    # A file may have columns of these names too: they are in the project's own schema.
    others = "COLUMNS(lambda name: lower(name) NOT IN ('project', 'mouse_id'))"
    if "mouse_id" in columns:
        return f"SELECT {text(project.name)} AS project, mouse_id, {others} FROM {table}"
    rows = f"(SELECT {others} FROM {table}) AS rows"
    if "behavior_session_id" not in columns:
        return f"SELECT {text(project.name)} AS project, * FROM {rows}"
    mice = f"(SELECT behavior_session_id, mouse_id FROM ({_behavior_sessions(project)})) AS mice"
    return (
        f"SELECT {text(project.name)} AS project, mice.mouse_id, rows.* "
        f"FROM {rows} LEFT JOIN {mice} ON mice.behavior_session_id = rows.behavior_session_id"
    )
