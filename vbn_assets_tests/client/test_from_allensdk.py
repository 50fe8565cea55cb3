"""docs/from-allensdk.md: every query in it can be asked and answers, every call on a session can be made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets.pipeline import Workspace, extract_file, refresh_release
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.settings import Settings
from vbn_assets.warehouse.database import open_warehouse
from vbn_assets.warehouse.publish import publish

DOCS = Path(__file__).parents[2] / "docs" / "from-allensdk.md"
ROW = re.compile(r"^\| (?P<call>.+?) \| (?P<answer>.+?) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
QUERY = re.compile(r"^(FROM|SELECT) ")

NAMES = {"probe_id": 1100000308, "unit_id": 1100006000}
HELD = (("ecephys_session", "1100000102"), ("ecephys_session", "1100000104"), ("behavior_session", "1100000213"))


def queries() -> list[str]:
    text = DOCS.read_text()
    in_tables = [code for row in ROW.finditer(text) for code in CODE.findall(row["answer"]) if QUERY.match(code)]
    return in_tables + re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def calls() -> list[str]:
    return [code for row in ROW.finditer(DOCS.read_text()) for code in CODE.findall(row["call"])]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Path:
    """Two releases, and of the newer one some sessions and the LFP of a probe."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"), endpoint_url=sample_bucket.endpoint)
    workspace = Workspace(settings, VBN)
    for version in ("0.4.0", "0.5.0"):
        refresh_release(workspace, version)
    for kind, id in (*HELD, ("probe_lfp", str(NAMES["probe_id"]))):
        file = workspace.session_file(id, VBN.kind(kind))
        extract_file(workspace, workspace.mirror.fetch(file).path, file)
    publish(settings)
    return settings.warehouse_path


def test_there_is_something_to_ask() -> None:
    assert len(queries()) > 40
    assert len([call for call in calls() if call.startswith("session.")]) > 30


@pytest.mark.parametrize("query", queries())
def test_every_query_answers(warehouse: Path, query: str) -> None:
    with open_warehouse(warehouse) as con:
        assert con.execute(query).fetchone()


@pytest.mark.parametrize("call", [call for call in calls() if call.startswith("session.")])
def test_every_call_on_a_session_gives_something(
    ecephys_session: Callable[[str, int], BehaviorEcephysSession], call: str
) -> None:
    session = ecephys_session("0.5.0", 1100000104)
    unit_id = session.get_units().index[0]
    assert eval(call, {**NAMES, "session": session, "unit_id": unit_id}) is not None
