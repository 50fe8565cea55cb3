"""The folder where Dagster keeps its records, and the one server that may use it."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from vbn_assets.errors import VbnError


def prepare_home(home: Path) -> None:
    """The folder where Dagster keeps its instance, with our dagster.yaml if it has none."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        with resources.as_file(resources.files("vbn_assets") / "dagster.yaml") as packaged:
            shutil.copyfile(packaged, home / "dagster.yaml")


@contextmanager
def only_server(home: Path) -> Iterator[None]:
    """Two daemons on one instance would both start every run."""
    with (home / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise VbnError(
                "another `vbn run` or `vbn demo` keeps Dagster's records here",
                file=str(home),
                remedy="End it first, or choose another DAGSTER_HOME.",
            ) from error
        yield
