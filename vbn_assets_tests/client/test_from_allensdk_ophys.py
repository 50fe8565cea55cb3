"""docs/from-allensdk-ophys.md: every query in it can be asked and answers, every call can be made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vbn_assets.client import VisualBehaviorOphysProjectCache
from vbn_assets.sample.process import SampleProcess
from vbn_assets_tests.client.test_from_allensdk import CODE, QUERY, ROW

DOCS = Path(__file__).parents[2] / "docs" / "from-allensdk-ophys.md"
TEXT = DOCS.read_text()
CALLS = [code for row in ROW.finditer(TEXT) for code in CODE.findall(row["call"])]
QUERIES = [code for row in ROW.finditer(TEXT) for code in CODE.findall(row["answer"]) if QUERY.match(code)]
QUERIES += re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> dict[str, object]:
    """What the names in the calls mean."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("VBN_DATA_DIR", raising=False)
        environment.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
        cache = VisualBehaviorOphysProjectCache.from_s3_cache(tmp_path_factory.mktemp("ophys") / "cache")
    plane = cache.get_behavior_ophys_experiment(1100009101)
    return {"cache": cache, "plane": plane, "id": 1100009101, "behavior_session_id": 1100009001}


def test_there_is_something_to_ask() -> None:
    assert len(QUERIES) > 22
    assert len(CALLS) > 20


@pytest.mark.parametrize("call", CALLS)
def test_every_call_gives_something(names: dict[str, object], call: str) -> None:
    assert eval(call, dict(names)) is not None


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_answers(names: dict[str, object], query: str) -> None:
    cache = names["cache"]
    assert isinstance(cache, VisualBehaviorOphysProjectCache)
    assert len(cache.sql(query))
