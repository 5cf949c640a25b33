"""The processes that this one started, and the memory that they take together. Linux only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessTree:
    """The processes that this one started, directly or through others."""

    def __init__(self) -> None:
        self._foreign = {0, 1}  # remembered, because a node may run thousands of processes

    def numbers(self) -> set[int]:
        """The numbers of the processes that run now, and of those that ended and that nobody has waited for.

        Returns:
            Process numbers; none on other systems than Linux.
        """
        numbers = (
            set(map(int, filter(str.isdecimal, os.listdir("/proc")))) if sys.platform == "linux" else set()
        )
        self._foreign = (self._foreign & numbers) | {0, 1}
        parents = {number: parent_of(number) for number in numbers - self._foreign}
        own = {os.getpid()}
        for number in parents:
            chain: set[int] = set()
            above: int | None = number
            while above in parents and above not in own | chain:
                chain.add(above)
                above = parents[above]
            if above in own:
                own |= chain
            elif above in self._foreign:
                self._foreign |= chain
        return own - {os.getpid()}


def memory_above(processes: Iterable[int], most: float) -> int:
    """The memory of processes if it exceeds a limit.

    Memory that processes share counts once if the kernel reports it (Pss of `smaps_rollup`, Linux 4.14), otherwise once
    per process. Reading it takes longer, so we do it only if the processes seem to exceed the limit.

    Args:
        processes: process numbers.
        most: limit in bytes.

    Returns:
        Bytes; 0 if they are within the limit.
    """
    resident = {process: _resident(process) for process in processes}
    if sum(resident.values()) <= most:
        return 0
    total = sum(_proportional(process, size) for process, size in resident.items())
    return total if total > most else 0


def parent_of(process: int) -> int | None:
    """The number of a process's parent.

    Args:
        process: process number.

    Returns:
        0 for the first process of the system; None if the process is gone, and on other systems than Linux.
    """
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/stat", "rb") as stream:
        return int(stream.read().rpartition(b")")[2].split()[1])
    return None


def _resident(process: int) -> int:
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/statm", "rb") as stream:
        return int(stream.read().split()[1]) * _PAGE
    return 0


def _proportional(process: int, resident: int) -> int:
    """Memory of a process, with an n-th of each page that n processes share; `resident` if the kernel does not say."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{process}/smaps_rollup", "rb") as stream:
        for line in stream:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident
