"""The forgetting check: image-specific fine-tuning must leave the base network as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bifseg.cohorts.cohort import Cohort
from bifseg.core.files import read_record, write_record
from bifseg.core.geometry import Box, Image, Mask
from bifseg.networks.validation import validation_dice

SAMPLE = 8
"""Most validation objects in the sample."""


class UnchangedCheck:
    """A measure of the base network before and after the sessions of a process.

    Args:
        network: the network's name.
        measure: gives the hash of the weights, or Dice on a sample, as they are when it is called.
        objects: names of the sample's objects; empty for a hash.
    """

    def __init__(
        self, network: str, measure: Callable[[], str | list[float]], objects: Sequence[str] = ()
    ) -> None:
        self._network, self._measure, self._objects = network, measure, list(objects)
        self._before = measure()

    def write(self, path: Path) -> None:
        """Measure again and write both measures as JSON.

        Args:
            path: the file, with the keys `network`, `objects`, `before` and `after`.
        """
        self._write(path, {"after": self._measure()})

    def write_failure(self, path: Path, reason: str) -> None:
        """Write that the second measurement failed; nothing is known of the network then.

        Args:
            path: the file; `after` is empty.
            reason: the key `error`.
        """
        self._write(path, {"after": self._before[:0], "error": reason})

    def _write(self, path: Path, second: dict[str, Any]) -> None:
        first = {"network": self._network, "objects": self._objects, "before": self._before}
        write_record(path, first | second)


def forgetting_check(
    network: str,
    answer: Callable[[Image, Box], Mask],
    cohort: Cohort,
    seed: int,
    channels: Sequence[str] = (),
) -> UnchangedCheck:
    """A check of the base network's Dice on a fixed sample.

    It is for networks of other programs, since the hash of their weights does not describe them. The sample is the
    first validation objects in the order of their names, those of seen structures first.

    Args:
        network: the network's name.
        answer: gives the network's own segmentation of an image inside a box.
        cohort: its validation objects are the sample; without any, the check compares nothing.
        seed: seed of the boxes.
        channels: further channels that the network takes; objects without one are not in the sample.

    Returns:
        The check, with the first measurement made.
    """
    rows = [row for row in cohort.select(split="validation") if not row.lacking(channels)]
    sample = sorted(rows, key=lambda row: (not row.seen, row.object))[:SAMPLE]
    return UnchangedCheck(
        network,
        lambda: validation_dice(answer, cohort, sample, seed, channels=channels),
        [row.object for row in sample],
    )


def join_checks(parts: list[Path], path: Path) -> bool:
    """Write one file for the checks of a job's processes and remove their own files.

    Args:
        parts: files of `UnchangedCheck`; without any, the file at `path` stays as it is.
        path: file that gets a check that found a change; without one, a failed check; without one, the first check.

    Returns:
        False if a check found a change.
    """
    checks = []
    for part in sorted(parts):
        with suppress(FileNotFoundError):  # another job of the same shard has just joined it
            checks.append(read_record(part))
    failed = [check for check in checks if check.get("error")]
    changed = [check for check in checks if check["before"] != check["after"] and check not in failed]
    if checks:
        write_record(path, (changed or failed or checks)[0])
    for part in parts:
        part.unlink(missing_ok=True)
    return not changed
