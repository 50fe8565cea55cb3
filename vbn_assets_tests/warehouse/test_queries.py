"""Every query of docs/queries.md has an answer on the packaged sample."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from vbn_assets.pipeline import Workspace, extract_file, refresh_release, require_sound
from vbn_assets.projects import VBN, VBO
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish

DOCS = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()
QUERIES = dict(re.findall(r"^## (.*?)$.*?```sql\n(.*?)```", DOCS, re.DOTALL | re.MULTILINE))
ON_THE_COMMAND_LINE = re.findall(r'vbn sql "(WITH .*?)"', DOCS, re.DOTALL)


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Iterator[duckdb.DuckDBPyConnection]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("queries"), endpoint_url=sample_bucket.endpoint)
    for project, version in ((VBN, "0.5.0"), (VBO, "1.1.0")):
        workspace = Workspace(settings, project)
        refresh_release(workspace, version)
        for file in workspace.release(version).data.values():
            if file.kind == project.session_kind:
                require_sound(extract_file(workspace, workspace.mirror.fetch(file).path, file))
    publish(settings)
    with open_warehouse(settings.warehouse_path) as con:
        yield con


def test_there_is_a_query_under_each_heading() -> None:
    assert len(QUERIES) == DOCS.count("\n## ") >= 10
    assert len(ON_THE_COMMAND_LINE) == 1


@pytest.mark.parametrize("query", [*QUERIES.values(), *ON_THE_COMMAND_LINE], ids=[*QUERIES, "vbn sql"])
def test_it_has_an_answer(con: duckdb.DuckDBPyConnection, query: str) -> None:
    answer = con.execute(query).fetchall()
    assert len(answer) > 1
    assert not any(all(value is None for value in column) for column in zip(*answer, strict=True))
