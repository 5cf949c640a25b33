"""`bifseg status`, `bifseg retry` and `bifseg reproduce`: inspect a run and run parts of it again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import typer

from bifseg.cli.options import RunFolder
from bifseg.core.wording import counted


def status(run: RunFolder) -> None:
    """Print what is done, what is running, how long it will take, and what failed and why.

    The command only reads files: call it on any machine that sees them, also while jobs run.
    """
    from bifseg.runs.at_work import who_is_at_work
    from bifseg.runs.status import progress

    marks = {"done": "done", "running": "...", "stopped": "idle", "waiting": ""}
    at_work = who_is_at_work(run, "snakemake")
    for item in progress(run):
        if at_work and item.stage == "report":  # it writes the report again
            item = replace(item, done=0, state="waiting")
        share = f"{item.done}/{item.of}" if item.of else "?"
        left = f"about {timedelta(seconds=round(item.left_s))} left" if item.left_s else ""
        typer.echo(f"{marks[item.state]:5}{share:>12}  {item.what}  {left}".rstrip())
        for (kind, reason), count in item.failed.most_common():
            typer.echo(f"{'':19}{count} {kind}: {reason}")
    if at_work:
        typer.echo(at_work)


def retry(run: RunFolder) -> None:
    """Mark failed and timed-out sessions, so that the next snakemake runs them again; all others are kept.

    Use it once the reason is gone, such as a full GPU. Sessions of a changed card or method are run again anyway.
    """
    from bifseg.runs.retry import retry as retry_run

    counts = retry_run(run)
    for condition, count in counts.items():
        typer.echo(f"{count:5}  {condition.entry} on {condition.cohort}, {condition.protocol}")
    typer.echo(
        f"the next snakemake runs {counted(counts.total(), 'session')} again"
        if counts
        else "no session failed: nothing to do"
    )


def reproduce(
    run: RunFolder,
    sample: Annotated[int, typer.Option(min=1, help="sessions of every entry")] = 3,
    tolerance: Annotated[
        float,
        typer.Option(min=0, max=1, help="largest 1 - Dice between a result and its repetition"),
    ] = 0.0,
) -> None:
    """Run a sample of a finished run's sessions again and compare them; exit code 1 if one is not reproduced.

    On the run's machine every bit must agree. On another machine or a GPU, give a tolerance.
    """
    from bifseg.runs.reproduce import reproduce as play_again

    count = differing = 0
    for verdict in play_again(run, sample):
        count += 1
        good = verdict.same or (tolerance > 0 and verdict.dice >= 1 - tolerance)
        differing += not good
        where = f"{verdict.condition.cohort} {verdict.condition.protocol} {verdict.condition.entry} {verdict.name}"
        result = "the same" if verdict.same else f"{'close' if good else 'DIFFERS'}, Dice {verdict.dice:.4f}"
        note = "; its cards, weights or code have changed since" if verdict.outdated else ""
        typer.echo(f"{where}: {result}{note}")
    typer.echo(f"{count - differing} of {count} sessions reproduced")
    raise typer.Exit(1 if differing else 0)
