"""`bifseg plan` and `bifseg run`: sessions of one method with the robot user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bifseg.cli.options import (
    CohortFolder,
    Device,
    MethodCardFile,
    NetworkFolder,
    Out,
    Replicates,
    RunName,
    Seed,
    Split,
    Threads,
    Workers,
    naming,
)
from bifseg.cli.progress import watched
from bifseg.core.errors import InputError

if TYPE_CHECKING:
    from bifseg.runs.job_setup import JobSetup
    from bifseg.runs.shard_plan import Task

StoppingRule = Annotated[
    Path, typer.Option(help="protocol card, config/protocols/NAME.yaml", show_default=False)
]


def plan(
    card: MethodCardFile,
    cohort: CohortFolder,
    protocol: StoppingRule,
    out: Out,
    plan: Annotated[Path, typer.Option(help="where the plan goes", show_default=False)],
    job_minutes: Annotated[float, typer.Option(min=0, help="how long a job of sessions should last")] = 20,
    network: NetworkFolder = None,
    split: Split = "test",
    name: RunName = "by-hand",
    seed: Seed = 2018,
    replicates: Replicates = 1,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = 1,
) -> None:
    """Share a method's sessions out among jobs, by what a few of them took: a tenth of a job's time is spent on it.

    The sessions of this pilot are kept in OUT, as those of `bifseg run` are.
    """
    from bifseg.runs.scheduling import plan_shards
    from bifseg.runs.shard_plan import write_plan

    setup, tasks = _lineup(card, cohort, protocol, network, split, name, seed, replicates, device, threads)
    with naming(card):
        shards = plan_shards(setup, tasks, out, job_minutes, workers, watched(f"pilot of {_title(setup)}"))
    write_plan(plan, shards)
    typer.echo(f"{len(tasks)} sessions in {len(shards)} jobs")


def run(
    card: MethodCardFile,
    cohort: CohortFolder,
    protocol: StoppingRule,
    out: Out,
    network: NetworkFolder = None,
    split: Split = "test",
    shard: Annotated[str, typer.Option(help="NUMBER/OF: this job's share of the objects")] = "1/1",
    plan: Annotated[
        Path | None, typer.Option(help="plan of `bifseg plan`; default: by the objects' sizes")
    ] = None,
    index: Annotated[Path | None, typer.Option(help="write a list of the shard's sessions here")] = None,
    name: RunName = "by-hand",
    seed: Seed = 2018,
    replicates: Replicates = 1,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = 1,
) -> None:
    """Play one method's sessions, kept together in OUT/shard-NUMBER.zip. Those that are there and match are kept.

    The method runs in processes of its own, which cannot read the cohort's files.
    """
    from bifseg.runs.shards import run_shard, write_index

    setup, tasks = _lineup(card, cohort, protocol, network, split, name, seed, replicates, device, threads)
    number, share = _share(setup, tasks, shard, plan)
    with naming(card):
        count = run_shard(setup, share, out, number, workers, watched(_title(setup)))
    told = [f"{n} {status}" for status, n in sorted(count.items()) if n]
    typer.echo(", ".join(told) or "no objects in this shard")
    if index:
        write_index(out, share, index)


def _lineup(
    card: Path,
    cohort: Path,
    protocol: Path,
    network: Path | None,
    split: str,
    run: str,
    seed: int,
    replicates: int,
    device: str,
    threads: int,
) -> tuple[JobSetup, list[Task]]:
    """What the options say, with the tasks of all shards."""
    from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
    from bifseg.cohorts.cohort import Cohort
    from bifseg.robot.box import box_kind
    from bifseg.robot.policies.registry import policy
    from bifseg.runs.job_setup import JobSetup

    rules, members = read_card(ProtocolCard, protocol), Cohort.load(cohort)
    with naming(protocol):
        policy(rules.policy)
        box_kind(rules.box)
    method = read_card(MethodCard, card)
    setup = JobSetup(
        run, seed, members, protocol.stem, rules, card, method, network, replicates, device, threads
    )
    return setup, setup.tasks(members.select(split=split))


def _share(setup: JobSetup, tasks: list[Task], shard: str, plan: Path | None) -> tuple[int, list[Task]]:
    """Number and tasks of a shard, NUMBER/OF, by a plan or the objects' sizes."""
    from bifseg.runs.scheduling import share_out_shards
    from bifseg.runs.shard_plan import read_plan

    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {shard}: write it as NUMBER/OF, for example 1/4")
    number, of = int(found[1]), int(found[2])
    if plan is None:
        return number, share_out_shards({task: setup.rows[task[0]].voxels for task in tasks}, of)[number - 1]
    shares = read_plan(plan)
    if sorted(task for share in shares.values() for task in share) != sorted(tasks):
        raise InputError(
            f"{plan}: plan: cut off, or of other objects or replicates; delete it and run snakemake, or "
            "`bifseg plan`, again"
        )
    return number, shares.get(number, [])


def _title(setup: JobSetup) -> str:
    network = f"@{setup.network.name}" if setup.network else ""
    return f"{setup.card_path.stem}{network} on {setup.cohort.name}, {setup.protocol_name}"
