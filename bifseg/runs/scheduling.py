"""How sessions are shared out among jobs: as many jobs as last about as long as asked for, the longest sessions first.

What a session takes is measured on a few of them, the pilot, spread over the sizes of the objects; the others are
expected to take a fixed time and so much a voxel of the object. The pilot's sessions are stored like any other, so
nothing is played twice.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from contextlib import closing
from math import ceil
from pathlib import Path
from time import monotonic

import numpy as np
from scipy.optimize import nnls

from bifseg.runs.job_setup import JobSetup
from bifseg.runs.shard_plan import Trial
from bifseg.runs.shards import Progress, missing, play_missing, unwatched
from bifseg.sessions.archive import Archive

PILOT_SHARE = 0.1
"""Of a job's length: after that time no further session of a pilot is begun."""


def plan_shards(
    setup: JobSetup,
    trials: Sequence[Trial],
    folder: Path,
    job_minutes: float,
    workers: int = 1,
    progress: Progress = unwatched,
) -> list[list[Trial]]:
    """The trials of each shard, after a pilot; a single shard where the pilot has played everything.

    Arguments as for `run_shard`; `job_minutes` is how long a job with so many workers should last.
    """
    sizes = {trial: float(setup.rows[trial.object].voxels) for trial in trials}
    order = spread(missing(setup, trials, folder), sizes)
    end = monotonic() + PILOT_SHARE * 60 * job_minutes
    with closing(play_missing(setup, order, folder, 0, workers)) as played:
        for _ in progress(played, len(order)):
            if monotonic() > end:
                break
    left = set(missing(setup, trials, folder))
    seconds = expected_seconds(
        sizes, measured_seconds(folder, [trial for trial in trials if trial not in left])
    )
    shards = ceil(sum(seconds[trial] for trial in left) / (60 * job_minutes * workers))
    return share_out_shards(seconds, max(shards, 1))


def measured_seconds(folder: Path, trials: Sequence[Trial]) -> dict[Trial, float]:
    """Seconds that each stored session took: robot and method together."""
    archive = Archive(folder)
    return {
        trial: sum(
            step.seconds["robot"] + step.seconds["machine"] for step in archive.load(trial.session).steps
        )
        for trial in trials
    }


def expected_seconds(sizes: Mapping[Trial, float], measured: Mapping[Trial, float]) -> dict[Trial, float]:
    """Expected seconds of each session: as measured, else a + b * size, fitted with a, b >= 0.

    Without a measurement a session takes as many seconds as its object has voxels: good for sharing out alone.
    """
    if not measured:
        return dict(sizes)
    known = list(measured)
    terms = np.array([[1.0, sizes[trial]] for trial in known])
    (fixed, a_voxel), _ = nnls(terms, np.array([measured[trial] for trial in known]))
    return {trial: measured.get(trial, float(fixed + a_voxel * size)) for trial, size in sizes.items()}


def share_out_shards(seconds: Mapping[Trial, float], shards: int) -> list[list[Trial]]:
    """Tasks by shard, each the longest first; the next longest always goes where least is (Graham 1969).

    The same for the same seconds, whatever their order. A shard may be empty.
    """
    found: list[list[Trial]] = [[] for _ in range(shards)]
    load = [(0.0, number) for number in range(shards)]
    for trial in sorted(seconds, key=lambda trial: (-seconds[trial], trial)):
        so_far, number = heapq.heappop(load)
        found[number].append(trial)
        heapq.heappush(load, (so_far + seconds[trial], number))
    return found


def spread(trials: Sequence[Trial], sizes: Mapping[Trial, float]) -> list[Trial]:
    """Tasks in an order whose every beginning covers the sizes evenly: the middle, the quarters, the eighths, ..."""
    ranked = sorted(trials, key=lambda trial: (sizes[trial], trial))
    bits = max(len(ranked) - 1, 1).bit_length()
    order = sorted(range(len(ranked)), key=lambda k: format(k, f"0{bits}b")[::-1])
    return [ranked[k] for k in order]
