"""Where a cache keeps its lake, and folders that are in a bad way: repaired or explained, never deleted."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from vbn_assets.client import VisualBehaviorNeuropixelsProjectCache
from vbn_assets.client.exceptions import TemporaryLakeWarning
from vbn_assets.client.folder import Access, CacheWorkspace, open_folder, temporary_folder
from vbn_assets.errors import BucketUnreachable, SettingsError, WarehouseError
from vbn_assets.projects import VBN
from vbn_assets.sample.process import SampleProcess
from vbn_assets.warehouse.database import attach_warehouse
from vbn_assets_tests.as_nobody import as_nobody
from vbn_assets_tests.client.conftest import manifest

HELD = 1100000102
from_s3_cache = VisualBehaviorNeuropixelsProjectCache.from_s3_cache
from_local_cache = VisualBehaviorNeuropixelsProjectCache.from_local_cache


def places(workspace: CacheWorkspace) -> tuple[Path, Path]:
    return workspace.mirror.root, workspace.settings.data_dir


def test_an_empty_folder_keeps_its_lake_inside(tmp_path: Path) -> None:
    assert places(open_folder(str(tmp_path / "new"), VBN, Access.S3)) == (tmp_path / "new", tmp_path / "new")


def test_a_data_folder_and_its_mirror_are_the_same_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    assert places(open_folder(data / "mirror", VBN, Access.S3))[1] == data / "mirror"
    monkeypatch.setenv("VBN_DATA_DIR", str(data))
    assert places(open_folder(data / "mirror", VBN, Access.S3)) == (data / "mirror", data)
    assert places(open_folder(data, VBN, Access.S3)) == (data / "mirror", data)
    monkeypatch.delenv("VBN_DATA_DIR")
    (data / "lake").mkdir(parents=True)
    assert places(open_folder(data / "mirror", VBN, Access.S3)) == (data / "mirror", data)
    (data / "mirror").mkdir()
    assert places(open_folder(data, VBN, Access.S3)) == (data / "mirror", data)


def test_somebody_may_say_where_the_lake_is(tmp_path: Path) -> None:
    workspace = open_folder(tmp_path / "cache", VBN, Access.LOCAL, tmp_path / "data")
    assert places(workspace) == (tmp_path / "cache", tmp_path / "data")
    with pytest.raises(SettingsError, match="takes for a pattern"):
        open_folder(tmp_path / "what[ever]", VBN, Access.S3)


def test_a_folder_in_a_bad_way_is_repaired(opened: Path, folder: Path) -> None:
    """As a killed AllenSDK, a moved disk and a Windows machine leave it."""
    shutil.copytree(opened, folder, symlinks=True)
    for ours in [*folder.glob(".*"), folder / "lake"]:
        shutil.rmtree(ours) if ours.is_dir() else ours.unlink()
    tables = folder / "visual-behavior-neuropixels-0.5.0" / "project_metadata"
    whole = (tables / "probes.csv").read_bytes()
    (tables / "probes.csv").unlink()
    (tables / "probes.csv").write_bytes(whole[:-10])
    (tables / "channels.csv").unlink()
    (tables / "channels.csv").symlink_to(folder / "gone" / "channels.csv")
    known = {r"C:\Users\me\cache\units.csv": "00", "/nowhere/units.csv": "11"}
    (folder / "_downloaded_data.json").write_text(json.dumps(known))
    cache = from_s3_cache(folder)
    assert len(cache.get_probe_table())
    assert (tables / "probes.csv").read_bytes() == whole
    assert len(cache.get_channel_table())
    assert next((folder / ".quarantine").iterdir()).read_bytes() == whole[:-10]
    assert known.items() <= json.loads((folder / "_downloaded_data.json").read_text()).items()


def test_a_broken_record_of_downloads_is_set_aside(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    shutil.rmtree(folder / "lake")
    (folder / "_downloaded_data.json").write_text('{"/cache/units.csv": ')
    (folder / ".verified.jsonl").unlink()
    assert len(from_s3_cache(folder).get_unit_table())
    known = json.loads((folder / "_downloaded_data.json").read_text())
    assert "units.csv" in {Path(path).name for path in known}
    assert (folder / "_downloaded_data.json.broken").read_text() == '{"/cache/units.csv": '


def test_without_the_network_the_local_cache_is_named(opened: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(BucketUnreachable, match="from_local_cache"):
        from_s3_cache(opened)


@pytest.fixture
def read_only(opened: Path, sample_bucket: SampleProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the opened folder with a session's file, that users other than root can reach and not write."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", sample_bucket.endpoint)
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        folder = Path(shutil.copytree(opened, Path(outer) / "cache", symlinks=True))
        workspace = open_folder(folder, VBN, Access.S3)
        workspace.mirror.fetch(workspace.release("0.5.0").file("ecephys_session", HELD))
        paths = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield folder
        for path in paths:
            path.chmod(0o755)


def test_a_folder_that_cannot_be_written_can_be_read(read_only: Path) -> None:
    def check() -> None:
        temporary_folder.cache_clear()  # the one of this process is root's
        cache = from_s3_cache(read_only)
        assert cache.current_manifest() == manifest("0.5.0")
        assert len(cache.get_unit_table())
        with pytest.warns(TemporaryLakeWarning, match="gone when this process ends"):
            assert len(cache.get_ecephys_session(HELD).trials)
        with pytest.raises(SettingsError, match="mirror cannot be written"):
            cache.get_ecephys_session(1100000103)

    assert as_nobody(check) == 0


def test_what_is_new_of_a_folder_that_cannot_be_written_goes_to_the_data_folder(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as data:
        Path(data).chmod(0o777)
        monkeypatch.setenv("VBN_DATA_DIR", data)

        def check() -> None:
            cache = from_local_cache(read_only)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert len(cache.get_ecephys_session(HELD).trials)
            assert len(cache.get_unit_table())

        assert as_nobody(check) == 0
        assert list(Path(data).glob("lake/vbn/trials/*/*.parquet"))
        assert not list(Path(data).glob("lake/vbn/units/*.parquet"))


def test_sql_is_about_what_the_cache_has_brought(opened: Path, folder: Path) -> None:
    shutil.copytree(opened, folder, symlinks=True)
    cache = from_s3_cache(folder)
    held = cache.warehouse()
    assert held.execute("SELECT count(*) FROM vbn.trials").fetchall() == [(0,)]
    trials = cache.get_ecephys_session(HELD).trials
    frame = cache.sql("SELECT ecephys_session_id, count(*) AS trials FROM vbn.trials GROUP BY ALL")
    assert frame.to_dict("records") == [{"ecephys_session_id": HELD, "trials": len(trials)}]
    table = cache.sql("FROM vbn_v0_5_0.probes", arrow=True)
    assert table.num_rows == len(cache.get_probe_table())
    assert held.execute("SELECT count(*) FROM vbn.trials").fetchall() == [(0,)]
    held.close()
    with cache.warehouse() as now, pytest.raises(Exception, match="read-only"):
        now.execute("CREATE TABLE vbn.mine AS SELECT 1")


def test_sql_is_about_what_anybody_brought(opened: Path, folder: Path) -> None:
    """A session made by a notebook that ended without asking anything of the warehouse."""
    shutil.copytree(opened, folder, symlinks=True)
    asked = "SELECT DISTINCT ecephys_session_id FROM vbn.session_metadata"
    from_s3_cache(folder).get_ecephys_session(HELD)
    cache = from_s3_cache(folder)
    assert cache.sql(asked)["ecephys_session_id"].tolist() == [HELD]
    from_s3_cache(folder).get_ecephys_session(1100000103)
    assert sorted(cache.sql(asked)["ecephys_session_id"]) == [HELD, 1100000103]


def test_a_warehouse_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="vbn sync"):
        attach_warehouse(tmp_path / "warehouse.duckdb")
