"""docs/from-allensdk.md: every query in it can be asked and answers, every call can be made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache as ProjectCache
from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets_tests.client.conftest import load, manifest

DOCS = Path(__file__).parents[2] / "docs" / "from-allensdk.md"
ROW = re.compile(r"^\| (?P<call>.+?) \| (?P<answer>.+?) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")
QUERY = re.compile(r"^(FROM|SELECT) ")


def queries() -> list[str]:
    text = DOCS.read_text()
    in_tables = [code for row in ROW.finditer(text) for code in CODE.findall(row["answer"]) if QUERY.match(code)]
    return in_tables + re.findall(r"```sql\n(.*?)```", text, re.DOTALL)


def calls() -> list[str]:
    return [code for row in ROW.finditer(DOCS.read_text()) for code in CODE.findall(row["call"])]


@pytest.fixture(scope="module")
def names(ecephys_session: Callable[[str, int], BehaviorEcephysSession], cache: ProjectCache) -> dict[str, object]:
    """What the names in the calls mean; everything that the queries are about is held then."""
    load(cache, "0.4.0")
    ecephys_session("0.5.0", 1100000102)
    cache.get_behavior_session(1100000213)
    session = ecephys_session("0.5.0", 1100000104)
    session.get_lfp(1100000308)
    releases = {"a": manifest("0.4.0"), "b": manifest("0.5.0")}
    unit_id = session.get_units().index[0]
    return {"cache": cache, "session": session, "probe_id": 1100000308, "unit_id": unit_id, **releases}


def test_there_is_something_to_ask() -> None:
    assert len(queries()) > 45
    assert len(calls()) > 40


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("call", calls())
def test_every_call_gives_something(names: dict[str, object], cache: ProjectCache, call: str) -> None:
    load(cache, "0.5.0")
    id = 1100000203 if "get_behavior_session(" in call else 1100000102
    answer = eval(call, {**names, "id": id})
    assert answer is not None or call.startswith("cache.load_manifest")


@pytest.mark.parametrize("query", queries())
def test_every_query_answers(names: dict[str, object], cache: ProjectCache, query: str) -> None:
    assert len(cache.sql(query))
