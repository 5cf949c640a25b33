"""The forgetting check: image-specific fine-tuning must leave the base network as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bifseg.cohorts.objects import Cohort
from bifseg.networks.trained import TrainedNetwork
from bifseg.store import write_json
from bifseg.validation import initial_dice

SAMPLE = 8
"""Most validation objects in the sample."""


class ForgettingCheck:
    """The base network's Dice on a fixed sample, before and after the sessions of a job.

    The sample: the first validation objects in the order of their names, those of seen structures first.
    """

    def __init__(self, name: str, trained: TrainedNetwork, cohort: Cohort, seed: int) -> None:
        self._name, self._trained, self._cohort, self._seed = name, trained, cohort, seed
        rows = sorted(cohort.select(split="validation"), key=lambda row: (not row.seen, row.object))
        self._sample = rows[:SAMPLE]
        self._before = self._dice()

    def write(self, path: Path) -> bool:
        """Measure again and write both as JSON; returns whether they are equal to the bit."""
        after = self._dice()
        found: dict[str, Any] = {
            "network": self._name,
            "objects": [row.object for row in self._sample],
            "before": self._before,
            "after": after,
        }
        write_json(path, found)
        return after == self._before

    def _dice(self) -> list[float]:
        return initial_dice(self._trained, self._cohort, self._sample, self._seed)
