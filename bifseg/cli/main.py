"""The command line: commands in the order of a run, one-line errors, exit codes."""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from bifseg import __version__
from bifseg.cli import (
    benchmark,
    check_method,
    cohort,
    evaluate,
    new_method,
    project,
    race,
    replay,
    results,
    robot,
    run,
    run_group,
    schemas,
    train,
    watch,
)
from bifseg.core.errors import InputError, short
from bifseg.core.sandbox import import_from_module_folders

LONGEST_LINE = 300
"""Most characters of a line about an error."""

HELP = """Evaluate interactive segmentation over whole cohorts, with a simulated user and image-specific fine-tuning.

The stages of a run in order; `snakemake` runs them all (README.md), or run each by hand:

\b
 1. bifseg cohort prepare   turn images and labels into a checked list of objects
 2. bifseg train            train a base network on the seen structures
 3. bifseg plan             distribute a method's sessions over jobs
 4. bifseg run              run a method's sessions with the simulated user
 5. bifseg score            score stored sessions
 6. bifseg collect          collect all rows in scores.parquet and scores.csv
 7. bifseg results          write tables, figures, provenance, report and history; each is a command, too

To begin: bifseg demo (the main job on embedded, simulated cohorts), bifseg init (a project to edit), bifseg evaluate
(from a folder of data to the report).

Also: bifseg status (what is done, running or failed), bifseg retry (run failed sessions again), bifseg reproduce
(run a sample again and compare), bifseg check-method (check a plug-in against the contract) and bifseg replay (give
the same strokes to another method). The workflow's jobs are bifseg plan-group and run-group: the stages 3 to 5 for all
methods at a network.

For several runs: bifseg compare, history, leaderboard; bifseg race stops when it is decided who is better
(docs/benchmark.md). For other software: bifseg export (a run's prompts as JSON).

\b
Exit codes: 0 done, 1 a failure or a regression, 2 bad input, 130 stopped by Ctrl-C.
A line about bad input names file, key and value, and says what to do.
BIFSEG_DEBUG=1 shows the traceback of a failure.
"""


class StagesInOrder(TyperGroup):
    """Lists the group `cohort`, the first stage, before the commands, since typer lists groups last."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of the commands in the order of the stages."""
        return sorted(super().list_commands(ctx), key=lambda name: name != "cohort")


app = typer.Typer(
    cls=StagesInOrder,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"bifseg {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="print the version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options of `bifseg` itself."""


app.add_typer(cohort.app, name="cohort")
app.add_typer(robot.app, name="robot")
app.command()(project.demo)
app.command()(project.init)
app.command()(train.train)
app.command()(evaluate.evaluate)
app.command("check-method")(check_method.check_method)
app.command("new-method")(new_method.new_method)
app.command()(run.plan)
app.command()(run.run)
app.command("plan-group")(run_group.plan_group)
app.command("run-group")(run_group.run_group)
app.command()(replay.replay)
app.command()(results.score)
app.command()(results.collect)
app.command()(results.tables)
app.command()(results.figures)
app.command()(results.provenance)
app.command()(results.report)
app.command()(results.export)
app.command()(results.results)
app.command()(watch.status)
app.command()(watch.retry)
app.command()(watch.reproduce)
app.command()(benchmark.compare)
app.command()(race.race)
app.add_typer(benchmark.history, name="history")
app.command()(benchmark.leaderboard)
app.command(hidden=True)(schemas.schemas)


def _allow_open_files() -> None:
    """Let this process open as many files as the system allows: a run may have thousands of packs."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Run the command line and exit with its code."""
    import_from_module_folders()
    _allow_open_files()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        _command()(prog_name="bifseg")
    except InputError as error:
        sys.exit(_say(f"error: {error}", 2))
    except Exception as error:  # any other failure: one line, and the traceback on request
        if os.environ.get("BIFSEG_DEBUG"):
            raise
        sys.exit(_say(f"failed: {_reason(error)} (BIFSEG_DEBUG=1 shows where)", 1))


@cache
def _command() -> Callable[..., Any]:
    """All commands, made once, for programs that call `main` several times."""
    return get_command(app)


def _reason(error: Exception) -> str:
    """The text of a failure on one line; of a file that the system does not read or write, with what to look at."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename2 or error.filename}: {error.strerror}; correct the path, its permissions or its disk"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _say(text: str, code: int) -> int:
    for line in text.splitlines():
        print(short(line, LONGEST_LINE), file=sys.stderr)
    return code
