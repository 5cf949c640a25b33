"""The machines that played a run's sessions. Each job writes the facts of its machine next to its sessions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from bifseg.core.errors import InputError
from bifseg.core.files import fingerprint, read_record, write_record

_MACHINE = "machine-{}.json"


def write_machine(folder: Path) -> None:
    """Write the facts of this machine to the folder of an entry's sessions; machines with equal facts share a file.

    Args:
        folder: folder of an entry whose sessions are played here.
    """
    facts = machine()
    path = folder / _MACHINE.format(fingerprint(json.dumps(facts, sort_keys=True)))
    if not path.exists():
        write_record(path, facts)


def machines(run: Path) -> list[dict[str, Any]]:
    """The machines that played the sessions of a run.

    Args:
        run: RESULTS/RUN.

    Returns:
        The facts of each, with `entries`, the number of entries that it played, most first. Empty for a run of an
        earlier version. Damaged files are left out.
    """
    counts: dict[str, set[Path]] = defaultdict(set)
    for path in sorted(run.glob("sessions/*/*/*/" + _MACHINE.format("*"))):
        try:
            counts[json.dumps(read_record(path), sort_keys=True)].add(path.parent)
        except InputError:
            continue
    rows = [json.loads(facts) | {"entries": len(folders)} for facts, folders in counts.items()]
    return sorted(rows, key=lambda facts: -int(facts["entries"]))


@cache
def machine() -> dict[str, Any]:
    """The facts of this machine.

    Returns:
        CPU, cores, memory, threads per job and system; GPU and driver if the machine has a GPU of NVIDIA.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    facts = {"CPU": _cpu(), "cores": os.cpu_count(), "memory": f"{memory:.0f} GiB", "threads per job": 1}
    facts["system"] = f"{platform.system()} {platform.machine()}"
    return facts | _gpu()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _gpu() -> dict[str, str]:
    """Names of the GPUs and their driver; empty without any."""
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = [line.split(", ") for line in done.stdout.splitlines() if ", " in line]
    return {"GPU": ", ".join(row[0] for row in rows), "driver": rows[0][1]} if rows else {}
