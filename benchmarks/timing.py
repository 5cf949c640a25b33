"""Processor and wall time of several implementations of the same work, as a Markdown table.

Ratios are of processor times, which other programs on the machine disturb least; every benchmark computes in one
thread. The implementations alternate within each repeat, so that a busy moment of the machine affects all of them; a
ratio is the median of the ratios within a repeat.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

Cases = dict[str, Callable[[], object]]


@dataclass
class Table:
    """A row for each implementation, a column for each piece of work.

    A cell has the medians of processor and wall time in ms, and the processor time in units of the reference's.

    Attributes:
        reference: name of the implementation to which ratios refer.
        columns: cells by column and row.
    """

    reference: str = "bifseg"
    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, column: str, cases: Cases, repeats: int = 5) -> dict[str, float]:
        """Time the implementations of one piece of work.

        Args:
            column: heading.
            cases: one call for each implementation, the reference among them.
            repeats: runs of each after a warm-up.

        Returns:
            Ratio of each: 20 means 20 times the reference's processor time.
        """
        taken = measure(cases, repeats)
        of_reference = [processor for processor, _ in taken[self.reference]]
        ratios, cells = {}, {}
        for name, runs in taken.items():
            processor, wall = zip(*runs, strict=True)
            ratios[name] = median(a / b for a, b in zip(processor, of_reference, strict=True))
            times = f"{1e3 * median(processor):,.1f} / {1e3 * median(wall):,.1f}"
            cells[name] = times if name == self.reference else f"{times}, x{ratios[name]:.3g}"
        self.columns[column] = cells
        return ratios

    def print(self, first: str = "processor / wall ms, ratio") -> None:
        """Print the table.

        Args:
            first: heading of the column of names.
        """
        print(f"\n| {first} | " + " | ".join(self.columns) + " |")
        print("|---|" + "--:|" * len(self.columns))
        for name in dict.fromkeys(name for cells in self.columns.values() for name in cells):
            cells = (cells.get(name, "") for cells in self.columns.values())
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def measure(cases: Cases, repeats: int) -> dict[str, list[tuple[float, float]]]:
    """Processor and wall seconds of each run of each call; they take turns, after a warm-up of each."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in cases}
    for repeat in range(repeats + 1):
        for name, call in cases.items():
            processor, wall = process_time(), perf_counter()
            call()
            if repeat:  # the first is the warm-up: imports, caches, compilers
                taken[name].append((process_time() - processor, perf_counter() - wall))
    return taken


def heading(title: str, libraries: Iterable[str] = ()) -> None:
    """Print the title of a script's tables, and when, with what and where they are measured.

    Args:
        title: of the section.
        libraries: distributions whose versions matter.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    print(f"\n### {title}\n\n{date.today()}, {_commit()}, {machine()}; {versions}".rstrip("; "), flush=True)


def machine() -> str:
    """Cores, processor, threads and Python, in words."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else os.environ.get("OMP_NUM_THREADS", "any number of")
    return f"{cores} core(s) of {_processor()}, {threads} thread(s), Python {platform.python_version()}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The commit of the working tree, and whether files differ from it."""
    here = ("git", "-C", str(Path(__file__).parent))
    name = subprocess.run(
        [*here, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
    ).stdout.strip()
    changes = subprocess.run([*here, "status", "--porcelain"], capture_output=True, text=True).stdout
    return f"commit {name}{' with changes' if changes else ''}" if name else "no commit"
