"""Tasks shared out among processes that may be killed: what was not done is done by others."""

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
    """What is made once in each process and does one task after the other."""

    def do(self, task: T_contra) -> Any:
        """The result of a task; doing a task again must do no harm."""
        ...

    def close(self) -> None:
        """Called when there is no more to do."""
        ...


def share_out(make: Callable[[], Worker[T]], tasks: Sequence[T], workers: int) -> Iterator[tuple[T, Any]]:
    """Each task with its result, as they are done.

    When a process is killed, new ones do what is left, the tasks in hand from their beginning.

    Args:
        make: makes a worker; it is pickled, as tasks and results are.
        tasks: hashable, begun in this order.
        workers: most processes; a single one is this process itself.

    Raises:
        BrokenProcessPool: processes were killed three times before a further task was done.
        Exception: what a worker raised; tasks not begun are left.
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
    crew = min(workers, len(tasks))
    pool = ProcessPoolExecutor(crew, get_context("spawn"), initializer=_begin, initargs=(make, os.getpid()))
    try:
        futures = {pool.submit(_do, task): task for task in tasks}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_worker: Worker[Any]
"""The worker of this process, in a process of the pool."""


def _begin(make: Callable[[], Worker[Any]], parent: int) -> None:
    global _worker
    end_with(parent)
    _worker = make()
    Finalize(None, _worker.close, exitpriority=10)


def _do(task: Any) -> Any:
    return _worker.do(task)
