"""The `vbn` command as a user meets it: a process, its two outputs and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vbn_assets.sample.process import SampleProcess
from vbn_assets.sample.server import SampleBucket

COMMAND = [sys.executable, "-c", "from vbn_assets.cli import main; main()"]
UNSET = (
    "DAGSTER_HOME",
    "VBN_HOLD",
    "VBN_HOLD_BEHAVIOR",
    "VBN_PROJECTS",
    "VBN_RELEASE_VBN",
    "VBN_LFP",
    "VBN_DEBUG",
    "AWS_ENDPOINT_URL",
)


@dataclass(frozen=True)
class Vbn:
    """`vbn` with a data folder and an S3 of its own."""

    data: Path
    endpoint: str
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in UNSET}
        own = {"VBN_DATA_DIR": str(self.data), "VBN_PROJECTS": "vbn", "AWS_ENDPOINT_URL": self.endpoint}
        return {**kept, **own, **self.settings}

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments], env=self.environment, input=stdin, capture_output=True, text=True, check=False
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, query: str) -> list[str]:
        """The rows of a query as CSV lines, without the header."""
        answer = self("sql", query, "--format", "csv")
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.splitlines()[1:]


@pytest.fixture
def vbn(tmp_path: Path, sample_bucket: SampleProcess) -> Vbn:
    """On the shared S3 with every release."""
    return Vbn(tmp_path / "data", sample_bucket.endpoint)


@pytest.fixture(scope="session")
def synced_vbn(tmp_path_factory: pytest.TempPathFactory, sample_bucket: SampleProcess) -> Vbn:
    """With the newest release's metadata in the warehouse; read only."""
    vbn = Vbn(tmp_path_factory.mktemp("synced") / "data", sample_bucket.endpoint)
    assert vbn("sync", "--yes").returncode == 0
    return vbn


@pytest.fixture
def fresh_vbn(tmp_path: Path, fresh_bucket: SampleBucket) -> Vbn:
    """On an S3 of its own at 0.4.0, which may be broken and goes on to 0.5.0."""
    return Vbn(tmp_path / "data", fresh_bucket.endpoint)
