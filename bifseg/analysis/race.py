"""A benchmark that knows when to stop: which of two methods is better, decided while patients are still played.

After each patient an interval for the mean paired difference is looked at. It is a confidence sequence: with a
probability of 95% it holds the true mean after every patient at once, so that one may stop whenever one likes. This is
the t confidence sequence of a normal mixture over effect sizes (Wang and Ramdas 2025, "Anytime-valid t-tests and
confidence sequences for Gaussian means with unknown variance", its test martingale, after Lai 1976). It is exact for
normal differences; `benchmarks/race.py` measures its errors for others, and docs/benchmark.md has the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from bifseg.analysis.stages import final_rows
from bifseg.analysis.statistics import LEVEL
from bifseg.cards.entries import split_entry
from bifseg.core.errors import InputError

FEWEST = 10
"""Patients before the first decision: with fewer, differences that are not normal decide too often."""
_PRECISION = 10.0  # of the mixture: narrowest for effects of about a third of a standard deviation

BETTER, WORSE, ALIKE, OPEN = "better", "worse", "no such difference", "undecided"


@dataclass(frozen=True)
class State:
    """What a race knows after some patients.

    Attributes:
        patients: number of patients so far.
        mean: mean difference, first minus second method.
        low: lower limit of the confidence sequence; minus infinity while it is unbounded.
        high: its upper limit.
        decision: `better`, `worse`, `no such difference` or `undecided`, for the first method.
    """

    patients: int
    mean: float
    low: float
    high: float
    decision: str


def confidence_sequence(differences: ArrayLike) -> NDArray[np.float64]:
    """Limits for the mean that hold after every patient at once, with a probability of 95%.

    Args:
        differences: (..., n) a value a patient, in the order in which patients were played, n at least 1.

    Returns:
        (..., n, 2) lower and upper limit after each patient; infinite while the patients are too few for a limit.
    """
    values = np.asarray(differences, float)
    n = np.arange(1, values.shape[-1] + 1)
    mean = np.cumsum(values, axis=-1) / n
    variance = np.maximum(np.cumsum(values**2, axis=-1) / n - mean**2, 0)
    growth = np.exp((2 * np.log(1 / LEVEL) + np.log1p(n / _PRECISION)) / n)
    rest = n + _PRECISION - growth * _PRECISION
    half = np.sqrt((growth - 1) * (n + _PRECISION) * variance / np.where(rest > 0, rest, np.nan))
    half = np.nan_to_num(half, nan=np.inf)
    return np.stack([mean - half, mean + half], axis=-1)


def decide(differences: ArrayLike, difference: float) -> State:
    """The state of a race, at its first decision or after its last patient.

    It is decided that the first method is `better` once all differences in the confidence sequence are above zero,
    `worse` once all are below zero, and that there is `no such difference` once all lie between -`difference` and
    `difference`.

    Args:
        differences: (n,) first minus second method for each patient in the order of play, n at least 1, positive
            where the first is better.
        difference: the smallest difference of interest, above 0.

    Returns:
        The state.
    """
    values = np.asarray(differences, float)
    limits = confidence_sequence(values)
    decisions = [_decision(low, high, difference) for low, high in limits[FEWEST - 1 :]]
    first = next((k for k, decision in enumerate(decisions) if decision != OPEN), len(decisions) - 1)
    count = min(len(values), FEWEST + first) if decisions else len(values)
    low, high = map(float, limits[count - 1])
    return State(count, float(values[:count].mean()), low, high, decisions[first] if decisions else OPEN)


def _decision(low: float, high: float, difference: float) -> str:
    if low > 0 or high < 0:
        return BETTER if low > 0 else WORSE
    return ALIKE if -difference < low and high < difference else OPEN


def fixed_patients(spread: float, difference: float, power: float) -> int:
    """How many patients a test at a fixed number of patients needs, two-sided at 0.05.

    Args:
        spread: standard deviation of the differences between patients.
        difference: true mean difference, above 0, in the same unit.
        power: probability that the test shows it, between 0 and 1.

    Returns:
        The number, by the normal approximation (quantiles of both errors), at least 2.
    """
    quantiles = norm.isf(LEVEL / 2) + norm.isf(1 - power)
    return max(2, int(np.ceil((quantiles * spread / difference) ** 2)))


def patient_differences(
    scores: pd.DataFrame, protocol: str, first: str, second: str, order: Sequence[str]
) -> NDArray[np.float64]:
    """The paired differences of the final Dice between two entries.

    Args:
        scores: scores of one cohort.
        protocol: under which both were played.
        first: METHOD or METHOD@NETWORK.
        second: its opponent.
        order: patients in the order of play.

    Returns:
        (n,) mean difference over each patient's objects in points of Dice, first minus second, in that order, for the
        patients with sessions of both. A failed session counts with a Dice of 0.
    """
    rows = final_rows(scores, protocol)
    keys = ["object", "replicate"]
    sides = [
        rows[(rows["method"] == method) & (rows["network"] == network)].set_index(["patient", *keys])["dice"]
        for method, network in map(split_entry, (first, second))
    ]
    means = (100 * (sides[0] - sides[1])).dropna().groupby("patient").mean()
    return means.reindex([name for name in order if name in means.index]).to_numpy(float)


def describe(state: State, first: str, second: str) -> str:
    """The state of a race in words.

    Args:
        state: as `decide` gives it, in points of Dice.
        first: name of the first entry.
        second: name of the second entry.

    Returns:
        For example `geos is better than growcut, by 2.3 [0.4, 4.2] points of Dice (after 14 patients)`.
    """
    words = {
        BETTER: f"{first} is better than {second}, by",
        WORSE: f"{second} is better than {first}; {first} minus {second}:",
        ALIKE: f"no such difference; {first} minus {second}:",
        OPEN: f"undecided; {first} minus {second}:",
    }
    limits = f"{state.mean:.1f} [{state.low:.1f}, {state.high:.1f}]"
    return f"{words[state.decision]} {limits} points of Dice (after {state.patients} patients)"


def check_enough(patients: int, where: str) -> None:
    """Refuse a race that cannot end in a decision, before anything is played.

    Args:
        patients: number of patients of the split.
        where: the cohort, for the message.

    Raises:
        InputError: there are fewer than 10 patients.
    """
    if patients < FEWEST:
        raise InputError(
            f"{where}: {patients} patients; a race decides after {FEWEST} at the earliest: play all of them with "
            "`bifseg evaluate`, or add patients"
        )
