"""Display of progress: a bar on a terminal, occasional lines in a log."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:  # --help must not import torch
    from bifseg.runs.shards import Played

T = TypeVar("T")
Show = Callable[[int, str], None]
"""Shows how many pieces of work are done, with a note."""

_AT_LEAST_S, _AT_MOST_S = 10, 60  # seconds between two lines of a log


@contextmanager
def showing(label: str, total: int) -> Iterator[Show]:
    """Show progress while a block runs.

    A log gets a line at each tenth of the work, but at most one in 10 s, and at least one in each minute with progress.

    Args:
        label: name of the work.
        total: number of its pieces.

    Yields:
        A function that shows how many pieces are done, the time spent and the time left.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(label, total).show
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=total, note="")
        yield lambda done, note: progress.update(task, completed=done, note=note)


def tracked(label: str) -> Callable[[Iterable[T]], Iterator[T]]:
    """A wrapper that shows how much of an iterable is done.

    Args:
        label: name of the work.

    Returns:
        A function that yields the items of an iterable.
    """

    def walk(items: Iterable[T]) -> Iterator[T]:
        listed = list(items)
        with showing(label, len(listed)) as show:
            for done, item in enumerate(listed, start=1):
                yield item
                show(done, "")

    return walk


def watched(label: str) -> Callable[[Iterable[Played], int], Iterator[Played]]:
    """A wrapper that shows how many sessions are done, and how many have each status other than `ok`.

    Args:
        label: name of the work.

    Returns:
        A function that passes on trials with their status; its second argument is their number.
    """

    def walk(played: Iterable[Played], total: int) -> Iterator[Played]:
        count: Counter[str] = Counter()
        with showing(label, total) as show:
            for task, status in played:
                count[status] += 1
                other_statuses = [f"{n} {status}" for status, n in sorted(count.items()) if status != "ok"]
                show(count.total(), ", ".join(other_statuses))
                yield task, status

    return walk


class _Lines:
    """Progress in a log."""

    def __init__(self, label: str, total: int) -> None:
        self._label, self._total = label, total
        self._started = self._last = monotonic()
        self._tenths = 0

    def show(self, done: int, note: str) -> None:
        """Write a line if one is due."""
        now, tenths = monotonic(), 10 * done // max(self._total, 1)
        if now - self._last < (_AT_LEAST_S if tenths > self._tenths else _AT_MOST_S):
            return
        self._tenths, self._last = tenths, now
        spent = now - self._started
        left = timedelta(seconds=round(spent / done * (self._total - done)))
        parts = [f"{done} of {self._total}", note, f"{timedelta(seconds=round(spent))} spent, {left} left"]
        print(f"{self._label}: {', '.join(filter(None, parts))}", file=sys.stderr, flush=True)
