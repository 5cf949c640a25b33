"""Variance components, paired tests, and corrections for many tests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, stdtr

from bifseg.analysis.intervals import cluster_numbers, mean_interval

LEVEL = 0.05
"""A difference with a smaller p-value is significant."""
_MOST_EXACT = 200
_DIGITS = 12  # further digits are rounding errors, which would break ties


@dataclass(frozen=True)
class Variances:
    """Variance components of repeated results.

    Attributes:
        replicates: variance between the replicates of one object, averaged over objects.
        cases: variance between cases (of the means of their objects' means) minus the part that is due to
            replicates; not below zero.
    """

    replicates: float
    cases: float

    @property
    def replicates_share(self) -> float:
        """The replicates' share of the sum of both variances; NaN if that is 0 or unknown."""
        total = self.replicates + self.cases
        return self.replicates / total if total > 0 else float("nan")


def variance_components(values: ArrayLike, cases: ArrayLike, objects: ArrayLike) -> Variances:
    """Variances between replicates and between cases, ANOVA estimates (Searle, Casella and McCulloch 1992).

    The mean of a case with m objects of r replicates each contains 1 / (m r) of the variance between replicates. The
    mean of this over the cases is subtracted from the variance of the cases' means. The rest includes the differences
    between the objects of a case.

    Args:
        values: (n,) one value a session.
        cases: (n,) each session's case.
        objects: (n,) each session's object.

    Returns:
        Both variances. Both are NaN if no object has two sessions; `cases` is NaN for a single case. An object with
        one session counts only in `cases`.
    """
    x, nan = np.asarray(values, float), float("nan")
    member = cluster_numbers(objects)
    first = np.unique(member, return_index=True)[1]
    size, owner = np.bincount(member), cluster_numbers(cases)[first]
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
    """Summary and tests of paired differences.

    Attributes:
        n: number of pairs.
        clusters: number of clusters of the pairs, such as patients.
        mean: mean difference.
        low: lower limit of the mean's 95% interval by `intervals.mean_interval`.
        high: upper limit of that interval.
        effect: Cohen's d_z (Cohen 1988): mean divided by standard deviation of the differences.
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


def paired(differences: ArrayLike, clusters: ArrayLike) -> Paired:
    """Summary and tests of paired differences in clusters.

    Args:
        differences: (n,) first minus second of each pair; may be empty. If one is not finite, neither is the mean, and
            everything else but the counts is NaN.
        clusters: (n,) name of each pair's cluster.

    Returns:
        The summary. The mean of no pair is NaN; so are t-test and effect of fewer than two pairs or of equal
        differences, and interval and Wilcoxon's test of fewer than two clusters.

    Raises:
        ValueError: not as many clusters as differences.
    """
    d, nan = np.asarray(differences, float), float("nan")
    if len(d) != len(np.asarray(clusters)):
        raise ValueError(f"{len(d)} differences and {len(np.asarray(clusters))} clusters; one cluster each")
    count = len(np.unique(np.asarray(clusters)))
    if not len(d) or not np.isfinite(d).all():
        return Paired(len(d), count, float(d.mean()) if len(d) else nan, nan, nan, nan, nan, nan)
    interval = mean_interval(d, clusters)
    limits = (interval.mean, interval.low, interval.high)
    return Paired(len(d), count, *limits, *_student(d), signed_rank_p(cluster_means(d, clusters)))


def _student(d: NDArray[np.float64]) -> tuple[float, float]:
    """Cohen's d_z and the p-value of the two-sided t-test against zero."""
    spread = np.std(d, ddof=1).round(_DIGITS) if len(d) > 1 else 0.0
    if spread == 0:
        return float("nan"), float("nan")
    effect = float(d.mean() / spread)
    return effect, float(2 * stdtr(len(d) - 1, -abs(effect) * np.sqrt(len(d))))


def cluster_means(values: ArrayLike, clusters: ArrayLike) -> NDArray[np.float64]:
    """The mean of each cluster.

    Args:
        values: (n,) numbers.
        clusters: (n,) name of each value's cluster.

    Returns:
        (clusters,) means in the order of the clusters' names.
    """
    member = cluster_numbers(clusters)
    return np.bincount(member, np.asarray(values, float)) / np.bincount(member)


def signed_rank_p(values: ArrayLike) -> float:
    """P-value of the two-sided signed-rank test (Wilcoxon 1945) that values are symmetric around zero.

    Zeros are left out and ties share their mean rank, as in scipy. Up to 200 values other than zero the p-value is
    exact with ties too, over all signs given the ranks; beyond that it is scipy's normal approximation.

    Args:
        values: (n,) independent values.

    Returns:
        1 if all values are zero; NaN for fewer than two values or if one is not finite.
    """
    d = np.asarray(values, float).round(_DIGITS)
    if len(d) < 2 or not np.isfinite(d).all():
        return float("nan")
    d = d[d != 0]
    ranks, ties = _doubled_ranks(d)
    if (n := len(d)) > _MOST_EXACT:
        # The formula of scipy.stats.wilcoxon, which takes a second to import and a millisecond a call.
        variance = (n * (n + 1) * (2 * n + 1) - (ties**3 - ties).sum() / 2) / 24
        distance = abs(ranks[d > 0].sum() / 2 - n * (n + 1) / 4)
        return float(2 * ndtr(-distance / np.sqrt(variance)))
    chance = np.zeros(ranks.sum() + 1)  # probability of each sum of the positive values' ranks
    chance[0], most = 1.0, 0
    for rank in ranks:
        chance[rank : rank + most + 1] += chance[: most + 1].copy()
        most += rank
        chance[: most + 1] /= 2
    observed = int(ranks[d > 0].sum())
    return float(min(1.0, 2 * min(chance[: observed + 1].sum(), chance[observed:].sum())))


def signed_rank_sum(values: ArrayLike) -> float:
    """The sum of the signed ranks, which tells the direction of `signed_rank_p`.

    It may contradict the mean, which one large value can turn: eleven values of -1 and one of 20 have a negative sum.

    Args:
        values: (n,) independent values.

    Returns:
        Positive if the positive values have the greater ranks; 0 without values; NaN if one is not finite.
    """
    d = np.asarray(values, float).round(_DIGITS)
    if not np.isfinite(d).all():
        return float("nan")
    d = d[d != 0]
    return float((np.sign(d) * _doubled_ranks(d)[0]).sum() / 2)


def _doubled_ranks(d: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ranks of the magnitudes, doubled since mean ranks are halves, and the numbers of equal magnitudes."""
    _, place, ties = np.unique(np.abs(d), return_inverse=True, return_counts=True)
    return (2 * np.cumsum(ties) - ties + 1)[place], ties


def least_holm_p(patients: ArrayLike) -> float:
    """The smallest possible p-value of several signed-rank tests after Holm's correction.

    The p-value of a two-sided signed-rank test of n values is at least 2 / 2^n, and Holm multiplies the smallest by
    the number of tests. If the result is not below 0.05, no difference can become significant.

    Args:
        patients: (tests,) number of values of each test.

    Returns:
        A p-value; NaN without tests.
    """
    n = np.asarray(patients, float)
    tests = np.count_nonzero(n >= 2)  # the others have no p-value and do not count
    return float(min(1.0, max(tests, 1) * 2.0 ** (1 - n.max()))) if len(n) else float("nan")


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """P-values corrected for several tests by Holm's step-down procedure (1979).

    Args:
        p: (n,) p-values; a NaN does not count as a test.

    Returns:
        (n,) corrected p-values in the same order; NaN stays NaN.
    """
    p = np.asarray(p, float)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: np.count_nonzero(~np.isnan(p))]  # NaN come last
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted


def tie_groups(p: ArrayLike, level: float = LEVEL) -> list[str]:
    """Compact letter display of a ranking (Piepho 2004): entries that share a letter do not differ significantly.

    Args:
        p: (k, k) symmetric corrected p-values of all pairs, with entries in the order of the ranking. A NaN is not
            significant; the diagonal is ignored.
        level: a difference with a smaller p-value is significant.

    Returns:
        The letters of each entry; the first entries have the first letters.
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
