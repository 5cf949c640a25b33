"""Reproduction of a run's results: a sample of its sessions is run again and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bifseg.core.overlap import dice
from bifseg.core.seeds import generator
from bifseg.runs.run_folder import Condition, Run
from bifseg.runs.session_worker import play_trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Session


@dataclass(frozen=True)
class Verdict:
    """The comparison of a stored session with its repetition.

    Attributes:
        condition: the session's entry, protocol and cohort.
        name: the session's name.
        same: whether box, strokes, masks and ending are exactly equal.
        dice: the least Dice between results of the same step; 0 if the steps do not correspond.
        outdated: whether cards, weights or code have changed since the session was stored.
    """

    condition: Condition
    name: str
    same: bool
    dice: float
    outdated: bool


def reproduce(folder: Path, sample: int) -> Iterator[Verdict]:
    """Run a sample of a finished run's sessions again.

    Args:
        folder: RESULTS/RUN.
        sample: sessions of every condition, drawn by the run's seed alone.

    Yields:
        One comparison a session, condition by condition.

    Raises:
        InputError: there is no such run, or one of its sessions, cards or weights files is missing.
    """
    run = Run(folder)
    for condition in run.conditions():
        cohort = run.cohort(condition.cohort)
        setup, archive = run.setup(condition, cohort), Archive(run.sessions(condition))
        trials = setup.trials(run.objects(cohort))
        rng = generator(run.card.seed, "reproduce", condition.cohort, condition.protocol, condition.entry)
        chosen = rng.permutation(len(trials))[:sample]
        method = setup.method(run.sessions(condition))
        try:
            for k in sorted(chosen):
                stored = archive.load(trials[k].session)
                again = play_trial(setup, trials[k], setup.user(trials[k]), method)
                outdated = stored.fingerprint != setup.fingerprint(trials[k])
                yield Verdict(condition, trials[k].session, *compare_sessions(stored, again), outdated)
        finally:
            method.close()


def compare_sessions(one: Session, other: Session) -> tuple[bool, float]:
    """Whether two sessions are equal, and how close their results are.

    Args:
        one: a session.
        other: a session on the same object.

    Returns:
        Whether everything but times is exactly equal, and the least Dice between results of the same step: 1 without
        steps, 0 if box or number of steps differ.
    """
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
