"""How sure a mean is: bootstrap intervals that resample what was sampled, the cases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """A mean and the limits of its interval; arrays of one shape, without axes for a single quantity."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bootstrap_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> Interval:
    """Mean and percentile bootstrap interval (Efron and Tibshirani 1993) when values come in clusters.

    Objects of one case are alike, so whole cases are drawn with replacement and their values pooled. The
    limits are too narrow for few cases (about ten or less), as every percentile bootstrap's.

    Args:
        values: (n,) or (n, quantities); the quantities share the draws.
        clusters: (n,) names of the clusters, such as cases.
        rng: draws the clusters.
        level: share of the draws between the limits.
        draws: number of resamples.

    Returns:
        An interval without axes, or with one of length `quantities`. The limits are NaN for a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    values = np.asarray(values, float)
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(values) or len(values) != len(member):
        raise ValueError(
            f"{len(values)} values and {len(member)} clusters; one cluster a value, at least one"
        )
    mean = values.mean(axis=0)
    if len(names) == 1:
        nothing = np.full_like(mean, np.nan)
        return Interval(mean, nothing, nothing)
    sums = np.zeros((len(names), *values.shape[1:]))
    np.add.at(sums, member, values)
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    sizes = times @ np.bincount(member)
    means = (times @ sums) / sizes.reshape(-1, *[1] * (values.ndim - 1))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(mean, low, high)
