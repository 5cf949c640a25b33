"""Every task is done and reported once, even if workers are killed."""

import os
import time
from collections import Counter
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest
from pool_workers import Killed, Raising, Writing, share_out_and_die

from bifseg.runs.pool import share_out


def finished_tasks(folder):
    return [int(line) for line in (folder / "done").read_text().split()]


def test_one_worker_runs_in_this_process_in_order(tmp_path):
    results = list(share_out(partial(Writing, tmp_path), [3, 1, 2], 1))
    assert results == [(3, os.getpid()), (1, os.getpid()), (2, os.getpid())]
    assert finished_tasks(tmp_path) == [3, 1, 2]
    assert (tmp_path / f"closed-{os.getpid()}").exists()


def test_several_workers_do_each_task_once_and_are_closed(tmp_path):
    process_of = dict(share_out(partial(Writing, tmp_path), range(12), 2))
    assert sorted(process_of) == sorted(finished_tasks(tmp_path)) == list(range(12))
    assert os.getpid() not in process_of.values()
    closed = {int(path.name.removeprefix("closed-")) for path in tmp_path.glob("closed-*")}
    assert set(process_of.values()) <= closed


def test_no_tasks_start_no_worker(tmp_path):
    assert list(share_out(partial(Writing, tmp_path), [], 2)) == []


@pytest.mark.parametrize("kills", [1, 2])
def test_a_killed_worker_loses_no_task(tmp_path, kills):
    for number in range(kills):
        (tmp_path / f"kill-{number}").touch()
    results = list(share_out(partial(Killed, tmp_path), range(8), 2))
    assert Counter(task for task, _ in results) == dict.fromkeys(range(8), 1)
    assert set(finished_tasks(tmp_path)) == set(range(8))


def test_a_task_that_always_kills_its_worker_is_an_error(tmp_path):
    for number in range(9):
        (tmp_path / f"kill-{number}").touch()
    with pytest.raises(BrokenProcessPool):
        list(share_out(partial(Killed, tmp_path), [3, 4], 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_in_a_worker_is_raised(tmp_path, workers):
    with pytest.raises(ValueError, match="two"):
        list(share_out(partial(Raising, tmp_path), range(40), workers))


@pytest.mark.parametrize("workers", [1, 2])
def test_work_can_be_cancelled(tmp_path, workers):
    work = share_out(partial(Writing, tmp_path), range(1000), workers)
    next(work)
    work.close()
    assert len(finished_tasks(tmp_path)) < 1000
    assert list(tmp_path.glob("closed-*"))


def test_workers_end_with_their_parent(tmp_path):
    """A parent that is killed leaves no process behind."""
    child = get_context("spawn").Process(target=share_out_and_die, args=(tmp_path,))
    child.start()
    child.join(60)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split() if int(pid) != child.pid]
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pids
    assert not any(_alive(pid) for pid in pids)


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
