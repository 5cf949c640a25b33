"""Shard plans: the trials of each job, in a table that the workflow reads too."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_text


@dataclass(frozen=True, order=True)
class Trial:
    """An object and a replicate: what one session of an entry is about.

    Attributes:
        object: name of the object.
        replicate: from 0; each replicate of an object has another box and other scribbles.
    """

    object: str
    replicate: int = 0

    @property
    def session(self) -> str:
        """Name of the stored session: OBJECT, or OBJECT.r1, OBJECT.r2, ... for further replicates."""
        return f"{self.object}.r{self.replicate}" if self.replicate else self.object


def write_plan(path: Path, shards: Sequence[Sequence[Trial]]) -> None:
    """Write the trials of each shard in the order in which its job starts them.

    Args:
        path: tab-separated file with the columns shard, object, replicate.
        shards: trials of shard 1, 2, ...; an empty shard gets no row.
    """
    rows = (
        [number, trial.object, trial.replicate]
        for number, trials in enumerate(shards, start=1)
        for trial in trials
    )
    write_text(path, table_text(["shard", "object", "replicate"], rows))


def shard_numbers(shards: int | None, plan: Path) -> list[int]:
    """The numbers of a group's shards.

    Args:
        shards: their number, from the run's configuration; None: the plan says which there are.
        plan: the group's plan, which is read without `shards`.

    Returns:
        Numbers from 1; one shard for a plan without trials.

    Raises:
        InputError: the plan is read, and missing or damaged.
    """
    return list(range(1, shards + 1)) if shards else sorted(read_plan(plan)) or [1]


def read_plan(path: Path) -> dict[int, list[Trial]]:
    """The trials of each shard.

    Args:
        path: a file that `write_plan` wrote.

    Returns:
        Trials in their order, by the shard's number from 1; empty shards are missing.

    Raises:
        InputError: the file is missing or no plan.
    """
    shards: dict[int, list[Trial]] = {}
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            if reader.fieldnames is None:
                raise ValueError("empty")
            for row in reader:
                trial = Trial(row["object"], int(row["replicate"]))
                shards.setdefault(int(row["shard"]), []).append(trial)
    except FileNotFoundError:
        raise InputError(f"{path}: plan: no such file; write it with snakemake, or `bifseg plan`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: plan: not a plan of shards ({error}); delete it and run snakemake, or `bifseg plan`, again"
        ) from error
    return shards
