"""Commands that turn stored sessions into scores, tables, figures and the report."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bifseg.cli.benchmark import HistoryFile, say_added
from bifseg.cli.options import (
    CohortFolder,
    OutFolder,
    OutScores,
    OwnMetrics,
    Replicates,
    RunFolder,
    Split,
    Target,
    need,
    target_of,
)
from bifseg.cli.progress import tracked
from bifseg.core.errors import InputError
from bifseg.core.wording import counted

if TYPE_CHECKING:
    from bifseg.analysis.run_scores import RunScores

Settings = Annotated[str, typer.Option(help="the run's configuration as JSON, to record it")]


def score(
    sessions: Annotated[
        Path, typer.Argument(help="folder of sessions, `bifseg run --out`", show_default=False)
    ],
    cohort: CohortFolder,
    out: OutScores,
    split: Split = "test",
    replicates: Replicates = 1,
    metric: OwnMetrics = [],  # noqa: B006
) -> None:
    """Score every step of stored sessions on the image's grid; a new metric needs no new session.

    Objects without a session, as in a run of some patients, are counted and get no scores. The sessions of a job that
    was interrupted are refused: finish it first. Scores are of the sessions as stored: after a change of the data or
    of a card, `bifseg run` first plays again what depends on it.
    """
    from bifseg.analysis.scores import columns_with, score_session, to_frame, write_scores
    from bifseg.cohorts.cohort import Cohort
    from bifseg.core.metrics import with_own
    from bifseg.runs.shards import load_sessions, with_sessions
    from bifseg.sessions.archive import Archive, left_out_of

    members, metrics = Cohort.load(cohort), with_own(metric)
    columns_with(metrics)  # raises for a bad name before the work
    left_out = left_out_of(sessions)
    objects = [row for row in members.select(split=split) if row.object not in left_out]
    played, rows = with_sessions(sessions, objects), []
    if others := len(objects) - len(played):
        typer.echo(f"not scored, since {sessions} has no session of them: {counted(others, 'object')}")
    for row, session in load_sessions(sessions, tracked("scoring")(played), replicates):
        tolerance = members.nsd_tolerance(row.structure)
        rows += score_session(session, members.truth(row), row.group, tolerance, metrics)
    write_scores(to_frame(rows, metrics), out)
    Archive(sessions).prune()


def collect(
    parts: Annotated[
        list[Path],
        typer.Argument(help="files of `bifseg score`, or RESULTS/RUN for all of a run", show_default=False),
    ],
    out: OutScores,
    metric: OwnMetrics = [],  # noqa: B006
) -> None:
    """Collect scores in OUT.parquet and OUT.csv, sorted, and describe their metrics in metrics.json beside them."""
    from bifseg.analysis.run_files import with_origin, write_metrics
    from bifseg.analysis.scores import concatenate, read_scores, write_scores
    from bifseg.core.metrics import with_own
    from bifseg.runs.provenance import commit
    from bifseg.runs.run_folder import Run

    # A large run has more files than a command line can hold.
    files = [file for part in parts for file in (Run(part).score_files() if part.is_dir() else [part])]
    for file in files:
        need(file, "score")
    try:
        frame = concatenate([read_scores(file) for file in files])
    except InputError:
        raise
    except ValueError as error:  # two files hold the same session
        raise InputError(
            f"{files[0]} and others: {error}; delete these files, and score their sessions again"
        ) from error
    write_scores(with_origin(frame, out.parent, commit() or ""), out)
    write_metrics(with_own(metric), out.with_name("metrics.json"))


def tables(run: RunFolder, target: Target = None) -> None:
    """Write the paper's tables from RUN/scores.parquet as CSV, Markdown and LaTeX."""
    from bifseg.reports.tables import write_tables

    need(run / "scores.parquet", "collect")
    write_tables(run, target_of(run, target))


def figures(run: RunFolder, target: Target = None) -> None:
    """Draw figures of Dice per method, Dice against rounds, rounds to the target, and training."""
    from bifseg.reports.figures import write_figures

    need(run / "scores.parquet", "collect")
    write_figures(run, target_of(run, target))


def provenance(run: RunFolder, settings: Settings = "null") -> None:
    """Write RUN/provenance.json: versions, settings and hashes of everything that the results depend on."""
    from bifseg.runs.provenance import write_provenance

    need(run / "scores.parquet", "collect")
    try:
        config = json.loads(settings)
    except ValueError as error:
        raise InputError(f"--settings {settings[:40]}: not JSON ({error})") from error
    write_provenance(run, config)


def report(run: RunFolder) -> None:
    """Write RUN/report.html: one file with tables, figures and pictures of sessions."""
    from bifseg.reports.report import write_report

    for path, stage in (("scores.parquet", "collect"), ("tables", "tables"), ("figures", "figures")):
        need(run / path, stage)
    _say_report(run, write_report(run))


def _say_report(run: Path, failed: int) -> None:
    typer.echo(f"report: {run / 'report.html'}")
    if failed:
        typer.echo(
            f"{counted(failed, 'session')} failed: `bifseg status {run}` says why, `bifseg retry {run}` tries again"
        )


def export(run: RunFolder, out: OutFolder) -> None:
    """Write the prompts of every session as JSON in OUT, in the contract that IS_Validate publishes."""
    from bifseg.reports.prompt_export import export_prompts

    need(run / "scores.parquet", "collect")
    typer.echo(f"{counted(export_prompts(run, out), 'session')}: {out}")


def results(
    run: RunFolder,
    history: HistoryFile,
    target: Target = None,
    settings: Settings = "null",
) -> None:
    """Write tables, figures, provenance, report and history of a run; the scores are read once.

    Other processes draw the figures, pack the sessions and write the report.
    """
    from bifseg.analysis.run_scores import RunScores
    from bifseg.core.child_processes import beside
    from bifseg.reports.benchmark.history import append_run, check_history, run_records

    need(run / "scores.parquet", "collect")
    check_history(history)  # Snakemake would delete the report of a job that fails at its end
    target = target_of(run, target)
    scores = RunScores.read(run, target)
    _ = scores.cohorts  # made here, so that no other process makes them again
    with beside(partial(_draw, run, scores)), beside(partial(_pack, run, scores)) as packs:
        from bifseg.reports.tables import write_tables

        write_tables(run, target, scores)
        provenance(run, settings)
        from bifseg.reports.report import write_report
    with beside(partial(write_report, run, scores=scores, packs=packs.result())) as failed:
        _prune(run)
        records = run_records(run, target, scores)
    _say_report(run, failed.result())
    say_added(history, append_run(run, history, target, records))


def _draw(run: Path, scores: RunScores) -> None:
    from bifseg.reports.figures import write_figures

    write_figures(run, scores.target, scores)


def _pack(run: Path, scores: RunScores) -> dict[str, dict[str, Any]]:
    from bifseg.reports.report import pack_cohorts

    return pack_cohorts(run, scores)


def _prune(run: Path) -> None:
    """Remove the unpacked sessions of a run, at which no job is at work any more."""
    from bifseg.runs.run_folder import Run
    from bifseg.sessions.archive import Archive

    opened = Run(run)
    for condition in opened.conditions():
        Archive(opened.sessions(condition)).prune()
