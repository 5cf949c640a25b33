"""Whether a run's results can be reproduced: a sample of its sessions is played again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.core.overlap import dice
from bifseg.core.seeds import generator
from bifseg.runs.run_folder import Condition, Run
from bifseg.sessions.archive import Archive
from bifseg.sessions.game import play
from bifseg.sessions.record import Session


@dataclass(frozen=True)
class Verdict:
    """One session, played again.

    Attributes:
        same: to the bit: box, strokes, masks, and how it ended.
        dice: the least Dice between a stored result and its repetition; 0 where there is no such result.
        outdated: whether cards, weights or code have changed since the session was played.
    """

    condition: Condition
    name: str
    same: bool
    dice: float
    outdated: bool


def reproduce(folder: Path, sample: int) -> Iterator[Verdict]:
    """Play `sample` sessions of every entry of a finished run again; which ones depends on the run's seed alone.

    Raises:
        InputError: no such run, or a session, a card or a weights file of it is missing.
    """
    run = Run(folder)
    for condition in run.conditions():
        cohort = run.cohort(condition.cohort)
        setup, archive, trials = (
            run.setup(condition, cohort),
            Archive(run.sessions(condition)),
            run.trials(cohort),
        )
        rng = generator(run.card.seed, "reproduce", condition.cohort, condition.protocol, condition.entry)
        chosen = rng.permutation(len(trials))[:sample]
        method = setup.method(run.sessions(condition))
        try:
            for k in sorted(chosen):
                stored = archive.load(trials[k].session)
                again = play(setup.user(trials[k]), method)
                outdated = stored.fingerprint != setup.fingerprint(trials[k])
                yield Verdict(condition, trials[k].session, *compare(stored, again), outdated)
        finally:
            method.close()


def compare(one: Session, other: Session) -> tuple[bool, float]:
    """Whether two sessions are the same to the bit but for times, and the least Dice between results of one step."""
    if one.box != other.box or len(one.steps) != len(other.steps):
        return False, 0.0
    pairs = [(a.mask, b.mask) for a, b in zip(one.steps, other.steps, strict=True)]
    least = min((1.0 if np.array_equal(a, b) else dice(a, b) for a, b in pairs), default=1.0)
    return _facts(one) == _facts(other), least


def _facts(session: Session) -> tuple[Any, ...]:
    steps = [
        (step.name, step.mask.tobytes(), [(s.foreground, s.voxels.tolist()) for s in step.strokes])
        for step in session.steps
    ]
    return session.status, session.ended, steps
