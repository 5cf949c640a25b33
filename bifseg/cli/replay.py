"""`bifseg replay`: gives recorded boxes and strokes to another method."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bifseg.cli.job_options import JobOptions
from bifseg.cli.option_groups import with_option_groups
from bifseg.cli.options import naming
from bifseg.cli.progress import tracked, watched
from bifseg.cli.run import count_text
from bifseg.core.errors import InputError
from bifseg.core.wording import counted

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.cohorts.objects import ObjectRow
    from bifseg.runs.job_setup import JobSetup
    from bifseg.runs.replay import Replay


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where the strokes come from: stored sessions, or a person's label maps; each field is an option."""

    sessions: Annotated[
        Path | None,
        typer.Option(help="folder of sessions (`bifseg run --out`) whose boxes and strokes are replayed"),
    ] = None
    scribbles: Annotated[
        Path | None,
        typer.Option(help="folder of a person's label maps to replay: OBJECT.nii.gz, OBJECT.round-2.nii.gz"),
    ] = None
    user: Annotated[
        str,
        typer.Option(help="name of the person, a column of the scores; default: the folder's name"),
    ] = ""
    foreground: Annotated[int, typer.Option(min=1, help="value of the object in the label maps")] = 1
    background: Annotated[int, typer.Option(min=1, help="value of the background in the label maps")] = 2
    box: Annotated[str, typer.Option(help="kind of box that the robot draws for a person's scribbles")] = (
        "margin/1"
    )

    def check(self) -> None:
        """Check what no file is needed for.

        Raises:
            InputError: there are no sources or two, the labels are equal, or the box is unknown.
        """
        from bifseg.robot.box import box_kind

        if (self.sessions is None) == (self.scribbles is None):
            raise InputError("--sessions or --scribbles: give exactly one of them")
        if self.foreground == self.background:
            raise InputError(f"--foreground and --background: both are {self.foreground}; they must differ")
        box_kind(self.box)

    def replay(self, setup: JobSetup, objects: Iterable[ObjectRow], replicates: int) -> Replay:
        """The replay of the source's prompts.

        Args:
            setup: the cohort, the method and its network.
            objects: objects that are played.
            replicates: sessions of each object.

        Returns:
            A setup whose user repeats the prompts.

        Raises:
            InputError: the prompts of an object are missing or damaged, or were drawn on another image.
        """
        from bifseg.runs.replay import recorded_rules, recorded_scribbles, recorded_sessions, replay_of
        from bifseg.sessions.drawn_maps import Labels

        if self.sessions:
            setup = replace(setup, protocol=setup.protocol.model_copy(update=recorded_rules(self.sessions)))
            return replay_of(setup, *recorded_sessions(self.sessions, setup.cohort, objects, replicates))
        assert self.scribbles is not None
        person, labels = self.user or self.scribbles.resolve().name, Labels(self.foreground, self.background)
        return replay_of(setup, recorded_scribbles(self.scribbles, setup, objects, labels, person), person)


@with_option_groups
def replay(
    job: JobOptions,
    source: SourceOptions,
    protocol: Annotated[
        str,
        typer.Option(help="name of the protocol, a column of the scores; default: name of the recording"),
    ] = "",
) -> None:
    """Run a method with the boxes and strokes of stored sessions, or with a person's scribbles, round by round.

    `bifseg score OUT` scores these sessions like any others. Undamaged sessions that match are kept.
    """
    from bifseg.cards.cards import ProtocolCard
    from bifseg.runs.shards import run_shard, with_sessions

    source.check()
    setup = job.setup(protocol, ProtocolCard(box=source.box))
    objects = list(setup.cohort.select(split=job.split))
    if not objects:
        raise InputError(f"{job.cohort}: has no objects in the {job.split} split; name another by --split")
    played = with_sessions(source.sessions, objects) if source.sessions else objects
    replayed = source.replay(setup, tracked("reading")(played), job.replicates)
    if others := len(objects) - len(played):
        typer.echo(
            f"not replayed, since {source.sessions} has no session of them: {counted(others, 'object')}"
        )
    with naming(job.card):
        counts = run_shard(replayed, replayed.trials(played), job.out, 1, job.workers, watched(job.card.stem))
    typer.echo(count_text(counts))
