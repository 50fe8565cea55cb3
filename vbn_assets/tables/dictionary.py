"""The data dictionary, docs/tables.md, made from the descriptions: `make docs`.

What it says of a table stands in the table's description; what it says of all of them in introduction.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

import pyarrow as pa

from vbn_assets.projects import PROJECTS
from vbn_assets.tables import (
    behavior,
    defects,
    ecephys,
    eye_tracking,
    images,
    lfp,
    macros,
    ophys,
    releases,
    task,
    vbn_metadata,
    vbo_metadata,
)
from vbn_assets.tables.defects import Defect, known_defects
from vbn_assets.tables.model import Column, Entity, Macro, Parameter, Storage, Table, View


@dataclass(frozen=True)
class Topic:
    """Tables that a reader looks for together, described as they are before a project adds the id of its recordings."""

    title: str
    text: str
    tables: tuple[Table, ...]
    views: tuple[View, ...] = ()


TOPICS = (
    Topic(
        "What a VBN release says of its sessions, probes and units",
        "The metadata tables of a release, with everything that is published, whether you hold its files or not. "
        "`vbn.units_of_releases` and its like have the rows of every release held, with a column `release` before.",
        vbn_metadata.TABLES,
        vbn_metadata.VIEWS,
    ),
    Topic(
        "What a VBO release says of its sessions, imaging planes and cells",
        "The same of VBO. AllenSDK refuses the releases before 1.0.0; they are here all the same, as far as they go.",
        vbo_metadata.TABLES,
    ),
    Topic(
        "What the mouse saw and did",
        "From every session's file. The planes of an ophys session are of one mouse: its behavior is here once.",
        behavior.TABLES,
    ),
    Topic(
        "The task, and how well it was done",
        "Parameters of the change detection task and the performance that AllenSDK computes from the trials.",
        task.TABLES,
        task.VIEWS,
    ),
    Topic(
        "Eye tracking",
        "Only of sessions whose camera worked; there is no row of the others.",
        eye_tracking.TABLES,
    ),
    Topic(
        "Images",
        "Sessions show the same images: each is kept once.",
        (*images.TABLES, *images.SHARED),
        images.VIEWS,
    ),
    Topic("What the probes recorded", "From ecephys session files.", ecephys.TABLES, ecephys.VIEWS),
    Topic(
        "Local field potential",
        "From a probe's LFP file, which is held only if asked for (`VBN_LFP`, `vbn sync --lfp`).",
        lfp.TABLES,
        lfp.VIEWS,
    ),
    Topic(
        "What the microscope recorded",
        "From the files of ophys experiments, as single imaging planes are called.",
        ophys.TABLES,
        ophys.VIEWS,
    ),
    Topic(
        "Releases, and where each row is from",
        "`FROM vbn.release_diff('0.4.0', '0.5.0')` tells every file, column and value of the metadata tables that "
        "differs between two releases held: `what` (file, column or row), `table_name` (or the file's kind), `id`, "
        "`column_name`, `change` (added, removed, changed; moved: the same bytes under another key), `before`, "
        "`after`, and the `ecephys_session_id` (VBO: `ophys_session_id`) and `behavior_session_id` it is about. "
        "A `file_id` is another in each release: that it changed says nothing.",
        releases.TABLES,
    ),
    Topic(
        "Known defects",
        "Nothing is corrected silently: values stay as released. These tables say what is wrong, and the views have "
        "columns beside the released ones by which to exclude or correct it. Dagster warns with the ids that "
        "it finds.",
        defects.TABLES,
        (*defects.VIEWS, *defects.VBN_VIEWS),
    ),
)

MACROS = (macros.BIN_COUNT, *macros.SPIKES, *macros.TRACES, *macros.OPHYS_TRACES)

_SQL_TYPES = {
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.uint8(): "UTINYINT",
    pa.bool_(): "BOOLEAN",
    pa.string(): "VARCHAR",
}

_SOURCES = {
    Entity.ECEPHYS_SESSION: "ecephys session files",
    Entity.BEHAVIOR_SESSION: "every session's file",
    Entity.ECEPHYS_PROBE: "probe LFP files",
    Entity.OPHYS_EXPERIMENT: "ophys experiment files",
    Entity.IMAGE: "every session's file",
}


def dictionary() -> str:
    """The whole of docs/tables.md."""
    introduction = resources.files("vbn_assets.tables").joinpath("introduction.md").read_text()
    parts = [introduction.rstrip(), _contents(), *(_topic(topic) for topic in TOPICS), _macros(), _defects()]
    return "\n\n".join(parts) + "\n"


def sql_type(type: pa.DataType) -> str:
    """The DuckDB type that holds an Arrow type."""
    if pa.types.is_list(type):
        return f"{sql_type(type.value_type)}[]"
    if pa.types.is_struct(type):
        return f"STRUCT({', '.join(f'{field.name} {sql_type(field.type)}' for field in type)})"
    if pa.types.is_timestamp(type):
        return "TIMESTAMP WITH TIME ZONE"
    return _SQL_TYPES[type]


def _contents() -> str:
    lines = ["## Contents", ""]
    for topic in TOPICS:
        entries = [*(table.name for table in topic.tables), *(view.name for view in topic.views)]
        names = " · ".join(f"[`{name}`](#{name})" for name in entries)
        lines.append(f"- **{topic.title}**: {names}")
    names = " · ".join(f"[`{macro.name}`](#{macro.name})" for macro in MACROS)
    lines.append(f"- **Around events**: {names}")
    return "\n".join(lines)


def _topic(topic: Topic) -> str:
    return "\n\n".join(
        [f"## {topic.title}", topic.text, *(_table(table) for table in topic.tables), *map(_view, topic.views)]
    )


def _table(table: Table) -> str:
    columns = _columns(table.columns, table.key, _recordings(table))
    parts = [f"### {table.name}", table.description, "\n".join(_facts(table)), "\n".join(columns)]
    return "\n\n".join(part for part in parts if part)


def _facts(table: Table) -> Iterator[str]:
    yield f"- In {_listed(_in_projects(table))}"
    if table.key:
        yield f"- One row for each {_listed(table.key)}"
    if table.allensdk:
        yield f"- AllenSDK: `{table.allensdk}`"
    if table.entity is Entity.FILE:
        yield f"- Source: `{table.name}.csv`, its columns under their names"
    elif table.entity is not Entity.RELEASE:
        yield f"- Source: {_SOURCES[table.entity]}"
    if table.storage is Storage.VIEW:
        sparing = "" if table.entity is Entity.FILE else ": ask for a session, and only its rows are read"
        yield f"- Kept as Parquet{sparing}"
    concerned = [d.name for d in known_defects().values() if any(c.startswith(f"{table.name}.") for c in d.columns)]
    if concerned:
        yield "- Known defects: " + ", ".join(f"[{name}](#{name})" for name in concerned)


def _in_projects(described: Table | View) -> dict[str, tuple[Column, ...]]:
    """The columns that a table or view has in each project that has it."""
    found = {
        name: project.tables.get(described.name) or project.views.get(described.name)
        for name, project in PROJECTS.items()
    }
    return {name: here.columns for name, here in found.items() if here}


def _columns(
    columns: Iterable[Column], key: Collection[str] = (), recordings: Iterable[tuple[str, ...]] = ()
) -> Iterator[str]:
    """A Markdown table; without the unit or the source where no column has one. `recordings` are rows before a
    behavior session's."""
    headings = ("column", "type", "unit", "null", "meaning", "source")
    rows: list[tuple[str, ...]] = []
    for column in columns:
        if column.name == "behavior_session_id":
            rows += recordings
        rows.append(_cells(column, key))
    shown = [i for i in range(len(headings)) if any(row[i] for row in rows)]
    yield _row(headings[i] for i in shown)
    yield _row("---" for _ in shown)
    for row in rows:
        yield _row(row[i] for i in shown)


def _recordings(described: Table | View) -> Iterator[tuple[str, ...]]:
    """The columns that only the projects add, each with its project's name."""
    own = {column.name for column in described.columns}
    for project, columns in _in_projects(described).items():
        for column in columns:
            if column.name not in own:
                name, *cells = _cells(column, ())
                yield f"{name} ({project})", *cells


def _cells(column: Column, key: Collection[str]) -> tuple[str, ...]:
    name = f"**`{column.name}`**" if column.name in key else f"`{column.name}`"
    null = "absent in some files" if column.optional else "yes" if column.nullable else "no"
    source = f"`{column.source}`" if column.source else ""
    return name, sql_type(column.type), column.unit or "", null, column.description, source


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _view(view: View) -> str:
    facts = [f"- In {_listed(_in_projects(view))}", f"- A view: vbn_assets/warehouse/sql/{view.sql}"]
    if view.allensdk:
        facts.append(f"- AllenSDK: `{view.allensdk}`")
    if view.beside:
        all_columns = f"The columns of [`{view.beside.name}`](#{view.beside.name})"
        facts.append(f"- {all_columns}{', and' if view.own_columns else ''}")
    parts = [f"### {view.name}", view.description, "\n".join(facts)]
    return "\n\n".join(
        [*parts, "\n".join(_columns(view.own_columns, recordings=_recordings(view)))] if view.own_columns else parts
    )


def _macros() -> str:
    introduction = resources.files("vbn_assets.tables").joinpath("macros.md").read_text()
    return "\n\n".join([introduction.rstrip(), *map(_macro, MACROS)])


def _macro(macro: Macro) -> str:
    call = f"{macro.name}({', '.join(map(_parameter, macro.parameters))})"
    given = ["| parameter | unit | meaning |", "| --- | --- | --- |"]
    given += [_row((f"`{p.name}`", p.unit or "", p.description)) for p in macro.parameters]
    schemas = [name for name, project in PROJECTS.items() if macro.name in project.macros]
    facts = f"- In {_listed(schemas)}\n- `{call}`: vbn_assets/warehouse/sql/{macro.sql}"
    parts = [f"### {macro.name}", macro.description.rstrip(), facts]
    parts.append("\n".join(given))
    if macro.is_table:
        parts += ["It has the columns of the events, and", "\n".join(_columns(macro.columns))]
    return "\n\n".join(parts)


def _parameter(parameter: Parameter) -> str:
    return f"{parameter.name} := {parameter.default}" if parameter.default else parameter.name


def _defects() -> str:
    return "\n\n".join(["## The known defects", *(_defect(defect) for defect in known_defects().values())])


def _defect(defect: Defect) -> str:
    first, last = defect.first_release or "the first", defect.last_release or "the latest"
    facts = [
        f"- Columns: {_listed(defect.columns)}",
        f"- Releases: {first} to {last}" if defect.first_release or defect.last_release else "- Releases: all",
    ]
    if defect.ids:
        facts.append(f"- {defect.kind}: {', '.join(map(str, defect.ids))}")
    facts += [f"- What to do: {defect.remedy}", f"- Source: {defect.source}"]
    return "\n\n".join([f"### {defect.name}", defect.description, "\n".join(facts)])


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    print(dictionary(), end="")
