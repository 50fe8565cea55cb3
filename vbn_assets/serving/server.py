"""Dagster's three processes, started and ended together: code server, daemon and webserver.

They start in that order, end with the block that started them however it ends, and leave no process and no port
behind. `dagster dev` would start more of them and tell less. What they serve is `definitions`; containers have
their own way (compose.yaml).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vbn_assets.errors import VbnError
from vbn_assets.serving.home import only_server, prepare_home
from vbn_assets.serving.report import report_lost_runs

READY_SECONDS = 180
"""Three Python processes that import Dagster need 20 s on two idle cores, and several times that on busy ones."""
STOP_SECONDS = 15
"""A run that is told to end writes that it was cancelled and ends in a second or two; what is left then is killed."""

_GUARD = 'read _; kill -TERM -"$0"; sleep "$1"; kill -KILL -"$0"'
"""Waits for the end of its stdin, which we never close: it comes when we are killed and cannot end the group."""


class DagsterServer:
    """Dagster's three processes, as a context manager.

    `environment` is what they get on top of ours; with `logs` they write there, one file each, else to our stderr.
    Without `port` there is no webserver. Raises `VbnError` where the port is taken or a process ends by itself.
    """

    def __init__(
        self,
        home: Path,
        *,
        environment: Mapping[str, str],
        host: str = "127.0.0.1",
        port: int | None,
        logs: Path | None = None,
    ) -> None:
        self.home = home
        self.host = host
        self.port = port
        self.logs = logs
        self._environment = {**os.environ, **environment, "DAGSTER_HOME": str(home)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._opened = ExitStack()

    @property
    def url(self) -> str:
        # An address that means "all of this machine's" is none that a browser can open.
        name = "localhost" if self.host in ("127.0.0.1", "0.0.0.0", "::") else self.host  # noqa: S104
        return f"http://{name}:{self.port}"

    def __enter__(self) -> Self:
        if self.port:
            _require_free(self.host, self.port)
        prepare_home(self.home)
        try:
            self._opened.enter_context(only_server(self.home))
            report_lost_runs(self.home)
            # A socket in a folder of our own: nobody else reaches it, and no port of another server is mistaken for it.
            private = Path(self._opened.enter_context(tempfile.TemporaryDirectory(prefix="vbn-")))
            code, workspace = private / "code.sock", private / "workspace.yaml"
            location = {"socket": str(code), "location_name": "vbn_assets"}
            workspace.write_text(json.dumps({"load_from": [{"grpc_server": location}]}))
            module = ["--empty-working-directory", "--module-name", "vbn_assets.definitions"]
            self._start("code-server", "dagster", "api", "grpc", "--socket", str(code), *module)
            self._start_guard()
            self._wait("the code server listens", code.exists)
            self._start("daemon", "dagster-daemon", "run", "--workspace", str(workspace))
            if self.port:
                address = ["--host", self.host, "--port", str(self.port)]
                self._start("webserver", "dagster-webserver", "--workspace", str(workspace), *address)
                self._wait(f"{self.url} answers", self._answers)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def require_running(self) -> None:
        """Raise `VbnError` if one of the processes has ended by itself."""
        for name, process in self._processes.items():
            code = process.poll()
            if code is not None:
                raise VbnError(
                    f"Dagster's {name} ended by itself",
                    found=f"exit code {code}",
                    remedy=f"Its last words are in {self.logs / name}.log." if self.logs else None,
                )

    def follow(self) -> None:
        """Return never: until somebody interrupts, or one of the processes ends by itself."""
        while True:
            self.require_running()
            time.sleep(0.5)

    def ask(self, query: str) -> dict[str, Any]:
        """The answer to a GraphQL query."""
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own http
            f"{self._probe}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)["data"]
        return answer

    def stop(self) -> None:
        """End every process and what they started: the runs are the code server's children."""
        deadline = time.monotonic() + STOP_SECONDS
        try:
            self._signal(signal.SIGTERM)
            while self._lives() and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self._signal(signal.SIGKILL)
            for process in self._processes.values():
                process.wait()
            self._processes.clear()
            self._opened.close()

    @property
    def _group(self) -> int:
        """The process group of all of them: that of the first one, or 0 for a new one."""
        return next((process.pid for process in self._processes.values()), 0)

    def _start(self, name: str, program: str, *arguments: str) -> None:
        output = None
        if self.logs:
            self.logs.mkdir(parents=True, exist_ok=True)
            output = self._opened.enter_context((self.logs / f"{name}.log").open("wb"))
        self._processes[name] = subprocess.Popen(  # noqa: S603 - Dagster's own programs
            [str(Path(sysconfig.get_path("scripts")) / program), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=output or sys.stderr,
            stderr=subprocess.STDOUT if output else None,
            # Not in our group: Ctrl-C reaches us alone, and we end them.
            process_group=self._group,
            preexec_fn=_heed_interrupts,
        )

    def _start_guard(self) -> None:
        guard = subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _GUARD, str(self._group), str(STOP_SECONDS)], stdin=subprocess.PIPE, process_group=0
        )
        assert guard.stdin is not None
        self._opened.callback(guard.stdin.close)
        self._opened.callback(guard.wait)
        self._opened.callback(guard.kill)

    def _signal(self, number: int) -> None:
        if self._processes:
            with suppress(ProcessLookupError):
                os.killpg(self._group, number)

    def _lives(self) -> bool:
        for process in self._processes.values():
            process.poll()  # else it stays in the group until somebody asks for its exit code
        if not self._processes:  # group 0 would be our own
            return False
        try:
            os.killpg(self._group, 0)
        except ProcessLookupError:
            return False
        return True

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not happened():
            self.require_running()
            if time.monotonic() > deadline:
                raise VbnError(
                    "Dagster did not start in time",
                    expected=f"{what} within {READY_SECONDS} s",
                    remedy=f"Its processes write to {self.logs}." if self.logs else None,
                )
            time.sleep(0.2)

    @property
    def _probe(self) -> str:
        return f"http://{'127.0.0.1' if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"  # noqa: S104

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._probe}/server_info", timeout=5) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False


def require_startable(home: Path, host: str, port: int) -> None:
    """Raise the `VbnError` that starting a server there would meet, before anything is done for it."""
    _require_free(host, port)
    if (home / ".lock").exists():
        with only_server(home):
            pass


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise VbnError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                remedy="Choose another --port, or end the program that uses this one.",
            ) from error


def _heed_interrupts() -> None:
    """In the child: a script's background job ignores SIGINT, and Dagster takes SIGTERM for SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
