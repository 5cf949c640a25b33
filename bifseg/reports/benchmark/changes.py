"""Changes from BASE to NEW: paired differences and ratios of time, each with its interval over patients."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.intervals import Interval, bootstrap_t, mean_interval
from bifseg.analysis.names import in_reading_order
from bifseg.analysis.power import power_of
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE, Measure
from bifseg.reports.benchmark.pairing import KEY, Pairing

ENTRY = [*WHERE, "method", "network"]
_OBJECT = ["patient", "object"]
_SIDES = ("base", "new")
_NEEDED = [
    *ENTRY,
    "goal",
    *_OBJECT,
    *(f"{name}_{side}" for one in MEASURES for name in (one.name, one.per) if name for side in _SIDES),
]
_SIGNS = np.array([-1.0, 1.0, 1.0, -1.0])
_UNKNOWN = Interval(np.nan, np.nan, np.nan)


def changes(sides: Pairing, target: float) -> pd.DataFrame:
    """Every measure of every entry on every structure of every cohort and protocol that both sides have.

    A failed session counts with its worst score. Times leave out a failed session and its partner, because an early
    crash would look fast.

    Args:
        sides: BASE and NEW, reduced to their common sessions.
        target: Dice that rounds are counted to.

    Returns:
        `cohort protocol seen structure method network goal measure`, rounds being counted to the goal; `n` objects
        of `patients` patients; `base` and `new`, the means over the objects; `change` with its 95% bootstrap
        interval over patients, `low` to `high`. The change is NEW minus BASE, replicates of an object averaged.
        `detectable` is the smallest true change that these patients show, and `more_patients` how many more one
        point of Dice needs, by `power.power_of`; NaN for measures other than Dice.
        Of times, `base` and `new` are seconds a session or round, and the change is NEW over BASE. Of failures,
        they are counts of sessions, and the change is how many failed in NEW and not in BASE, without an interval.
        NaN for an interval of a single patient. A measure that an entry has on one side only has n = 0.
    """
    base, new = (side.outcomes(target) for side in (sides.base, sides.new))
    shared = ["case", "patient", "seen", "structure", "goal"]
    pairs = base.merge(new.drop(columns=shared), on=KEY, suffixes=("_base", "_new"))[_NEEDED]
    rows = [
        {**dict(zip(ENTRY, key, strict=True)), "goal": group["goal"].iloc[0], "measure": measure.name, **one}
        for key, group in pairs.groupby(ENTRY, sort=True)
        for measure in MEASURES
        if (one := _change(group, measure))
    ]
    frame = pd.DataFrame(rows)
    parts = [in_reading_order(part) for _, part in frame.groupby(["cohort", "protocol"], sort=True)]
    return pd.concat(parts, ignore_index=True)


def _change(group: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """One measure of one entry on one structure; empty where neither side has it."""
    columns = [f"{measure.name}_{side}" for side in _SIDES]
    if measure.name == "failed":
        return _failures(group)
    if measure.per:
        return _ratio(group, measure)
    if not group[columns].notna().any(axis=None):
        return {}
    pairs = group[[*_OBJECT, *columns]].dropna(subset=columns)
    each = pairs.groupby(_OBJECT, sort=True)[columns].mean()
    return _difference(pairs, each) | (_power(each) if measure.gate == "dice" else {})


def _failures(group: pd.DataFrame) -> dict[str, Any]:
    base, new = group["failed_base"], group["failed_new"]
    counts = {"base": int(base.sum()), "new": int(new.sum()), "change": int((new > base).sum())}
    return _row(group, _UNKNOWN) | counts


def _difference(pairs: pd.DataFrame, each: pd.DataFrame) -> dict[str, Any]:
    """A difference of means over objects; a row of `each` has an object's values of BASE and of NEW."""
    base, new = each.to_numpy(float).T
    if not len(each):
        return _row(pairs, _UNKNOWN)
    change = mean_interval(new - base, each.index.get_level_values("patient"))
    return _row(pairs, change) | {"base": base.mean(), "new": new.mean()}


def _power(each: pd.DataFrame) -> dict[str, Any]:
    base, new = each.columns
    return asdict(power_of((each[new] - each[base]).groupby("patient").mean()))


def _ratio(group: pd.DataFrame, measure: Measure) -> dict[str, Any]:
    """Seconds per session or round, NEW over BASE."""
    pairs = group[(group["failed_base"] == 0) & (group["failed_new"] == 0)]
    columns = [f"{name}_{side}" for side in _SIDES for name in (measure.name, measure.per)]
    sums = pairs[columns].sum().to_numpy(float)
    if not group[columns[1::2]].any(axis=None):
        return {}  # nobody played a round
    if not sums.all():
        return _row(pairs, _UNKNOWN)
    log = bootstrap_t(pairs[columns], pairs["patient"], _log_ratio, lambda sums: _SIGNS / sums)
    change = Interval(*(float(np.exp(value)) for value in (log.mean, log.low, log.high)))
    return _row(pairs, change) | {"base": sums[0] / sums[1], "new": sums[2] / sums[3]}


def _log_ratio(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the ratio of two rates from (..., 4) sums: seconds and their divisor of BASE, then of NEW."""
    return np.asarray(np.log(sums) @ _SIGNS)


def _row(pairs: pd.DataFrame, change: Interval) -> dict[str, Any]:
    counts = {"n": pairs["object"].nunique(), "patients": pairs["patient"].nunique()}
    return counts | {
        "base": np.nan,
        "new": np.nan,
        "change": change.mean,
        "low": change.low,
        "high": change.high,
        "detectable": np.nan,
        "more_patients": np.nan,
    }
