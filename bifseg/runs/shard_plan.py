"""Plans: which job plays what, as a table that the workflow reads too."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.core.files import table_text, write_text

Task = tuple[str, int]
"""Name of an object, and which replicate of it is played."""


def write_plan(path: Path, shards: Sequence[Sequence[Task]]) -> None:
    """Write which shard plays what, in the order in which it is begun."""
    rows = ([number, *task] for number, tasks in enumerate(shards, start=1) for task in tasks)
    write_text(path, table_text(["shard", "object", "replicate"], rows))


def read_plan(path: Path) -> dict[int, list[Task]]:
    """The tasks of each shard by its number, in order; raises InputError for a file that is no plan."""
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            found: dict[int, list[Task]] = {}
            reader = csv.DictReader(stream, delimiter="\t")
            if reader.fieldnames is None:
                raise ValueError("empty")
            for row in reader:
                found.setdefault(int(row["shard"]), []).append((row["object"], int(row["replicate"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: plan: not a plan of shards ({error}); delete it and run snakemake, or `bifseg plan`, again"
        ) from error
    return found
