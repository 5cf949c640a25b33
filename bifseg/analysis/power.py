"""What a run could have shown: the smallest difference that its patients detect, and how many the next run needs.

For a paired t-test over the patients' mean differences, two-sided at 0.05, with a power of 0.8. A difference is
detected if it is at least (t_0.975 + t_0.8) s / sqrt(n), with Student's quantiles of n - 1 degrees of freedom and the
standard deviation s of the n differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from bifseg.analysis.statistics import LEVEL

_POWER = 0.8
ONE_POINT = 0.01
"""One point of Dice in per cent."""
_MOST_PATIENTS = 10_000


def detectable_difference(differences: ArrayLike) -> float:
    """The smallest true mean difference that so many patients show with a power of 0.8.

    Args:
        differences: (patients,) mean paired difference of each patient.

    Returns:
        In the unit of the differences; NaN for fewer than two patients.
    """
    values = np.asarray(differences, float)
    return float(_per_spread(len(values)) * values.std(ddof=1)) if len(values) > 1 else np.nan


def patients_needed(differences: ArrayLike, difference: float) -> float:
    """How many patients like these show a true mean difference with a power of 0.8.

    Args:
        differences: (patients,) mean paired difference of each patient.
        difference: to be shown; its sign does not matter.

    Returns:
        At least 2; infinity for more than 10,000 and for a difference of 0; NaN for fewer than two patients.
    """
    values = np.asarray(differences, float)
    if len(values) < 2:
        return np.nan
    spread = float(values.std(ddof=1))
    counts, per_spread = _tried()
    enough = counts[per_spread * spread <= abs(difference)]
    return float(enough[0]) if len(enough) and difference else np.inf


@dataclass(frozen=True)
class Power:
    """What the patients of a paired comparison of Dice can show.

    Attributes:
        detectable: smallest true mean difference that they show, from 0 to 1.
        more_patients: how many more are needed to show a difference of one point; 0 if they are enough.
    """

    detectable: float
    more_patients: float


def power_of(differences: ArrayLike) -> Power:
    """What the patients of a paired comparison can show.

    Args:
        differences: (patients,) mean paired difference of Dice of each patient.

    Returns:
        NaN for fewer than two patients; `more_patients` is infinite for more than 10,000.
    """
    values = np.asarray(differences, float)
    more = patients_needed(values, ONE_POINT) - len(values)
    return Power(detectable_difference(values), float(np.maximum(more, 0)))


@cache
def _tried() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of patients, and the difference that each detects, in standard deviations."""
    counts = np.unique(np.geomspace(2, _MOST_PATIENTS, 4000).astype(np.int64))
    return counts, _per_spread(counts)


def _per_spread(n: ArrayLike) -> NDArray[np.float64]:
    """The detectable difference of n patients, in standard deviations."""
    n = np.asarray(n)
    quantiles = -stdtrit(n - 1, LEVEL / 2) - stdtrit(n - 1, 1 - _POWER)
    return np.asarray(quantiles / np.sqrt(n))
