"""A real Dagster on a sample S3 of its own, and a real Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from vbn_assets.sample.process import SampleProcess
from vbn_assets.serving import DagsterServer
from vbn_assets.settings import Settings

ARTEFACTS = Path(os.environ.get("VBN_ARTEFACTS_DIR", Path(__file__).parents[2] / "artefacts")) / "ui"
"""Where the screenshots are kept."""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_OPTIONS = [
    "--no-sandbox",  # root, as CI runs, has none
    "--disable-gpu",
    "--disable-dev-shm-usage",  # a container's is too small
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PATIENCE_SECONDS = 300
"""For what takes Dagster half a minute by itself, and its UI a second, on cores that others use too."""


@dataclass(frozen=True)
class Deployment:
    """A Dagster and the S3 its releases come from."""

    dagster: DagsterServer
    s3: SampleProcess
    data: Path

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.data, projects=("vbn",))

    def wait(self, what: str, happened: Callable[[], bool]) -> None:
        """Until it happened; fails with the runs as they are then, or if Dagster ended meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not happened():
            self.dagster.require_running()
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s; runs: {self.runs()}"
            time.sleep(1)

    def runs(self) -> list[tuple[str, str]]:
        """Job and status of every run, the newest first."""
        answer = self.dagster.ask("{ runsOrError { ... on Runs { results { jobName status } } } }")
        return [(run["jobName"], run["status"]) for run in answer["runsOrError"]["results"]]

    def idle(self) -> bool:
        return all(status in ("SUCCESS", "FAILURE", "CANCELED") for _, status in self.runs())

    def partitions(self, table: str) -> set[str]:
        nodes = self.dagster.ask(f'{{ assetNodeOrError(assetKey: {{path: ["vbn", "{table}"]}}) {PARTITIONS} }}')
        return set(nodes["assetNodeOrError"]["partitionKeys"])

    def releases(self, table: str, partition: str) -> list[str]:
        """The releases a partition of a table was made from, the newest first."""
        made = self.dagster.ask(
            f'{{ assetNodeOrError(assetKey: {{path: ["vbn", "{table}"]}}) {{ ... on AssetNode {{ '
            f'assetMaterializations(partitions: ["{partition}"]) {METADATA} }} }} }}'
        )["assetNodeOrError"]["assetMaterializations"]
        return [entry["text"] for event in made for entry in event["metadataEntries"] if entry["label"] == "release"]


PARTITIONS = "{ ... on AssetNode { partitionKeys } }"
METADATA = "{ metadataEntries { label ... on TextMetadataEntry { text } } }"


@pytest.fixture
def deployment(tmp_path: Path, sample_folder: Path) -> Iterator[Deployment]:
    """At 0.4.0 with 0.5.0 still to be published; holds no session until asked."""
    data = tmp_path / "data"
    with SampleProcess(sample_folder).start("0.4.0") as s3:
        environment = {
            "VBN_DATA_DIR": str(data),
            "VBN_PROJECTS": "vbn",
            "VBN_HOLD": "none",
            "VBN_POLL_SECONDS": "5",
            "VBN_RELEASE_VBN": "",
            "AWS_ENDPOINT_URL": s3.endpoint,
        }
        home = data / "dagster"
        with DagsterServer(home, port=_free_port(), environment=environment, logs=home / "logs") as dagster:
            yield Deployment(dagster, s3, data)


@pytest.fixture
def page(deployment: Deployment) -> Iterator[Page]:
    """A browser's page on the UI; the last thing seen is kept as `last.png`."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_page(base_url=deployment.dagster.url, viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        yield page
        page.screenshot(path=ARTEFACTS / "last.png")
        browser.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
