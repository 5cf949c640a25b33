"""`bifseg replay`: gives recorded boxes and strokes to another method."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bifseg.cli.job_options import JobOptions
from bifseg.cli.option_groups import with_option_groups
from bifseg.cli.options import naming
from bifseg.cli.progress import tracked, watched
from bifseg.cli.run import count_text
from bifseg.core.errors import InputError
from bifseg.core.wording import counted


@with_option_groups
def replay(
    job: JobOptions,
    sessions: Annotated[
        Path | None,
        typer.Option(help="folder of sessions (`bifseg run --out`) whose boxes and strokes are replayed"),
    ] = None,
    scribbles: Annotated[
        Path | None,
        typer.Option(help="folder of a person's label maps to replay: OBJECT.nii.gz, OBJECT.round-2.nii.gz"),
    ] = None,
    user: Annotated[
        str,
        typer.Option(help="name of the person, a column of the scores; default: the folder's name"),
    ] = "",
    foreground: Annotated[int, typer.Option(min=1, help="value of the object in the label maps")] = 1,
    background: Annotated[int, typer.Option(min=1, help="value of the background in the label maps")] = 2,
    box: Annotated[
        str, typer.Option(help="kind of box that the robot draws for a person's scribbles")
    ] = "margin/1",
    protocol: Annotated[
        str,
        typer.Option(help="name of the protocol, a column of the scores; default: name of the recording"),
    ] = "",
) -> None:
    """Run a method with the boxes and strokes of stored sessions, or with a person's scribbles, round by round.

    `bifseg score OUT` scores these sessions like any others. Undamaged sessions that match are kept.
    """
    from bifseg.cards.cards import ProtocolCard
    from bifseg.robot.box import box_kind
    from bifseg.runs.replay import recorded_rules, recorded_scribbles, recorded_sessions, replay_of
    from bifseg.runs.shards import run_shard, with_sessions
    from bifseg.sessions.drawn_maps import Labels

    if (sessions is None) == (scribbles is None):
        raise InputError("--sessions or --scribbles: give exactly one of them")
    if foreground == background:
        raise InputError(f"--foreground and --background: both are {foreground}; they must differ")
    box_kind(box)
    setup = job.setup(protocol, ProtocolCard(box=box))
    objects = list(setup.cohort.select(split=job.split))
    if not objects:
        raise InputError(f"{job.cohort}: has no objects in the {job.split} split")
    played = with_sessions(sessions, objects) if sessions else objects
    reading = tracked("reading")(played)
    if sessions:
        rules = setup.protocol.model_copy(update=recorded_rules(sessions))
        setup = replace(setup, protocol=rules)
        recordings, source = recorded_sessions(sessions, setup.cohort, reading, job.replicates)
    else:
        assert scribbles is not None
        source = user or scribbles.resolve().name
        recordings = recorded_scribbles(scribbles, setup, reading, Labels(foreground, background), source)
    if others := len(objects) - len(played):
        typer.echo(f"not replayed, since {sessions} has no session of them: {counted(others, 'object')}")
    replayed = replay_of(setup, recordings, source)
    with naming(job.card):
        counts = run_shard(replayed, replayed.trials(played), job.out, 1, job.workers, watched(job.card.stem))
    typer.echo(count_text(counts))
