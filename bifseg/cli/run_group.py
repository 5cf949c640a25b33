"""`bifseg plan-group` and `bifseg run-group`: the jobs of the workflow, each with all entries of a group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bifseg.cli.options import OutScores, RunFolder, Workers, naming
from bifseg.cli.progress import tracked, watched
from bifseg.cli.run import Shard, check_unchanged, count_text, share
from bifseg.core.wording import counted

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.core.metrics import Metric
    from bifseg.runs.run_folder import Run
    from bifseg.runs.session_worker import EntryJob
    from bifseg.runs.shard_plan import Trial

CohortName = Annotated[str, typer.Argument(help="name of a cohort of the run", show_default=False)]
Group = Annotated[
    str,
    typer.Argument(
        help="@NETWORK: bifseg's methods at a network; tools: those without one; METHOD or METHOD@NETWORK: a plug-in "
        "or program; GROUP+1: the entries that correct another entry's results",
        show_default=False,
    ),
]


def plan_group(
    run: RunFolder,
    cohort: CohortName,
    group: Group,
    plan: Annotated[Path, typer.Option(help="file for the plan", show_default=False)],
    job_minutes: Annotated[float, typer.Option(min=0, help="intended length of a job in minutes")] = 20,
    workers: Workers = 1,
) -> None:
    """Distribute the sessions of a group of entries over jobs of equal length; see `bifseg plan`."""
    from bifseg.runs.run_folder import Run
    from bifseg.runs.scheduling import plan_shards
    from bifseg.runs.shard_plan import write_plan

    opened = Run(run)
    jobs = opened.group(cohort, group)
    trials = _trials(opened, jobs)
    shards = plan_shards(jobs, trials, job_minutes, workers, watched(f"pilot of {group} on {cohort}"))
    write_plan(plan, shards)
    typer.echo(
        f"{counted(len(trials), 'trial')} of {counted(len(jobs), 'entry')} in {counted(len(shards), 'job')}"
    )


def run_group(
    run: RunFolder,
    cohort: CohortName,
    group: Group,
    out: OutScores,
    shard: Shard = "1/1",
    plan: Annotated[Path | None, typer.Option(help="plan of `bifseg plan-group`")] = None,
    workers: Workers = 1,
) -> None:
    """Run and score the sessions of a run's group of entries: one job of the workflow.

    Each entry's sessions lie in a folder of their own, as `bifseg run` stores them; undamaged sessions that match are
    kept. Methods of bifseg share a process; every plug-in and program has its own. OUT gets the scores of all entries.
    """
    from bifseg.analysis.scores import to_frame, write_scores
    from bifseg.core.metrics import with_own
    from bifseg.runs.run_folder import Run
    from bifseg.runs.shards import run_entries

    opened = Run(run)
    jobs, metrics = opened.group(cohort, group), with_own(opened.card.metrics)
    sizes = {trial: jobs[0].setup.rows[trial.object].voxels for trial in _trials(opened, jobs)}
    number, trials = share(sizes, shard, plan)
    protocols = Path(opened.card.cards) / "protocols"
    with naming(opened.folder):
        counts = run_entries(jobs, trials, number, workers, watched(f"{group} on {cohort}"))
    for job in jobs:
        with naming(job.setup.card_path):
            check_unchanged(job.setup, protocols / f"{job.setup.protocol_name}.yaml")
    typer.echo(count_text(counts) or "no objects in this shard")
    write_scores(to_frame(_rows(jobs, trials, metrics), metrics), out)


def _trials(run: Run, jobs: list[EntryJob]) -> list[Trial]:
    """The trials that at least one entry plays."""
    objects = run.objects(jobs[0].setup.cohort)
    return list(dict.fromkeys(trial for job in jobs for trial in job.setup.trials(objects)))


def _rows(jobs: list[EntryJob], trials: list[Trial], metrics: Sequence[Metric]) -> list[dict[str, object]]:
    """The scores of a shard's sessions, trial by trial, so that each truth is read once."""
    from bifseg.analysis.scores import score_session
    from bifseg.runs.exposure import exposures
    from bifseg.runs.shards import load_session, played_by
    from bifseg.sessions.archive import Archive

    members, rows = jobs[0].setup.cohort, []
    objects = [jobs[0].setup.rows[name] for name in dict.fromkeys(trial.object for trial in trials)]
    archives = [
        (
            Archive(job.folder),
            set(played_by(job, trials)),
            exposures(members, job.setup.card, job.setup.network, objects),
        )
        for job in jobs
    ]
    for trial in tracked("scoring")(trials):
        row = jobs[0].setup.rows[trial.object]
        truth, tolerance = members.truth(row), members.nsd_tolerance(row.structure)
        for archive, played, seen in archives:
            if trial in played:
                session = load_session(archive, row, trial)
                scored = score_session(session, truth, row.group, tolerance, metrics)
                rows += [step | {"exposure": seen[trial.object]} for step in scored]
    return rows
