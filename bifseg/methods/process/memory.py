"""Whether a method failed for lack of memory: available memory, the kernel's counter, and words in error messages."""

from __future__ import annotations

import re
from contextlib import suppress
from math import inf, prod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bifseg.core.geometry import Box

_WORDS = re.compile(
    r"out of memory|not enough memory|memoryerror|bad_alloc|cannot allocate|unable to allocate", re.I
)
_MIB = 2**20
BYTES_PER_VOXEL = {
    "base-net": 24.0,
    "base-crf": 32.0,
    "bifseg": 40.0,
    "grabcut": 680.0,
    "grabcut-opencv": 230.0,
    "slic-seg": 510.0,
    "random-walks": 530.0,  # and at most 1.5 GB for a slice, which is solved directly
    "geos": 670.0,
    "growcut": 235.0,
}
"""Bytes that each registered method needs for a voxel of the box, from measured peaks (docs/reliability.md).

Networks see a box scaled to their input size, so that theirs is what the image and the result need.
"""
SECONDS_PER_MILLION_VOXELS = {"base-net": 0.9, "base-crf": 3.0, "bifseg": 5.0}
"""Measured with one round on a box of 108 million voxels, one core (docs/reliability.md); BIFSeg had not ended then."""
LARGE_BOX = 10**7
"""Voxels from which on a session may take minutes."""
_CGROUPS = {
    "": ("/sys/fs/cgroup", "memory.max", "memory.current"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Root and files of limit and usage, by the controller in /proc/self/cgroup: control groups version 2, version 1."""


def memory_prefix(text: str) -> str:
    """The prefix `out of memory: ` for an error message that says so in other words.

    Args:
        text: the message of an exception or the last lines of a program.

    Returns:
        The prefix; empty if the text has another reason or has the prefix already.
    """
    return "out of memory: " if _WORDS.search(text) and not text.startswith("out of memory") else ""


def remark_on(box: Box) -> str:
    """What to say of a large box when its session takes too long.

    Args:
        box: of the session.

    Returns:
        The end of a message; empty for other boxes.
    """
    if prod(box.shape) < LARGE_BOX:
        return ""
    return f"; its box has {' x '.join(map(str, box.shape))} voxels: raise the protocol's time_limit_s"


def kills_for_memory() -> int:
    """The number of processes that the kernel has killed on this machine for lack of memory.

    Returns:
        `oom_kill` of /proc/vmstat; 0 on systems without it.
    """
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def available_mb() -> float:
    """The memory that this process may still take: the least that the machine and its control groups leave.

    Returns:
        MiB, with free swap; infinity on systems without /proc/meminfo and control groups.
    """
    left = [inf]
    with suppress(OSError):
        lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
        left.append(sum(int(line[1]) for line in lines if line[0] in ("MemAvailable:", "SwapFree:")) / 1024)
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if controllers in _CGROUPS:
                left += _left_in_groups(*_CGROUPS[controllers], group)
    return min(left)


def _left_in_groups(root: str, limit: str, usage: str, group: str) -> list[float]:
    """MiB that a control group and each of its parents may still take."""
    folder = Path(root) / group.lstrip("/")
    left = []
    for parent in (folder, *folder.parents):
        with suppress(OSError, ValueError):  # no such file, or the limit is `max`
            left.append((int((parent / limit).read_text()) - int((parent / usage).read_text())) / _MIB)
    return left
