"""The local S3 of `server` as a process of its own, seen from the process that starts it.

For whoever needs the S3 beside a Dagster of its own (`vbn demo`), or more than one S3 at a time (tests).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

from vbn_assets.errors import VbnError
from vbn_assets.sample.history import PACKAGED

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_STOP_SECONDS = 10
"""The server ends within a second; one that has not after this long is stuck and is killed."""


class SampleProcess:
    """A local S3 in a process of its own, which ends with this one however this one ends."""

    def __init__(self, folder: Path = PACKAGED, *, port: int = 0) -> None:
        self._command = [sys.executable, "-m", "vbn_assets.sample.server", "--folder", str(folder), "--port", str(port)]
        self._process: subprocess.Popen[str] | None = None
        self._ready: dict[str, Any] = {}

    @property
    def endpoint(self) -> str:
        return str(self._ready["endpoint"])

    @property
    def pid(self) -> int:
        return int(self._ready["pid"])

    def start(self, *through: str) -> Self:
        """Start serving; a bucket with every release up to the one of `through` that it has, by default with all."""
        command = [*self._command, "--with-stdin", *(("--through", *through) if through else ())]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._ready = self._answer()
        return self

    def publish_next(self) -> dict[str, str]:
        """Publish the next release of every bucket; bucket → version, empty after the last."""
        os.kill(self.pid, signal.SIGUSR1)
        published: dict[str, str] = self._answer()["published"]
        return published

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise VbnError("the local S3 ended before it was ready", found=f"exit code {code}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
