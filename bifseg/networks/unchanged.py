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


class WeightsCheck:
    """The hash of the base network's weights before and after the sessions of a process.

    Args:
        network: the network's name.
        weights: gives the hash of the weights as they are when it is called.
    """

    def __init__(self, network: str, weights: Callable[[], str]) -> None:
        self._network, self._weights, self._before = network, weights, weights()

    def write(self, path: Path) -> None:
        """Take the hash again and write both as JSON.

        Args:
            path: the file, with the keys `network`, `objects` (none), `before` and `after`.
        """
        self._write(path, {"after": self._weights()})

    def write_failure(self, path: Path, reason: str) -> None:
        """Write that the second hash could not be taken; nothing is known of the network then.

        Args:
            path: the file; `after` is empty.
            reason: the key `error`.
        """
        self._write(path, {"after": "", "error": reason})

    def _write(self, path: Path, second: dict[str, Any]) -> None:
        write_record(path, {"network": self._network, "objects": [], "before": self._before} | second)


class ForgettingCheck:
    """The base network's Dice on a fixed sample, before and after the sessions of a process.

    It is for networks of other programs, since the hash of their weights does not describe them. The sample is the
    first validation objects in the order of their names, those of seen structures first.

    Args:
        network: the network's name.
        answer: gives the network's own segmentation of an image inside a box.
        cohort: its validation objects are the sample; without any, the check compares nothing.
        seed: seed of the boxes.
        channels: further channels that the network takes; objects without one are not in the sample.
    """

    def __init__(
        self,
        network: str,
        answer: Callable[[Image, Box], Mask],
        cohort: Cohort,
        seed: int,
        channels: Sequence[str] = (),
    ) -> None:
        self._network, self._answer, self._cohort, self._seed = network, answer, cohort, seed
        rows = [row for row in cohort.select(split="validation") if not row.lacking(channels)]
        self._sample = sorted(rows, key=lambda row: (not row.seen, row.object))[:SAMPLE]
        self._channels = channels
        self._before = self._dice()

    def write(self, path: Path) -> None:
        """Measure again and write both lists of Dice values as JSON.

        Args:
            path: the file, with the keys `network`, `objects`, `before` and `after`.
        """
        self._write(path, {"after": self._dice()})

    def write_failure(self, path: Path, reason: str) -> None:
        """Write that the second measurement failed; nothing is known of the network then.

        Args:
            path: the file; `after` is empty.
            reason: the key `error`.
        """
        self._write(path, {"after": [], "error": reason})

    def _write(self, path: Path, second: dict[str, Any]) -> None:
        objects = [row.object for row in self._sample]
        write_record(path, {"network": self._network, "objects": objects, "before": self._before} | second)

    def _dice(self) -> list[float]:
        return validation_dice(self._answer, self._cohort, self._sample, self._seed, channels=self._channels)


def join_checks(parts: list[Path], path: Path) -> bool:
    """Write one file for the checks of a job's processes and remove their own files.

    Args:
        parts: files of `ForgettingCheck`; without any, the file at `path` stays as it is.
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
