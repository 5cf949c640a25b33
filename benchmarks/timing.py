"""Side-by-side timing of several implementations of the same work, as a Markdown table.

Times are processor times, which other programs on the machine disturb least; every benchmark computes in one thread.
The implementations alternate within each repeat, so that a busy moment of the machine affects all of them; a ratio is
the median of the ratios within a repeat.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from statistics import median
from time import process_time


def ratios(title: str, cases: dict[str, Callable[[], object]], repeats: int = 5) -> dict[str, float]:
    """The speed-up of each case over the first one; also prints a table.

    Each case runs `repeats` times after a warm-up. A speed-up of 20 means a twentieth of the first case's time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for repeat in range(repeats + 1):
        for name, call in cases.items():
            started = process_time()
            call()
            if repeat:  # the first is the warm-up: imports, caches, compilers
                seconds[name].append(process_time() - started)
    first = seconds[next(iter(cases))]
    speed_up = {
        name: median(a / b for a, b in zip(first, taken, strict=True)) for name, taken in seconds.items()
    }
    print(f"\n### {title}\n\n{machine()}; processor time, median of {repeats} interleaved repeats\n")
    print("| case | median ms | min - max ms | faster than the first |\n|---|--:|--:|--:|")
    for name, taken in seconds.items():
        spread = f"{min(taken) * 1e3:,.1f} - {max(taken) * 1e3:,.1f}"
        print(f"| {name} | {median(taken) * 1e3:,.1f} | {spread} | x{speed_up[name]:.3g} |")
    return speed_up


def machine() -> str:
    """The number of threads and cores, in words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    variable = os.environ.get("OMP_NUM_THREADS", "not set")
    threads = f"{torch.get_num_threads()} torch thread(s)" if torch else f"OMP_NUM_THREADS {variable}"
    return f"{threads}, {cores} core(s) of {platform.machine()}, Python {platform.python_version()}"
