"""The `vbn` command: its name, its exit codes, and the topics it is made of.

One module a topic: what Allen has `published`, what is `held` here, `fetching` it or `adopting` what came otherwise,
the `tables` made of it, and the `services` that do it by themselves. They say what a user may ask and how the answer
looks; the work is done by the same functions that Dagster's assets call. What is slow to import is imported where it
is used: help is there at once.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vbn_assets import __version__
from vbn_assets.cli.adopting import adopt
from vbn_assets.cli.fetching import sync
from vbn_assets.cli.held import scrub, status
from vbn_assets.cli.published import diff, releases, urls
from vbn_assets.cli.services import demo, run
from vbn_assets.cli.tables import extract, publish, sql
from vbn_assets.errors import SettingsError, UnknownRelease, VbnError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


class _Commands(TyperGroup):
    """Whichever command meets it, a problem is one line on stderr and an exit code; `--debug` adds the trace."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VbnError as error:
            if ctx.params["debug"]:
                raise
            print(f"vbn: {error}", file=sys.stderr)
            mistaken = isinstance(error, SettingsError | UnknownRelease)
            raise typer.Exit(EXIT_USAGE if mistaken else EXIT_FAILED) from error
        except BrokenPipeError:
            raise  # whoever reads has enough: that is no problem
        except OSError as error:
            if ctx.params["debug"]:
                raise
            print(f"vbn: {error}", file=sys.stderr)
            raise typer.Exit(EXIT_FAILED) from error
        except (KeyboardInterrupt, typer.Abort) as interrupt:
            print("\nvbn: interrupted. What was done stays; the same command goes on from there.", file=sys.stderr)
            raise typer.Exit(EXIT_INTERRUPTED) from interrupt


app = typer.Typer(
    name="vbn",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vbn_assets {__version__}")
        raise typer.Exit


@app.callback()
def _vbn(
    debug: Annotated[bool, typer.Option("--debug", envvar="VBN_DEBUG", help="Show the trace of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The Allen Institute's Visual Behavior releases as a DuckDB warehouse on this machine.

    Start with `vbn releases`, then `vbn sync --sessions ID`, then `vbn sql "FROM vbn.trials"`.

    Settings come from the environment: VBN_DATA_DIR (where everything is kept; default ./data), VBN_HOLD and
    VBN_HOLD_BEHAVIOR (the sessions to hold: none, all or an SQL condition), VBN_LFP, VBN_PROJECTS, VBN_RELEASE_VBN,
    VBN_RELEASE_VBO and AWS_ENDPOINT_URL.
    """


for _command in (releases, diff, urls, status, sync, adopt, extract, sql, publish, scrub, run, demo):
    app.command()(_command)


def main() -> None:
    """The entry point of the `vbn` script. What a terminal cannot show is shown as a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app(prog_name="vbn")
