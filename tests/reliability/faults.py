"""Do harm to small runs, one way after the other, and say what was left: the table of docs/reliability.md.

    python tests/reliability/faults.py                        all groups that can be tried here
    python tests/reliability/faults.py kills cut --out faults.md
    python tests/reliability/faults.py cluster                with SLURM: tests/workflow/mini-slurm.sh start

Each scenario makes a run of its own in a temporary folder, does the harm, finishes the run by the ordinary command, and
compares every row of scores with that of a run that nobody disturbed. Exit code 1 where one was not as it should be.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import cluster
import cuts
import disks
import kills
import methods_that_fail
import stops
from verdict import Row

GROUPS: dict[str, list[Callable[[Path], Row | list[Row]]]] = {
    "kills": [partial(kills.kills, victim=victim, moments=50) for victim in kills.KILLS],
    "cluster": list(cluster.SCENARIOS),
    "twice": [kills.twice],
    "disks": [disks.full_disk_of_a_job, disks.full_disk, disks.read_only],
    "cut": [cuts.cut_sessions, cuts.cut_files],
    "stops": [
        *(partial(stops.stopped_job, number=number) for number in (signal.SIGINT, signal.SIGTERM)),
        *(partial(stops.stopped_workflow, number=number) for number in (signal.SIGINT, signal.SIGTERM)),
        stops.changed_image,
        stops.changed_card,
        stops.shared_history,
    ],
    "methods": [methods_that_fail.failing_methods],
}
NEEDS = {"cluster": lambda: bool(cluster.answer("sinfo", "-h")), "disks": lambda: bool(shutil.which("mount"))}
HEAD = "| harm | how | what was seen | what a user does |\n|---|---|---|---|\n"


def main() -> int:
    """Try the groups that are asked for; the number of scenarios that were not as they should be, at most 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; default: all")
    parser.add_argument("--out", type=Path, help="write the table here; it is printed too")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}; known are {', '.join(GROUPS)}")
    rows, bad = [], 0
    for group in options.groups or [name for name in GROUPS if NEEDS.get(name, lambda: True)()]:
        for scenario in GROUPS[group]:
            scenario_rows, good = attempt(group, scenario)
            rows += scenario_rows
            bad += not good
    page = f"{about()}\n\n{HEAD}{''.join(map(line, rows))}"
    print(page)
    if options.out:
        options.out.write_text(page)
    return min(bad, 1)


def attempt(group: str, scenario: Callable[[Path], Row | list[Row]]) -> tuple[list[Row], bool]:
    """The rows of a scenario, and whether all was as it should be."""
    begun = monotonic()
    with TemporaryDirectory(prefix="faults-") as folder:
        try:
            result = scenario(Path(folder) / "project")
        except Exception as error:  # the others are tried all the same
            traceback.print_exc()
            return [(f"{group}: {name(scenario)}", "", f"**NOT AS IT SHOULD BE**: {error}", "")], False
        finally:
            print(f"{group} {name(scenario)}: {monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return (result if isinstance(result, list) else [result]), True


def name(scenario: Callable[[Path], Row | list[Row]]) -> str:
    """What a scenario is called."""
    if isinstance(scenario, partial):
        return " ".join(map(str, [scenario.func.__name__, *scenario.keywords.values()]))
    return scenario.__name__


def about() -> str:
    """When and with what it was tried."""
    packages = ", ".join(f"{part} {version(part)}" for part in ("bifseg", "snakemake", "numpy", "torch"))
    slurm = cluster.answer("sinfo", "--version").strip() or "no SLURM"
    day, system = datetime.now(UTC).date().isoformat(), platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{day}, {system}, Linux {platform.release()}, Python {platform.python_version()}, {packages}, {slurm}."


def line(row: Iterable[str]) -> str:
    """A row of the table."""
    return f"| {' | '.join(' '.join(cell.replace('|', ' ').split()) for cell in row)} |\n"


if __name__ == "__main__":
    sys.exit(main())
