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
from bifseg.runs.shard_plan import Task
from bifseg.runs.shards import Progress, missing, play_missing, session_name, unwatched
from bifseg.sessions.archive import Archive

PILOT_SHARE = 0.1
"""Of a job's length: after that time no further session of a pilot is begun."""


def plan_shards(
    setup: JobSetup,
    tasks: Sequence[Task],
    folder: Path,
    job_minutes: float,
    workers: int = 1,
    progress: Progress = unwatched,
) -> list[list[Task]]:
    """The tasks of each shard, after a pilot; a single shard where the pilot has played everything.

    Arguments as for `run_shard`; `job_minutes` is how long a job with so many workers should last.
    """
    sizes = {task: float(setup.rows[task[0]].voxels) for task in tasks}
    order = spread(missing(setup, tasks, folder), sizes)
    end = monotonic() + PILOT_SHARE * 60 * job_minutes
    with closing(play_missing(setup, order, folder, 0, workers)) as played:
        for _ in progress(played, len(order)):
            if monotonic() > end:
                break
    left = set(missing(setup, tasks, folder))
    seconds = expected_seconds(sizes, measured_seconds(folder, [task for task in tasks if task not in left]))
    shards = ceil(sum(seconds[task] for task in left) / (60 * job_minutes * workers))
    return share_out_shards(seconds, max(shards, 1))


def measured_seconds(folder: Path, tasks: Sequence[Task]) -> dict[Task, float]:
    """What stored sessions took: robot and method."""
    archive = Archive(folder)
    return {
        task: sum(
            step.seconds["robot"] + step.seconds["machine"]
            for step in archive.load(session_name(*task)).steps
        )
        for task in tasks
    }


def expected_seconds(sizes: Mapping[Task, float], measured: Mapping[Task, float]) -> dict[Task, float]:
    """What each session is expected to take: what was measured, else a + b size, fitted with a, b >= 0.

    Without a measurement a session takes as many seconds as its object has voxels: good for sharing out alone.
    """
    if not measured:
        return dict(sizes)
    known = list(measured)
    terms = np.array([[1.0, sizes[task]] for task in known])
    (fixed, a_voxel), _ = nnls(terms, np.array([measured[task] for task in known]))
    return {task: measured.get(task, float(fixed + a_voxel * size)) for task, size in sizes.items()}


def share_out_shards(seconds: Mapping[Task, float], shards: int) -> list[list[Task]]:
    """Tasks by shard, each the longest first; the next longest always goes where least is (Graham 1969).

    The same for the same seconds, whatever their order. A shard may be empty.
    """
    found: list[list[Task]] = [[] for _ in range(shards)]
    load = [(0.0, number) for number in range(shards)]
    for task in sorted(seconds, key=lambda task: (-seconds[task], task)):
        so_far, number = heapq.heappop(load)
        found[number].append(task)
        heapq.heappush(load, (so_far + seconds[task], number))
    return found


def spread(tasks: Sequence[Task], sizes: Mapping[Task, float]) -> list[Task]:
    """Tasks in an order whose every beginning covers the sizes evenly: the middle, the quarters, the eighths, ..."""
    ranked = sorted(tasks, key=lambda task: (sizes[task], task))
    bits = max(len(ranked) - 1, 1).bit_length()
    order = sorted(range(len(ranked)), key=lambda k: format(k, f"0{bits}b")[::-1])
    return [ranked[k] for k in order]
