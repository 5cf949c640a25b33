"""A second attempt at failed sessions, once the reason is gone: a full GPU, a server that was down."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.runs.at_work import who_is_at_work
from bifseg.runs.run_folder import Condition, Run
from bifseg.sessions.archive import Archive

_FAILED = ("failed", "timeout")


def retry(folder: Path) -> Counter[Condition]:
    """Mark a run's failed sessions to be run again by the next `snakemake`.

    Their rows in `scores.parquet` stay until then. The scores of the jobs that played them,
    `scores/COHORT/GROUP/shard-N.parquet`, are deleted, so that Snakemake starts these jobs again; a job keeps all other
    sessions.

    Args:
        folder: RESULTS/RUN.

    Returns:
        The number of failed sessions by condition; empty if no session failed.

    Raises:
        InputError: there is no such run, or snakemake works on it.
    """
    run = Run(folder)
    if at_work := who_is_at_work(folder, "a snakemake"):
        raise InputError(at_work)
    count: Counter[Condition] = Counter()
    for condition in run.conditions():
        archive, scores = Archive(run.sessions(condition)), run.scores(condition)
        for name, status in archive.stored().items():
            if status in _FAILED:
                with suppress(InputError):  # a damaged session is run again without a mark
                    archive.outdate(name)
                (scores / f"{archive.shard(name)}.parquet").unlink(missing_ok=True)
                count[condition] += 1
    return count
