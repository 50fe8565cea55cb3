"""Sessions that are not held: fetched, verified and read once, however many ask; and which file answers which id."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache
from vbn_assets.client.behavior_session import BehaviorSession
from vbn_assets.client.ecephys_session import BehaviorEcephysSession
from vbn_assets_tests.client.conftest import manifest

Cache = VisualBehaviorNeuropixelsProjectCache

OPEN = """
import sys
from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache
cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache(sys.argv[1])
print(len(cache.get_ecephys_session(1100000102).trials))
"""


@pytest.fixture
def copied(opened: Path, folder: Path) -> Path:
    return Path(shutil.copytree(opened, folder, symlinks=True))


def test_processes_that_ask_at_once_read_it_once(copied: Path) -> None:
    asking = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(copied)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    answers = [process.communicate() for process in asking]
    assert answers[0] == answers[1]
    assert (answers[0][1], int(answers[0][0]) > 0) == (b"", True)
    assert len(list(copied.glob("lake/vbn/trials/*/*.parquet"))) == 1
    assert len(list(copied.glob("lake/vbn/files/ecephys_session=1100000102/*"))) == 1
    assert not list(copied.glob(".download/*"))


def test_a_session_that_is_held_needs_no_file(copied: Path) -> None:
    cache = Cache.from_s3_cache(copied)
    first = cache.get_ecephys_session(1100000102)
    for file in copied.rglob("*.nwb"):
        file.unlink()
    again = Cache.from_local_cache(copied).get_ecephys_session(1100000102)
    assert isinstance(again, BehaviorEcephysSession)
    assert again.trials.equals(first.trials)


def test_lfp_comes_when_it_is_asked_for(copied: Path) -> None:
    session = Cache.from_s3_cache(copied).get_ecephys_session(1100000102)
    assert session.probes["has_lfp_data"].tolist() == [True, False]
    assert not list(copied.rglob("*lfp.nwb"))
    lfp = session.get_lfp(session.probes.index[0])
    assert lfp is not None
    assert list(copied.rglob("*lfp.nwb"))


def test_a_behavior_session_is_its_own_file_or_half_of_an_ecephys_session(copied: Path) -> None:
    cache = Cache.from_s3_cache(copied)
    own = cache.get_behavior_session(1100000213)
    assert type(own) is BehaviorSession
    assert own.behavior_session_id == 1100000213
    assert not list(copied.rglob("ecephys_session_*.nwb"))
    half = cache.get_behavior_session(1100000202)
    assert type(half) is BehaviorSession
    assert half.behavior_session_id == 1100000202
    assert cache.get_behavior_session_url(1100000202) == cache.get_ecephys_session_url(1100000102)
    assert "behavior_session_1100000213.nwb" in cache.get_behavior_session_url(1100000213)


def test_before_0_4_0_a_behavior_session_is_half_of_an_ecephys_session(copied: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cache = Cache.from_s3_cache(copied, manifest_name=manifest("0.3.0"))
    assert cache.get_behavior_session(1100000202).behavior_session_id == 1100000202
    assert not cache.get_ecephys_session(1100000102).probes["has_lfp_data"].any()
    with pytest.raises(ValueError, match="Is not a data file listed in manifest"):
        cache.get_probe_lfp_url(int(cache.get_probe_table().index[0]))


def test_a_session_object_keeps_its_release(copied: Path) -> None:
    cache = Cache.from_s3_cache(copied)
    session = cache.get_ecephys_session(1100000102)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cache.load_manifest(manifest("0.3.0"))
    assert session.probes["has_lfp_data"].tolist() == [True, False]


def test_an_unknown_id_is_said_before_anything_is_fetched(copied: Path) -> None:
    cache = Cache.from_s3_cache(copied)
    for ask in (cache.get_ecephys_session, cache.get_ecephys_session_url):
        with pytest.raises(RuntimeError, match=r"No indexed rows found for id=1100000120\. The nearest of"):
            ask(1100000120)
    with pytest.raises(RuntimeError, match="The behavior_session_table should have 1 and only 1 entry"):
        cache.get_behavior_session(7)
    assert not list(copied.rglob("*.nwb"))


def test_importing_the_client_loads_nothing_heavy() -> None:
    script = (
        "import sys; from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache\n"
        "print({'pandas', 'boto3', 'duckdb', 'pynwb', 'h5py', 'dagster', 'xarray', 'rich'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
