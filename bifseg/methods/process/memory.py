"""Whether memory was the reason: how much there is, what the kernel counts, and what programs say."""

from __future__ import annotations

import re
from contextlib import suppress
from math import inf
from pathlib import Path

_WORDS = re.compile(
    r"out of memory|not enough memory|memoryerror|bad_alloc|cannot allocate|unable to allocate", re.I
)
_MIB = 2**20
BYTES_PER_VOXEL = {"geos": 650.0, "growcut": 225.0, "random-walks": 645.0, "grabcut": 540.0}
"""By its registered name, what a method needs for each voxel of a 3D box, measured from boxes of 48³ to 80³ voxels."""
_CGROUPS = {
    "": ("/sys/fs/cgroup", "memory.max", "memory.current"),
    "memory": ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Where version 2 and version 1 of control groups keep limit and use, by the controller in /proc/self/cgroup."""


def memory_prefix(text: str) -> str:
    """`out of memory: ` to be put before a text that says so in other words; else nothing."""
    return "out of memory: " if _WORDS.search(text) and not text.startswith("out of memory") else ""


def kills_for_memory() -> int:
    """How many processes the kernel has killed on this machine since memory was short; 0 where it does not tell."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def available_mb() -> float:
    """Memory in MiB that this process may still take: of the machine and of its job; infinite if nothing tells."""
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
    """What a control group and those around it may still take, in MiB."""
    folder = Path(root) / group.lstrip("/")
    left = []
    for around in (folder, *folder.parents):
        with suppress(OSError, ValueError):  # no such file, or the limit is `max`
            left.append((int((around / limit).read_text()) - int((around / usage).read_text())) / _MIB)
    return left
