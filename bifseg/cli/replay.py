"""`bifseg replay`: recorded interactions for another method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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
from bifseg.cli.progress import tracked, watched
from bifseg.core.errors import InputError


def replay(
    card: MethodCardFile,
    cohort: CohortFolder,
    out: Out,
    sessions: Annotated[
        Path | None, typer.Option(help="folder of sessions, `bifseg run --out`: their boxes and strokes")
    ] = None,
    scribbles: Annotated[
        Path | None,
        typer.Option(help="folder of a person's label maps: OBJECT.nii.gz, OBJECT.round-2.nii.gz"),
    ] = None,
    user: Annotated[
        str, typer.Option(help="who scribbled, a column of the scores; default: the folder's name")
    ] = "",
    foreground: Annotated[int, typer.Option(min=1, help="value of the object in the label maps")] = 1,
    background: Annotated[int, typer.Option(min=1, help="value of the background in the label maps")] = 2,
    box: Annotated[str, typer.Option(help="the robot's box around what a person scribbled on")] = "margin/1",
    protocol: Annotated[
        str, typer.Option(help="name of the protocol, a column of the scores; default: what is replayed")
    ] = "",
    network: NetworkFolder = None,
    split: Split = "test",
    name: RunName = "by-hand",
    seed: Seed = 2018,
    replicates: Replicates = 1,
    device: Device = "auto",
    workers: Workers = 1,
    threads: Threads = 1,
) -> None:
    """Give a method the boxes and strokes of stored sessions, or a person's scribbles, round by round.

    `bifseg score OUT` scores the sessions as all others. Those that are there and match are kept.
    """
    from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
    from bifseg.cohorts.cohort import Cohort
    from bifseg.robot.box import box_kind
    from bifseg.runs.job_setup import JobSetup
    from bifseg.runs.replay import recorded_scribbles, recorded_sessions, replay_of
    from bifseg.runs.shards import run_shard
    from bifseg.sessions.drawn_maps import Labels

    if (sessions is None) == (scribbles is None):
        raise InputError("--sessions or --scribbles: name one of them, what is to be replayed")
    if foreground == background:
        raise InputError(f"--foreground and --background: both are {foreground}; they must differ")
    box_kind(box)
    method, members, rules = read_card(MethodCard, card), Cohort.load(cohort), ProtocolCard(box=box)
    setup = JobSetup(name, seed, members, protocol, rules, card, method, network, replicates, device, threads)
    objects = list(members.select(split=split))
    if not objects:
        raise InputError(f"{cohort}: has no objects in the {split} split")
    reading = tracked("reading")(objects)
    if sessions:
        recordings, source = recorded_sessions(sessions, members, reading, replicates)
    else:
        assert scribbles is not None
        source = user or scribbles.resolve().name
        recordings = recorded_scribbles(scribbles, setup, reading, Labels(foreground, background), source)
    replayed = replay_of(setup, recordings, source)
    with naming(card):
        count = run_shard(replayed, replayed.tasks(objects), out, 1, workers, watched(card.stem))
    typer.echo(", ".join(f"{n} {status}" for status, n in sorted(count.items()) if n))
