"""`bifseg compare`, `bifseg history` and `bifseg leaderboard`: runs beside runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import Out, RunFolder, need

Target = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Dice that rounds are counted to; under a protocol that stops before it, to where it stops",
    ),
]
HistoryFile = Annotated[
    Path, typer.Option("--history", help="history.jsonl, shared by the runs of a folder", show_default=False)
]
_SIDE = "results/RUN, or results/RUN:METHOD@NETWORK for one of its entries"


def compare(
    base: Annotated[str, typer.Argument(help=_SIDE, show_default=False)],
    new: Annotated[str, typer.Argument(help="the same, of what has changed", show_default=False)],
    max_dice_drop: Annotated[
        float, typer.Option(min=0, help="points of 100 that mean Dice may drop: initial, unsupervised, final")
    ] = 1.0,
    max_more_rounds: Annotated[
        float, typer.Option(min=0, help="rounds to the target that may be added on average")
    ] = 1.0,
    max_slowdown: Annotated[
        float,
        typer.Option(min=1, help="factor that machine time may grow by, a session or a round; inf: any"),
    ] = 1.25,
    noticeable: Annotated[
        float,
        typer.Option(
            min=0, help="seconds below which a session or round is fast enough, whatever the factor"
        ),
    ] = 0.1,
    target: Target = 0.90,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", help="also write it: .md for readers, .csv or .json; may be repeated"),
    ] = None,
) -> None:
    """Compare NEW with BASE on the same objects; exit code 1 if NEW is worse than the limits allow.

    \b
    A regression, for an entry on a structure, under a protocol of a cohort:
      the mean paired difference is worse than its limit AND its 95% bootstrap
      interval over patients excludes zero; or a session failed that did not in BASE.

    Power: where the interval of few or unlike patients reaches beyond the limit, a regression can neither be shown
    nor excluded: the comparison passes and is listed as unclear. Ten patients whose differences spread by two points
    show a drop of two points nine times in ten (docs/benchmark.md).

    Noise: equal code, seed and weights give equal masks, so quality differs only for who was changed; a change
    that makes nothing worse on the whole then rings in up to 5% of its comparisons. Nothing is corrected for
    their number: a gate should ring too often rather than too seldom. Times always vary: compare runs of one
    machine that were made at the same time, or open that gate with --max-slowdown inf.

    Whatever only one side has is told and left out; nothing in common is bad input.
    """
    from bifseg.reports.benchmark.comparison import check_format, to_markdown, write
    from bifseg.reports.benchmark.comparison import compare as compare_sides
    from bifseg.reports.benchmark.gate import Limits

    for path in out or []:
        check_format(path)
    limits = Limits(dice=max_dice_drop, rounds=max_more_rounds, slowdown=max_slowdown, noticeable=noticeable)
    found = compare_sides(base, new, limits, target)
    for path in out or []:
        write(found, path)
    typer.echo(to_markdown(found))
    raise typer.Exit(1 if found.regressions else 0)


history = typer.Typer(help="What runs leave behind.", no_args_is_help=True)


@history.callback()
def group() -> None:
    """A line a run and entry, for curves through time (docs/benchmark.md)."""


@history.command()
def append(
    run: RunFolder,
    history: HistoryFile,
    target: Target = 0.90,
) -> None:
    """Add a finished run to the history, and write its own lines to RUN/history.jsonl.

    Entries whose sessions are in the history already are not added again.
    """
    from bifseg.reports.benchmark.history import append_run

    need(run / "scores.parquet", "collect")
    need(run / "provenance.json", "provenance")
    added = append_run(run, history, target)
    typer.echo(f"{history}: {len(added)} new record{'s' * (len(added) != 1)}")


@history.command("list")
def list_all(
    path: Annotated[Path, typer.Argument(help="history.jsonl", show_default=False)],
) -> None:
    """List the records: when, run, code, entry, cohorts, sessions and failures."""
    from tabulate import tabulate

    from bifseg.cards.entries import entry_name
    from bifseg.reports.benchmark.journal import read

    rows = [
        (
            record["when"][:16].replace("T", " "),
            record["run"],
            record["commit"],
            entry_name(record["method"], record["network"]),
            ", ".join(record["cohorts"]),
            sum(result["n"] for result in record["results"]),
            sum(result["failed"] for result in record["results"]),
        )
        for record in read(path)
    ]
    typer.echo(tabulate(rows, ["when", "run", "commit", "entry", "cohorts", "sessions", "failed"]))


def leaderboard(
    path: Annotated[Path, typer.Argument(help="history.jsonl", show_default=False)],
    out: Out,
) -> None:
    """Write one HTML page: where every entry stands now, and the way there."""
    from bifseg.reports.benchmark.leaderboard import write_leaderboard

    write_leaderboard(path, out)
    typer.echo(f"leaderboard: {out}")
