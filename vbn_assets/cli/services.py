"""What does the work by itself: `vbn run` (Dagster on this machine) and `vbn demo` (the whole job on a sample)."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from vbn_assets.cli.console import note
from vbn_assets.cli.options import settings_of

PortOption = Annotated[int, typer.Option(min=1, max=65535, help="Port of the web UI.")]


def run(
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="With the web UI, or only the work.")] = True,
    port: PortOption = 3000,
    host: Annotated[str, typer.Option(help="Address of the web UI; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
) -> None:
    """Start Dagster: its web UI, its sensors, and the runs they ask for. Ctrl-C ends all of it.

    New releases are found and their metadata made by themselves; sessions as VBN_HOLD says (default: none).
    Dagster's own records are in DAGSTER_HOME, by default `dagster` in the data folder.

    Example: `VBN_HOLD="image_set = 'H'" vbn run --port 3000`
    """
    from vbn_assets.serving import DagsterServer

    _end_as_by_ctrl_c()
    settings = settings_of()
    home = (settings.dagster_home or settings.own_dagster_home).absolute()
    environment = {"VBN_DATA_DIR": str(settings.data_dir)}
    note(f"Starting Dagster with its records in {home} (half a minute)")
    try:
        with DagsterServer(home, host=host, port=port if ui else None, environment=environment) as dagster:
            where = f"Dagster is at {dagster.url}" if ui else "Dagster is running"
            note(f"\n{where}, data is in {settings.data_dir}. Ctrl-C ends it.\n", style="bold green")
            dagster.follow()
    except KeyboardInterrupt:
        note("Ended.")


def demo(
    ui: Annotated[
        bool, typer.Option("--ui/--no-ui", help="Leave the web UI running, or end when all is shown.")
    ] = True,
    port: PortOption = 3000,
    data: Annotated[Path, typer.Option(help="Folder of the demo; its contents are replaced.")] = Path("data/demo"),
) -> None:
    """Run the whole job on a sample release, without a network, and watch a new release arrive.

    A local S3 publishes small releases of both projects; Dagster's sensors find them and make the warehouse. Then a
    newer release of each is published, and only what it changed is made again.
    """
    from vbn_assets.demo import run_demo

    _end_as_by_ctrl_c()
    run_demo(data.absolute(), port=port, stay=ui, say=lambda line: print(line, flush=True))


def _end_as_by_ctrl_c() -> None:
    """SIGTERM and a closed terminal end a service as Ctrl-C does, also where a script started it in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
