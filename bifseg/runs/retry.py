"""Sessions that failed are played again, for when the reason has passed: a full GPU, a server that was down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from bifseg.runs.run_folder import Condition, Run
from bifseg.sessions.archive import Archive

_ENDED_BADLY = ("failed", "timeout")


def retry(folder: Path) -> Counter[Condition]:
    """Have the next `snakemake` play a run's failed sessions again; how many of each entry.

    Their rows stay until then. A job is begun again where its list, `shard-N.tsv`, is missing; what it has that is
    whole is kept.

    Args:
        folder: RESULTS/RUN.

    Raises:
        InputError: there is no such run.
    """
    run = Run(folder)
    found: Counter[Condition] = Counter()
    for condition in run.conditions():
        archive = Archive(run.sessions(condition))
        for name, status in archive.stored().items():
            if status in _ENDED_BADLY:
                archive.outdate(name)
                found[condition] += 1
    return found
