"""The macros of a project in one schema of the warehouse. What they are is described in `vbn_assets.tables.macros`."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from vbn_assets.tables import Macro
from vbn_assets.warehouse.queries import query, quoted, text


def create_macros(con: duckdb.DuckDBPyConnection, macros: Mapping[str, Macro], schema: str) -> None:
    """Make the macros, each with its description as comment. A macro that another one calls has to come before it."""
    for macro in macros.values():
        name = f"{quoted(schema)}.{quoted(macro.name)}"
        parameters = ", ".join(_parameters(macro, schema))
        body = query(macro.sql).format(schema=quoted(schema))
        con.execute(f"CREATE OR REPLACE MACRO {name}({parameters}) AS {'TABLE ' if macro.is_table else ''}{body}")
        con.execute(f"COMMENT ON MACRO {'TABLE ' if macro.is_table else ''}{name} IS {text(macro.description)}")


def _parameters(macro: Macro, schema: str) -> list[str]:
    """Each parameter's name, with the table of this schema that it names by default."""
    return [
        f"{parameter.name} := {text(f'{quoted(schema)}.{quoted(parameter.default)}')}"
        if parameter.default
        else parameter.name
        for parameter in macro.parameters
    ]
