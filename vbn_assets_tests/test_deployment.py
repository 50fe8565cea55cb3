"""The files around the package say the same thing and Dagster takes them. Only a checkout has them all."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent


def _yaml(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return content


def test_dagster_takes_the_packaged_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster import DagsterInstance

    (tmp_path / "dagster.yaml").write_text((files("vbn_assets") / "dagster.yaml").read_text())
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with DagsterInstance.get() as instance:
        concurrency = instance.get_concurrency_config()
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert concurrency.run_queue_config is not None
        assert concurrency.run_queue_config.max_concurrent_runs == 4
        assert concurrency.pool_config.default_pool_limit == 1
        assert concurrency.pool_config.pool_granularity is not None
        assert concurrency.pool_config.pool_granularity.value == "run"


def test_the_folder_s_instance_is_the_packaged_one() -> None:
    assert (ROOT / "dagster.yaml").resolve() == (ROOT / "vbn_assets" / "dagster.yaml").resolve()


def test_containers_run_as_a_laptop_does_but_for_where_they_write() -> None:
    containers = _yaml("deploy/dagster.yaml")
    assert containers.pop("storage")["postgres"]["postgres_db"]["db_name"] == {"env": "DAGSTER_POSTGRES_DB"}
    assert containers.pop("compute_logs")["config"]["base_dir"].startswith("/data/")
    assert containers == _yaml("dagster.yaml")


def test_the_services_find_each_other() -> None:
    services = _yaml("compose.yaml")["services"]
    server = _yaml("deploy/workspace.yaml")["load_from"][0]["grpc_server"]
    assert server["host"] in services
    database = services["postgres"]["environment"]["POSTGRES_DB"]
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    for name in ("code-server", "webserver", "daemon"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert services[name]["environment"]["DAGSTER_HOME"] == "/opt/dagster"
        assert services[name]["environment"]["DAGSTER_POSTGRES_DB"] == database


def test_every_setting_reaches_the_containers() -> None:
    documented = set(
        re.findall(r"[`\"]((?:VBN|AWS)(?:_[A-Z]+)+)[`\"]", (ROOT / "vbn_assets" / "settings.py").read_text())
    )
    assert {"VBN_HOLD", "AWS_ENDPOINT_URL", "VBN_RELEASE_VBN"} <= documented
    assert documented - {"VBN_DATA_DIR"} <= _yaml("compose.yaml")["services"]["code-server"]["environment"].keys()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-runtime.lock"])
def test_locks_pin_every_package_by_hash_and_name_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    pins = text.replace("\\\n", " ").splitlines()
    assert all("==" in pin and "--hash=sha256:" in pin for pin in pins if pin and not pin.startswith("#"))
    assert "://" not in text
    assert "index" not in {word.strip("-") for word in text.split()}
