"""`bifseg compare`, `bifseg history` and `bifseg leaderboard`: commands for several runs."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.options import OutFile, RunFolder, Target, need, target_of
from bifseg.core.wording import counted

_Target = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="Dice that counts as reached; a protocol that stops at a lower Dice counts by that one",
    ),
]
HistoryFile = Annotated[
    Path, typer.Option("--history", help="history.jsonl, shared by the runs of a folder", show_default=False)
]
_SIDE = "results/RUN, or results/RUN:METHOD@NETWORK for one entry of it"


def compare(
    base: Annotated[str, typer.Argument(help=_SIDE, show_default=False)],
    new: Annotated[
        str, typer.Argument(help="the changed run or entry, written like BASE", show_default=False)
    ],
    max_dice_drop: Annotated[
        float,
        typer.Option(min=0, help="largest drop of mean Dice in points of 100: initial, unsupervised, final"),
    ] = 1.0,
    max_more_rounds: Annotated[
        float, typer.Option(min=0, help="largest increase of the mean rounds to the target")
    ] = 1.0,
    max_slowdown: Annotated[
        float,
        typer.Option(min=1, help="largest factor of the machine time of a session or a round; inf: any"),
    ] = 1.25,
    noticeable: Annotated[
        float,
        typer.Option(min=0, help="seconds up to which a session or a round passes, whatever the factor"),
    ] = 0.1,
    target: _Target = 0.90,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", help="also write the page to a .md, .csv or .json file; repeat for more"),
    ] = None,
) -> None:
    """Compare NEW with BASE on the same objects; exit code 1 if NEW is worse than the limits allow.

    A regression, for an entry on a structure under a protocol of a cohort: the mean paired difference exceeds its limit
    AND its 95% bootstrap interval over patients excludes zero; or a session failed only in NEW.

    Power: with few or very different patients the interval may reach beyond the limit, so that a regression can
    neither be shown nor excluded. Such a comparison passes and is listed as unclear. With ten patients and a standard
    deviation of two points, a drop of two points is detected three times in four (docs/benchmark.md).

    Noise: equal code, seed and weights give equal masks, so that only a changed entry can differ in quality. A change
    without an effect on average fails up to 5% of its comparisons, since they are not corrected for their number.
    Times always vary: compare runs that one machine made at the same time, or accept any time with
    --max-slowdown inf.

    Entries and objects of only one side are printed and left out; two sides with nothing in common are bad input.
    """
    from bifseg.reports.benchmark.comparison import check_format, to_markdown, write
    from bifseg.reports.benchmark.comparison import compare as compare_sides
    from bifseg.reports.benchmark.gate import Limits

    for path in out or []:
        check_format(path)
    limits = Limits(dice=max_dice_drop, rounds=max_more_rounds, slowdown=max_slowdown, noticeable=noticeable)
    comparison = compare_sides(base, new, limits, target)
    for path in out or []:
        write(comparison, path)
    typer.echo(to_markdown(comparison))
    raise typer.Exit(1 if comparison.regressions else 0)


history = typer.Typer(help="Keep and list the results of earlier runs.", no_args_is_help=True)


@history.callback()
def group() -> None:
    """Keep one line per run and entry, for curves over time (docs/benchmark.md)."""


@history.command()
def append(
    run: RunFolder,
    history: HistoryFile,
    target: Target = None,
) -> None:
    """Add a finished run to the history, and write the same lines to RUN/history.jsonl.

    An entry whose sessions are already in the history is not added again.
    """
    from bifseg.reports.benchmark.history import append_run

    need(run / "scores.parquet", "collect")
    need(run / "provenance.json", "provenance")
    say_added(history, append_run(run, history, target_of(run, target)))


def say_added(history: Path, added: Sized) -> None:
    """Print how many records a history got.

    Args:
        history: history.jsonl.
        added: the records.
    """
    typer.echo(f"{history}: {counted(len(added), 'new record')}")


@history.command("list")
def list_all(
    path: Annotated[Path, typer.Argument(help="history.jsonl", show_default=False)],
) -> None:
    """List the records: date, run, commit, entry, cohorts, sessions and failures."""
    from tabulate import tabulate

    from bifseg.cards.entries import entry_name
    from bifseg.reports.benchmark.history import read_history

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
        for record in read_history(path)
    ]
    typer.echo(tabulate(rows, ["when", "run", "commit", "entry", "cohorts", "sessions", "failed"]))


def leaderboard(
    path: Annotated[Path, typer.Argument(help="history.jsonl", show_default=False)],
    out: OutFile,
) -> None:
    """Write an HTML page with the newest result of every entry and its earlier ones."""
    from bifseg.reports.benchmark.leaderboard import write_leaderboard

    write_leaderboard(path, out)
    typer.echo(f"leaderboard: {out}")
