"""How long the sessions of an entry take, expected from earlier runs on this machine or from the demo."""

from __future__ import annotations

import json
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

DEMO_S = {
    2: {
        "base-net": 0.024,
        "base-crf": 0.032,
        "bifseg-w": 0.24,
        "bifseg": 0.28,
        "grabcut": 0.053,
        "grabcut-opencv": 0.05,
        "random-walks": 0.08,
        "slic-seg": 0.18,
    },
    3: {
        "base-net": 0.21,
        "base-crf": 0.54,
        "bifseg-w": 2.0,
        "bifseg": 1.5,
        "grabcut": 0.4,
        "geos": 0.22,
        "growcut": 0.19,
    },
}
"""Seconds of a session by dimension and method, in the demo on one core of an Intel Xeon (commit 61324263, 2026-11-28).

The simulated images are small: 2D slices of 110 x 110 and volumes of 80 x 88 x 64 voxels.
"""
_SESSION_S, _JOB_S = 0.1, 5.0
"""Seconds for the robot, reading and storing of a session; seconds until a job plays its first."""


@dataclass(frozen=True)
class Expected:
    """An expected time.

    Attributes:
        seconds: of one core.
        source: where the seconds of a session come from, for the reader.
    """

    seconds: float
    source: str


class ExpectedTimes:
    """Expected times of sessions.

    Args:
        history: RESULTS/history.jsonl of earlier runs; it may be missing.
    """

    def __init__(self, history: Path) -> None:
        self._cohorts: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._dimensions: dict[tuple[int, str], list[float]] = defaultdict(list)
        with suppress(OSError):
            for line in history.read_bytes().splitlines():
                with suppress(ValueError, KeyError, TypeError, AttributeError, IndexError):
                    self._learn(json.loads(line))

    def sessions(self, cohort: str, dimension: int | None, method: str, number: int) -> Expected:
        """The expected time of an entry's sessions on a cohort.

        Args:
            cohort: the cohort's name.
            dimension: 2 or 3; None if it is not known yet.
            method: the method's name.
            number: number of the sessions.

        Returns:
            Seconds of one core, with what a job needs to start.
        """
        shipped = DEMO_S[dimension or 3]
        if times := self._cohorts.get((cohort, method)):
            source = "earlier runs on this cohort"
        elif dimension and (times := self._dimensions.get((dimension, method))):
            source = "earlier runs on other cohorts"
        elif method in shipped:
            times, source = [shipped[method]], "as in the demo, whose images are small"
        else:
            times, source = [max(shipped.values())], "a guess: no run here has played it"
        return Expected(number * (median(times) + _SESSION_S) + _JOB_S, source)

    def _learn(self, record: dict[str, Any]) -> None:
        cohorts, results, method = record["cohorts"], record["results"], str(record["method"])
        for result in results:
            name, seconds = result["cohort"], float(result["session_s"][0])
            self._cohorts[name, method].append(seconds)
            self._dimensions[int(cohorts[name]["dimension"]), method].append(seconds)
