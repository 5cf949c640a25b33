"""A pool of processes that survives killed ones: new processes do the tasks that are left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.util import Finalize
from typing import Any, Protocol, TypeVar

from bifseg.core.child_processes import end_with

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)

_MOST_DEATHS = 3


class Worker(Protocol[T_contra]):
    """Does tasks, one after the other; each process makes one worker."""

    def do(self, task: T_contra) -> Any:
        """The result of a task.

        Args:
            task: a task that a killed process may already have done in part or whole.

        Returns:
            Any value that can be pickled.
        """
        ...

    def close(self) -> None:
        """Release what the worker holds; called after the last task."""
        ...


def share_out(make: Callable[[], Worker[T]], tasks: Sequence[T], workers: int) -> Iterator[tuple[T, Any]]:
    """Do tasks in several processes.

    If a process is killed, new processes do all tasks that have no result yet.

    Args:
        make: makes a worker; it is pickled, like tasks and results.
        tasks: hashable tasks in the order of their start; none yields nothing.
        workers: most processes; with 1, this process does the tasks.

    Yields:
        Each task with its result, in the order of completion.

    Raises:
        BrokenProcessPool: processes were killed three times in a row without a further result.
        Exception: a worker raised it; tasks that have not started are dropped.
    """
    left = dict.fromkeys(tasks)
    if min(workers, len(left)) < 2:
        yield from _alone(make, list(left))
        return
    deaths = 0
    while left:
        try:
            for task, result in _together(make, list(left), workers):
                del left[task]
                deaths = 0
                yield task, result
        except BrokenProcessPool:
            deaths += 1
            if deaths == _MOST_DEATHS:
                raise


def _alone(make: Callable[[], Worker[T]], tasks: list[T]) -> Iterator[tuple[T, Any]]:
    worker = make()
    try:
        for task in tasks:
            yield task, worker.do(task)
    finally:
        worker.close()


def _together(make: Callable[[], Worker[T]], tasks: list[T], workers: int) -> Iterator[tuple[T, Any]]:
    count = min(workers, len(tasks))
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_start, initargs=(make, os.getpid()))
    try:
        futures = {pool.submit(_do, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Worker[Any]
"""The worker of a process of the pool."""


def _start(make: Callable[[], Worker[Any]], parent: int) -> None:
    global _worker
    end_with(parent)
    _worker = make()
    Finalize(None, _worker.close, exitpriority=10)


def _do(task: Any) -> Any:
    return _worker.do(task)
