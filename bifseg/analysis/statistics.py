"""How sure a mean is and what a comparison shows: intervals, paired tests, and corrections for many tests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata, wilcoxon
from scipy.stats import t as student

from bifseg.analysis.intervals import mean_interval

LEVEL = 0.05
"""Entries are told apart by p-values below this one."""
_MOST_EXACT = 200
_DIGITS = 12  # beyond these, equal differences differ by arithmetic alone, and would not be ties


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
        low: lower limit of its 95% interval by `intervals.mean_interval`.
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


def paired(differences: ArrayLike, clusters: ArrayLike) -> Paired:
    """Summarise the differences of pairs that come in clusters.

    Args:
        differences: (n,) one per pair, first minus second; may be empty. Nothing is left out: one that is not
            finite shows in the mean and makes NaN of all else but the counts.
        clusters: (n,) names of the clusters.

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
    interval = mean_interval(d, clusters)
    limits = (interval.mean, interval.low, interval.high)
    return Paired(len(d), count, *limits, *_student(d), signed_rank_p(cluster_means(d, clusters)))


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


def least_holm_p(patients: ArrayLike) -> float:
    """The smallest p-value that `signed_rank_p`, corrected by `holm`, can give any of several tests.

    A two-sided signed-rank test of n values is at least 2 / 2^n, and Holm multiplies the smallest by the number of
    tests. Where this is not below 0.05, the design can tell nobody apart, whatever the results are.

    Args:
        patients: (tests,) how many values each test has.

    Returns:
        NaN for no tests.
    """
    n = np.asarray(patients, float)
    tests = np.count_nonzero(n >= 2)  # others have no p-value, and do not count
    return float(min(1.0, max(tests, 1) * 2.0 ** (1 - n.max()))) if len(n) else float("nan")


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
