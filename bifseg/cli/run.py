"""`bifseg plan` and `bifseg run`: run the sessions of one method with the simulated user."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bifseg.cli.job_options import JobOptions
from bifseg.cli.option_groups import with_option_groups
from bifseg.cli.options import naming
from bifseg.cli.progress import watched
from bifseg.core.errors import InputError
from bifseg.core.wording import counted

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.runs.job_setup import JobSetup
    from bifseg.runs.shard_plan import Trial

ProtocolCardFile = Annotated[
    Path,
    typer.Option(help="protocol card, config/protocols/NAME.yaml, or NAME.level-4.yaml", show_default=False),
]
Shard = Annotated[str, typer.Option(help="NUMBER/OF: this job's part of the sessions")]


@with_option_groups
def plan(
    job: JobOptions,
    protocol: ProtocolCardFile,
    plan: Annotated[Path, typer.Option(help="file for the plan", show_default=False)],
    job_minutes: Annotated[float, typer.Option(min=0, help="intended length of a job in minutes")] = 20,
) -> None:
    """Distribute a method's sessions over jobs of equal length, by the time that a few of them take.

    This pilot takes at most a tenth of a job's time. OUT keeps its sessions like those of `bifseg run`.
    """
    from bifseg.runs.scheduling import plan_shards
    from bifseg.runs.session_worker import EntryJob
    from bifseg.runs.shard_plan import write_plan

    setup, trials = _setup(job, protocol)
    with naming(job.card):
        progress = watched(f"pilot of {_title(setup)}")
        shards = plan_shards([EntryJob(setup, job.out)], trials, job_minutes, job.workers, progress)
    write_plan(plan, shards)
    typer.echo(f"{counted(len(trials), 'session')} in {counted(len(shards), 'job')}")


@with_option_groups
def run(
    job: JobOptions,
    protocol: ProtocolCardFile,
    shard: Shard = "1/1",
    plan: Annotated[
        Path | None, typer.Option(help="plan of `bifseg plan`; default: parts by the objects' sizes")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="file for a list of the shard's sessions; default: no list")
    ] = None,
) -> None:
    """Run a method's sessions and store them in OUT/shard-NUMBER.zip; undamaged sessions that match are kept.

    The method runs in its own processes, which cannot read the cohort's files.
    """
    from bifseg.runs.shards import run_shard, write_index

    setup, trials = _setup(job, protocol)
    number, of_shard = share({trial: setup.rows[trial.object].voxels for trial in trials}, shard, plan)
    with naming(job.card):
        counts = run_shard(setup, of_shard, job.out, number, job.workers, watched(_title(setup)))
        check_unchanged(setup, protocol)
    typer.echo(count_text(counts) or "no objects in this shard")
    if index:
        write_index(job.out, of_shard, index)


def check_unchanged(setup: JobSetup, protocol: Path) -> None:
    """Raise InputError if a card was edited while a job used it: the workflow would not notice.

    Args:
        setup: of the job, with the cards as they were when it began.
        protocol: the protocol card's file.
    """
    from bifseg.cards.cards import MethodCard, read_card
    from bifseg.cards.protocol_levels import read_protocol

    now = read_card(MethodCard, setup.card_path), read_protocol(protocol)
    if now != (setup.card, setup.protocol):
        raise InputError("this card or the protocol's was edited while its sessions were played; start again")


def count_text(counts: Counter[str]) -> str:
    """The number of sessions by status, as text.

    Args:
        counts: number of sessions by status.

    Returns:
        For example `12 kept, 40 ok`; empty without sessions.
    """
    return ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if n)


def _setup(job: JobOptions, protocol: Path) -> tuple[JobSetup, list[Trial]]:
    """The setup that the options describe, and the trials of all shards."""
    from bifseg.cards.protocol_levels import read_protocol

    setup = job.setup(protocol.stem, read_protocol(protocol))
    return setup, setup.trials(setup.cohort.select(split=job.split))


def share(sizes: Mapping[Trial, int], shard: str, plan: Path | None) -> tuple[int, list[Trial]]:
    """Number and trials of a shard, by a plan or by the objects' sizes.

    Args:
        sizes: voxels of each trial's object.
        shard: NUMBER/OF.
        plan: file of `write_plan`; None: shards of equal size.

    Returns:
        The number, from 1, and the trials in the order of their start.

    Raises:
        InputError: the shard is written wrongly, or the plan is not of these trials.
    """
    from bifseg.runs.scheduling import share_out_shards
    from bifseg.runs.shard_plan import read_plan

    match = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise InputError(f"--shard {shard}: write it as NUMBER/OF, for example 1/4")
    number, of = int(match[1]), int(match[2])
    if plan is None:
        return number, share_out_shards(sizes, of)[number - 1]
    shares = read_plan(plan)
    if sorted(trial for trials in shares.values() for trial in trials) != sorted(sizes):
        raise InputError(
            f"{plan}: plan: incomplete, or for other objects or replicates; delete it, then run snakemake or "
            "`bifseg plan` again"
        )
    return number, shares.get(number, [])


def _title(setup: JobSetup) -> str:
    network = f"@{setup.network.name}" if setup.network else ""
    return f"{setup.card_path.stem}{network} on {setup.cohort.name}, {setup.protocol_name}"
