"""Distribution of sessions over jobs of about the requested length, the longest sessions first.

A pilot measures a few sessions, spread over the sizes of the objects. The others are expected to take a fixed time
plus a time per voxel of the object. The pilot's sessions are stored like all others, so that none is run twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from contextlib import closing
from math import ceil
from pathlib import Path
from time import monotonic

import numpy as np

from bifseg.core.errors import InputError
from bifseg.runs.session_worker import EntryJob
from bifseg.runs.shard_plan import Trial
from bifseg.runs.shards import Progress, missing_of, play_missing, played_by, unwatched
from bifseg.sessions.archive import Archive

_PILOT_SHARE = 0.1
"""Longest pilot as a fraction of a job's length; no session of the pilot starts later."""


def plan_shards(
    jobs: Sequence[EntryJob],
    trials: Sequence[Trial],
    job_minutes: float,
    workers: int = 1,
    progress: Progress = unwatched,
) -> list[list[Trial]]:
    """The trials of each shard; runs the pilot first.

    Args:
        jobs: the entries of each job, all on the same cohort.
        trials: all trials of the entries.
        job_minutes: length of a job with this many workers.
        workers: processes of a job.
        progress: shows the pilot's progress.

    Returns:
        Trials by shard, the longest first; one shard if the pilot has run all missing sessions.

    Raises:
        InputError: a method cannot play here or changed its base network, or objects cannot be read.
    """
    sizes = {trial: float(jobs[0].setup.rows[trial.object].voxels) for trial in trials}
    tasks = dict(missing_of(jobs, trials))
    order = [(trial, tasks[trial]) for trial in spread(list(tasks), sizes)]
    end, problems = monotonic() + _PILOT_SHARE * 60 * job_minutes, dict[str, str]()
    with closing(play_missing(jobs, order, 0, workers, problems)) as played:
        for _ in progress(played, sum(len(entries) for _, entries in order)):
            if monotonic() > end:
                break
    left = dict(missing_of(jobs, trials))
    played_s, left_s = _expected_by_trial(jobs, trials, sizes, left)
    if not any(played_s.values()):
        if problems:
            raise InputError("; ".join(dict.fromkeys(problems.values())))
        return share_out_shards(sizes, 1)
    shards = ceil(sum(left_s.values()) / (60 * job_minutes * workers))
    return share_out_shards(played_s, max(min(shards, len(left)), 1))


def _expected_by_trial(
    jobs: Sequence[EntryJob],
    trials: Sequence[Trial],
    sizes: Mapping[Trial, float],
    left: Mapping[Trial, tuple[int, ...]],
) -> tuple[dict[Trial, float], dict[Trial, float]]:
    """Expected seconds of each trial by all its entries, and of each trial that is left by those that must play it."""
    played_s, left_s = dict.fromkeys(trials, 0.0), dict.fromkeys(left, 0.0)
    for number, job in enumerate(jobs):
        of_entry = played_by(job, trials)
        done = [trial for trial in of_entry if number not in left.get(trial, ())]
        measured = measured_seconds(job.folder, done)
        if not measured:
            continue  # the entry cannot play, which its job will report
        expected = expected_seconds({trial: sizes[trial] for trial in of_entry}, measured)
        for trial in of_entry:
            played_s[trial] += expected[trial]
            if trial not in measured:
                left_s[trial] += expected[trial]
    return played_s, left_s


def measured_seconds(folder: Path, trials: Sequence[Trial]) -> dict[Trial, float]:
    """Measured length of stored sessions.

    Args:
        folder: the folder of an entry's sessions.
        trials: trials whose sessions are stored.

    Returns:
        Seconds of robot and method together, by trial.
    """
    archive = Archive(folder)
    return {
        trial: sum(
            step.seconds["robot"] + step.seconds["machine"] for step in archive.load(trial.session).steps
        )
        for trial in trials
    }


def expected_seconds(sizes: Mapping[Trial, float], measured: Mapping[Trial, float]) -> dict[Trial, float]:
    """Expected length of sessions: the measured one, else a + b * size, a least-squares fit with a, b >= 0.

    Args:
        sizes: voxels of each trial's object.
        measured: seconds of some of these trials.

    Returns:
        Seconds by trial. Without measurements they are the sizes, which only serve to balance shards.
    """
    if not measured:
        return dict(sizes)
    from scipy.optimize import nnls

    known = list(measured)
    terms = np.array([[1.0, sizes[trial]] for trial in known])
    (fixed, per_voxel), _ = nnls(terms, np.array([measured[trial] for trial in known]))
    return {trial: measured.get(trial, float(fixed + per_voxel * size)) for trial, size in sizes.items()}


def share_out_shards(seconds: Mapping[Trial, float], shards: int) -> list[list[Trial]]:
    """Balanced shards: the next longest trial goes to the shard with the least time (LPT rule, Graham 1969).

    Args:
        seconds: expected length by trial; its order has no influence.
        shards: number of shards.

    Returns:
        Trials by shard, the longest first; a shard may be empty.
    """
    parts: list[list[Trial]] = [[] for _ in range(shards)]
    load = [(0.0, number) for number in range(shards)]
    for trial in sorted(seconds, key=lambda trial: (-seconds[trial], trial)):
        total, number = heapq.heappop(load)
        parts[number].append(trial)
        heapq.heappush(load, (total + seconds[trial], number))
    return parts


def spread(trials: Sequence[Trial], sizes: Mapping[Trial, float]) -> list[Trial]:
    """Trials in an order in which the first few always cover the range of sizes: bit-reversed ranks.

    Args:
        trials: trials in any order.
        sizes: voxels of each trial's object.

    Returns:
        The same trials.
    """
    ranked = sorted(trials, key=lambda trial: (sizes[trial], trial))
    bits = max(len(ranked) - 1, 1).bit_length()
    order = sorted(range(len(ranked)), key=lambda k: format(k, f"0{bits}b")[::-1])
    return [ranked[k] for k in order]
