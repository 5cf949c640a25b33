"""How sure a mean is and what a comparison shows: intervals, paired tests, and corrections for many tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, wilcoxon
from scipy.stats import t as student

LEVEL = 0.05
"""Entries are told apart by p-values below this one."""
_MOST_DRAWN, _LEAST_DRAWS = 2_500_000, 500  # with thousands of clusters, fewer draws say as much
_MOST_EXACT = 200
_DIGITS = 12  # beyond these, equal differences differ by arithmetic alone, and would not be ties


@dataclass(frozen=True)
class Interval:
    """A mean and the limits of its interval; arrays of one shape, without axes for a single quantity."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def bootstrap(
    values: ArrayLike,
    clusters: ArrayLike,
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> Interval:
    """A statistic of sums with its percentile bootstrap interval (Efron and Tibshirani 1993), by whole clusters.

    Objects of one patient are alike, so whole patients are drawn with replacement and their values pooled. The
    limits are too narrow for few of them (about ten or less), as every percentile bootstrap's.

    Args:
        values: (n, terms) what is summed over the n members of the clusters.
        clusters: (n,) names of the clusters, such as patients.
        statistic: sums (..., terms) to quantities (..., k).
        rng: draws the clusters.
        level: share of the draws between the limits.
        draws: number of resamples; fewer from 250 clusters on (2.5 million over their number, at least 500).

    Returns:
        An interval of length k around the statistic of the plain sums. The limits are NaN for a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    values = np.asarray(values, float)
    names, member = np.unique(np.asarray(clusters), return_inverse=True)
    if not len(values) or len(values) != len(member):
        raise ValueError(
            f"{len(values)} values and {len(member)} clusters; one cluster a value, at least one"
        )
    found = statistic(values.sum(axis=0))
    if len(names) == 1:
        nothing = np.full_like(found, np.nan)
        return Interval(found, nothing, nothing)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, member, values)
    draws = min(draws, max(_LEAST_DRAWS, _MOST_DRAWN // len(names)))
    times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws)
    # Where the statistic is known, a draw of which it is not (a ratio to nothing) says nothing.
    quantile = np.nanquantile if np.isfinite(found).all() else np.quantile
    low, high = quantile(statistic(times @ sums), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(found, low, high)


def bootstrap_mean(
    values: ArrayLike,
    clusters: ArrayLike,
    rng: np.random.Generator,
    level: float = 0.95,
    draws: int = 10_000,
) -> Interval:
    """`bootstrap` of the mean.

    Args:
        values: (n,) or (n, quantities); the quantities share the draws.
        clusters: (n,) names of the clusters, such as patients.
        rng: draws the clusters.
        level: share of the draws between the limits.
        draws: number of resamples.

    Returns:
        An interval without axes, or with one of length `quantities`. The limits are NaN for a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    values = np.asarray(values, float)
    terms = np.column_stack([values, np.ones(len(values))])
    found = bootstrap(terms, clusters, lambda sums: sums[..., :-1] / sums[..., -1:], rng, level, draws)
    if values.ndim > 1:
        return found
    return Interval(*(part[0] for part in (found.mean, found.low, found.high)))


@dataclass(frozen=True)
class Variances:
    """Where the spread of repeated results comes from.

    Attributes:
        replicates: variance between the replicates of one object, mean over the objects.
        cases: variance between cases, of the means of their objects' means, without what `replicates` alone
            brings about; not below zero.
    """

    replicates: float
    cases: float


def variance_components(values: ArrayLike, cases: ArrayLike, objects: ArrayLike) -> Variances:
    """Variance between replicates apart from that between cases (Searle, Casella and McCulloch 1992: ANOVA estimates).

    The mean of a case with m objects of r replicates each carries 1 / (m r) of the variance between replicates;
    the mean of this over the cases is taken off the variance of the cases' means. The rest holds the
    differences between a case's own objects too.

    Args:
        values: (n,) one per session.
        cases: (n,) each session's case.
        objects: (n,) each session's object.

    Returns:
        NaN for what is not defined: both where no object has two sessions, `cases` for a single case. An object
        of one session counts in `cases` only.
    """
    x, nan = np.asarray(values, float), float("nan")
    member = np.unique(np.asarray(objects), return_inverse=True)[1]
    first = np.unique(member, return_index=True)[1]
    size, owner = np.bincount(member), np.asarray(cases)[first]
    means = cluster_means(x, member)
    squares = np.bincount(member, (x - means[member]) ** 2)
    often = size > 1
    within = float(np.mean(squares[often] / (size[often] - 1))) if often.any() else nan
    if len(np.unique(owner)) < 2:
        return Variances(within, nan)
    share = cluster_means(1 / size, owner) / np.unique(owner, return_counts=True)[1]
    between = float(np.var(cluster_means(means, owner), ddof=1) - within * share.mean())
    return Variances(within, max(0.0, between) if np.isfinite(between) else nan)


@dataclass(frozen=True)
class Paired:
    """What paired differences show.

    Attributes:
        n: pairs.
        clusters: clusters that the pairs come from, such as patients.
        mean: mean difference.
        low: lower limit of its 95% interval by `bootstrap_mean`.
        high: upper limit.
        effect: Cohen's d_z (Cohen 1988), mean over standard deviation of the differences.
        t_p: p-value of the two-sided paired Student t-test over the pairs, as in the paper.
        wilcoxon_p: p-value of `signed_rank_p` over the clusters' mean differences.
    """

    n: int
    clusters: int
    mean: float
    low: float
    high: float
    effect: float
    t_p: float
    wilcoxon_p: float


def paired(differences: ArrayLike, clusters: ArrayLike, rng: np.random.Generator) -> Paired:
    """Summarise the differences of pairs that come in clusters.

    Args:
        differences: (n,) one per pair, first minus second; may be empty. Nothing is left out: one that is not
            finite shows in the mean and makes NaN of all else but the counts.
        clusters: (n,) names of the clusters.
        rng: draws the interval.

    Returns:
        NaN for what is not defined: the mean of no pair, the t-test and the effect of fewer than two pairs or
        of differences that are all the same, the interval and Wilcoxon's test of fewer than two clusters.

    Raises:
        ValueError: not as many clusters as differences.
    """
    d, nan = np.asarray(differences, float), float("nan")
    if len(d) != len(np.asarray(clusters)):
        raise ValueError(f"{len(d)} differences and {len(np.asarray(clusters))} clusters; one cluster each")
    count = len(np.unique(np.asarray(clusters)))
    if not len(d) or not np.isfinite(d).all():
        return Paired(len(d), count, float(d.mean()) if len(d) else nan, nan, nan, nan, nan, nan)
    found = bootstrap_mean(d, clusters, rng)
    mean, low, high = float(found.mean), float(found.low), float(found.high)
    effect, t_p = _student(d)
    return Paired(len(d), count, mean, low, high, effect, t_p, signed_rank_p(cluster_means(d, clusters)))


def _student(d: NDArray[np.float64]) -> tuple[float, float]:
    """Cohen's d_z and the p-value of the two-sided t-test against zero."""
    spread = np.std(d, ddof=1).round(_DIGITS) if len(d) > 1 else 0.0
    if spread == 0:
        return float("nan"), float("nan")
    effect = float(d.mean() / spread)
    return effect, float(2 * student.sf(abs(effect) * np.sqrt(len(d)), len(d) - 1))


def cluster_means(values: ArrayLike, clusters: ArrayLike) -> NDArray[np.float64]:
    """Mean of the values of every cluster, in the order of the clusters' names."""
    member = np.unique(np.asarray(clusters), return_inverse=True)[1]
    return np.bincount(member, np.asarray(values, float)) / np.bincount(member)


def signed_rank_p(values: ArrayLike) -> float:
    """P-value of the two-sided Wilcoxon signed-rank test (1945) that independent values lie around zero.

    Zeros are left out and ties share their mean rank, as by default in scipy. Exact with ties for up to 200 values
    that are not zero: the probability over all signs given the ranks, where scipy approximates. Beyond that many
    it is scipy's normal approximation.

    Args:
        values: (n,).

    Returns:
        1 when all values are zero; NaN for fewer than two values or where one is not finite.
    """
    d = np.asarray(values, float).round(_DIGITS)
    if len(d) < 2 or not np.isfinite(d).all():
        return float("nan")
    d = d[d != 0]
    if len(d) > _MOST_EXACT:
        return float(wilcoxon(d, method="asymptotic").pvalue)
    ranks = (2 * rankdata(np.abs(d))).astype(int)  # mean ranks are halves
    chance = np.ones(1)  # of every sum of the ranks of positive values
    for rank in ranks:
        chance = (np.pad(chance, (0, rank)) + np.pad(chance, (rank, 0))) / 2
    found = int(ranks[d > 0].sum())
    return float(min(1.0, 2 * min(chance[: found + 1].sum(), chance[found:].sum())))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values of Holm's step-down procedure (1979), in the order given; (n,) to (n,).

    A NaN stays NaN and does not count as a test.
    """
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN come last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def tie_groups(p: ArrayLike, level: float = LEVEL) -> list[str]:
    """Letters for a ranking: entries that share a letter are not told apart (Piepho 2004, compact letters).

    Args:
        p: (k, k) symmetric adjusted p-values of all pairs, the entries in the order of the ranking, so that
            the first ones get the first letters. NaN tells nobody apart; the diagonal is not looked at.
        level: pairs with a smaller p-value are told apart.
    """
    apart = np.less(np.asarray(p, float), level)
    entries = range(len(apart))
    groups = [frozenset(entries)]
    for i, j in combinations(entries, 2):
        if apart[i, j]:
            split = {part for g in groups for part in ((g - {i}, g - {j}) if {i, j} <= g else (g,))}
            groups = [g for g in split if not any(g < other for other in split)]
    groups.sort(key=sorted)
    names = [ascii_lowercase[k % 26] + (str(k // 26) if k >= 26 else "") for k in range(len(groups))]
    return ["".join(name for name, g in zip(names, groups, strict=True) if k in g) for k in entries]
