"""Changes from BASE to NEW: paired differences and ratios of time, each with its interval over patients."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.intervals import Interval, bootstrap_t, cluster_numbers, mean_interval
from bifseg.analysis.names import in_reading_order
from bifseg.analysis.power import power_of
from bifseg.reports.benchmark.outcomes import MEASURES, WHERE, Measure
from bifseg.reports.benchmark.pairing import KEY, Pairing

ENTRY = [*WHERE, "method", "network"]
_SIDES = ("base", "new")
_VALUES = [
    "goal",
    *(f"{name}_{side}" for one in MEASURES for name in (one.name, one.per) if name for side in _SIDES),
]
_SIGNS = np.array([-1.0, 1.0, 1.0, -1.0])
_UNKNOWN = Interval(np.nan, np.nan, np.nan)
Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Pairs:
    """Sessions in both sides, as arrays: pandas would take far longer for so many small groups.

    Attributes:
        values: (sessions,) values by NAME_SIDE.
        objects: (sessions,) number of each session's object, in the order of patients and names.
        patients: (sessions,) number of each session's patient, in the order of names.
    """

    values: dict[str, Array]
    objects: NDArray[np.int64]
    patients: NDArray[np.int64]


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
    pairs = base.merge(new.drop(columns=shared), on=KEY, suffixes=("_base", "_new"))
    every, rows = _arrays(pairs), []
    places_of: dict[Any, Any] = pairs.groupby(ENTRY).indices
    for key, places in sorted(places_of.items()):
        of_entry = _at(every, places)
        about = {**dict(zip(ENTRY, key, strict=True)), "goal": of_entry.values["goal"][0]}
        rows += [
            {**about, "measure": measure.name, **one}
            for measure in MEASURES
            if (one := _change(of_entry, measure))
        ]
    frame = pd.DataFrame(rows)
    parts = [in_reading_order(part) for _, part in frame.groupby(["cohort", "protocol"], sort=True)]
    return pd.concat(parts, ignore_index=True)


def _arrays(pairs: pd.DataFrame) -> _Pairs:
    objects: Any = pairs.groupby(["patient", "object"], sort=True).ngroup().to_numpy()
    values = {name: pairs[name].to_numpy(float) for name in dict.fromkeys(_VALUES)}
    return _Pairs(values, objects, cluster_numbers(pairs["patient"]))


def _at(pairs: _Pairs, places: NDArray[Any]) -> _Pairs:
    """Some of the pairs, by their places or by a flag each."""
    values = {name: column[places] for name, column in pairs.values.items()}
    return _Pairs(values, pairs.objects[places], pairs.patients[places])


def _both(pairs: _Pairs, name: str) -> list[Array]:
    """The values of a measure in BASE and in NEW."""
    return [pairs.values[f"{name}_{side}"] for side in _SIDES]


def _change(pairs: _Pairs, measure: Measure) -> dict[str, Any]:
    """One measure of one entry on one structure; empty where neither side has it."""
    if measure.name == "failed":
        return _failures(pairs)
    if measure.per:
        return _ratio(pairs, measure)
    unknown = [np.isnan(values) for values in _both(pairs, measure.name)]
    if all(side.all() for side in unknown):
        return {}
    return _difference(_at(pairs, ~(unknown[0] | unknown[1])), measure)


def _failures(pairs: _Pairs) -> dict[str, Any]:
    base, new = _both(pairs, "failed")
    counts = {"base": int(base.sum()), "new": int(new.sum()), "change": int((new > base).sum())}
    return _row(pairs, _UNKNOWN) | counts


def _difference(pairs: _Pairs, measure: Measure) -> dict[str, Any]:
    """A difference of means over objects, each with the mean of its replicates."""
    if not len(pairs.objects):
        return _row(pairs, _UNKNOWN)
    _, first, number = np.unique(pairs.objects, return_index=True, return_inverse=True)
    base, new = (np.bincount(number, values) / np.bincount(number) for values in _both(pairs, measure.name))
    patients = pairs.patients[first]
    row = _row(pairs, mean_interval(new - base, patients)) | {"base": base.mean(), "new": new.mean()}
    if measure.gate != "dice":
        return row
    patient = np.unique(patients, return_inverse=True)[1]
    return row | asdict(power_of(np.bincount(patient, new - base) / np.bincount(patient)))


def _ratio(pairs: _Pairs, measure: Measure) -> dict[str, Any]:
    """Seconds per session or round, NEW over BASE."""
    if not np.nan_to_num(_both(pairs, measure.per)).any():
        return {}  # nobody played a round
    failed = _both(pairs, "failed")
    pairs = _at(pairs, (failed[0] == 0) & (failed[1] == 0))
    columns = [pairs.values[f"{name}_{side}"] for side in _SIDES for name in (measure.name, measure.per)]
    sums = np.nansum(columns, axis=1)
    if not sums.all():
        return _row(pairs, _UNKNOWN)
    log = bootstrap_t(np.column_stack(columns), pairs.patients, _log_ratio, lambda sums: _SIGNS / sums)
    change = Interval(*(float(np.exp(value)) for value in (log.mean, log.low, log.high)))
    return _row(pairs, change) | {"base": sums[0] / sums[1], "new": sums[2] / sums[3]}


def _log_ratio(sums: Array) -> Array:
    """Logarithm of the ratio of two rates from (..., 4) sums: seconds and their divisor of BASE, then of NEW."""
    return np.asarray(np.log(sums) @ _SIGNS)


def _row(pairs: _Pairs, change: Interval) -> dict[str, Any]:
    return {
        "n": len(np.unique(pairs.objects)),
        "patients": len(np.unique(pairs.patients)),
        "base": np.nan,
        "new": np.nan,
        "change": change.mean,
        "low": change.low,
        "high": change.high,
        "detectable": np.nan,
        "more_patients": np.nan,
    }
