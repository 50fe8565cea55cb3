"""A real Dagster instance, the definitions for a folder of its own, and the sample S3 behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from vbn_assets.definitions import build_definitions
from vbn_assets.pipeline import Workspace
from vbn_assets.projects import VBN, Project
from vbn_assets.sample.server import SampleBucket
from vbn_assets.settings import Settings


@dataclass
class Orchestra:
    """Definitions, instance and settings that belong together, and short ways to use them as the daemon would."""

    settings: Settings
    instance: dg.DagsterInstance
    project: Project = VBN
    cursor: object = None
    defs: dg.Definitions = field(init=False)

    def __post_init__(self) -> None:
        self.defs = build_definitions(self.settings)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.settings, self.project)

    def look(self, sensor: str) -> dg.SensorResult | dg.RunRequest | dg.SkipReason:
        """One tick of a sensor; its partitions are added as the daemon adds them."""
        repository = self.defs.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance, definitions=self.defs, resources=self.defs.resources
        ) as context:
            result = repository.get_sensor_def(sensor)(context)
        assert isinstance(result, (dg.SensorResult, dg.RunRequest, dg.SkipReason))
        if isinstance(result, dg.SensorResult):
            for request in result.dynamic_partitions_requests or []:
                assert isinstance(request, dg.AddDynamicPartitionsRequest)
                self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        return result

    def run(
        self, job: str, partition: str | None = None, tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=partition, tags=tags, raise_on_error=False
        )

    def refresh(self) -> list[str]:
        """What the release sensor asks for, done; the releases."""
        result = self.look(f"{self.project.name}_release_sensor")
        requests = result.run_requests or [] if isinstance(result, dg.SensorResult) else []
        for request in requests:
            assert self.run(f"refresh_{self.project.name}", request.partition_key, dict(request.tags)).success
        return [request.partition_key or "" for request in requests]

    def asked_for(self) -> set[tuple[str, str | None]]:
        """What the conditions ask for now: (table, partition)."""
        result = dg.evaluate_automation_conditions(defs=self.defs, instance=self.instance, cursor=self.cursor)  # type: ignore[arg-type]
        self.cursor = result.cursor
        return {
            (key.path[-1], partition)
            for key in self.defs.resolve_all_asset_keys()
            for partition in result.get_requested_partitions(key)
        }


@pytest.fixture
def orchestra(tmp_path: Path, fresh_bucket: SampleBucket) -> Iterator[Orchestra]:
    # In memory: each event on disk waits for two fsyncs, and the demo's test runs with a real DAGSTER_HOME.
    with dg.DagsterInstance.ephemeral() as instance:
        yield Orchestra(Settings(data_dir=tmp_path / "data", endpoint_url=fresh_bucket.endpoint, hold="all"), instance)
