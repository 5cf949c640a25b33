"""When a change is a regression: limits, and a third verdict for too few patients to decide."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log
from typing import Any

import pandas as pd

from bifseg.reports.benchmark.outcomes import MEASURES

REGRESSION, UNCLEAR, WITHIN, SHOWN = "regression", "unclear", "within limits", "not gated"
_KNOWN = {measure.name: measure for measure in MEASURES}


@dataclass(frozen=True)
class Limits:
    """How much worse NEW may be; infinity accepts any change.

    Attributes:
        dice: drop of mean Dice in points (of 100): initial, without scribbles and final.
        rounds: rise of the mean number of rounds to the target.
        slowdown: factor of the machine time, per session and per round.
        noticeable: seconds of a session or round below which NEW is fast enough, whatever the factor. The default is
            0.1, below which users perceive no delay (Miller 1968) and clocks and caches dominate the factor.
        failed: sessions that failed in NEW and not in BASE.
    """

    dice: float = 1.0
    rounds: float = 1.0
    slowdown: float = 1.25
    noticeable: float = 0.1
    failed: float = 0


def judge(frame: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """The changes with their `verdict`.

    `regression`: worse by more than the limit, and the interval excludes no change (failures have no interval: more
    than the limit). `within limits`: the interval excludes that NEW is worse by more than the limit. `unclear`:
    neither, since patients are too few or differ too much. `not gated`: the measure has no limit.

    Args:
        frame: rows of `changes.changes`.
        limits: how much worse NEW may be.

    Returns:
        The frame with a column `verdict`.
    """
    return frame.assign(verdict=[_verdict(row, limits) for row in frame.to_dict("records")])


def _verdict(row: dict[Any, Any], limits: Limits) -> str:
    measure = _KNOWN[row["measure"]]
    if not measure.gate:
        return SHOWN
    limit = getattr(limits, measure.gate) / measure.factor
    values = [row["change"], row["low"], row["high"]]
    if measure.gate == "failed":
        return REGRESSION if row["change"] > limit else WITHIN
    if limit == inf or (measure.per and row["new"] < limits.noticeable):
        return WITHIN
    if measure.per:  # ratios: as far above 1 as their logarithms are above 0
        limit, *values = (log(value) if value > 0 else value for value in (limit, *values))
    worse, *ends = (-value if measure.more_is == "better" else value for value in values)
    if worse > limit and min(ends) > 0:
        return REGRESSION
    return WITHIN if max(ends) <= limit else UNCLEAR
