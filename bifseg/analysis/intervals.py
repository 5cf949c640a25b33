"""Confidence intervals that keep their coverage with few patients: bootstrap-t, and Korn and Graubard's for shares.

`benchmarks/coverage.py` compares them with the percentile bootstrap, BCa and the cluster t; the table is in
docs/results.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv, betaincinv, stdtrit

from bifseg.core.seeds import generator

Array = NDArray[np.float64]
Quantity = Callable[[Array], Array]
"""Maps sums (..., terms) to a statistic (...) or to its derivatives (..., terms)."""

_TAIL = 0.025  # probability on either side of a 95% interval
_DRAWS = 4999  # with this number each limit is a draw itself, the 125th from its end
_FEWEST, _MOST = 5, 200  # clusters of the bootstrap-t
_WIDEST = 2.5  # how many times further from the estimate than Student's limit a limit may be
_ZERO = 1e-9  # fraction of the largest standard error below which one is only rounding error


@dataclass(frozen=True)
class Interval:
    """An estimate with the limits of its 95% interval; undefined limits are NaN."""

    mean: float
    low: float
    high: float

    def within(self, least: float, most: float) -> Interval:
        """The interval with its limits clipped to possible values.

        Args:
            least: smallest possible value.
            most: largest possible value.

        Returns:
            The same estimate with clipped limits; NaN stays NaN.
        """
        return Interval(self.mean, *(float(np.clip(end, least, most)) for end in (self.low, self.high)))

    def columns(self, name: str) -> dict[str, float]:
        """The estimate and its limits as columns of a table.

        Args:
            name: of the measure.

        Returns:
            `NAME_mean`, `NAME_low` and `NAME_high`.
        """
        return {f"{name}_{kind}": value for kind, value in vars(self).items()}


def mean_interval(values: ArrayLike, clusters: ArrayLike) -> Interval:
    """The mean of values with its 95% bootstrap-t interval over clusters.

    Args:
        values: (n,) one value an object.
        clusters: (n,) name of each object's cluster, such as its patient.

    Returns:
        Mean and limits as `bootstrap_t` gives them.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    values = np.asarray(values, float)
    return bootstrap_t(np.column_stack([values, np.ones(len(values))]), clusters, _ratio, _ratio_slope)


def ratio_interval(above: ArrayLike, below: ArrayLike, clusters: ArrayLike) -> Interval:
    """The ratio of two sums with its 95% bootstrap-t interval over clusters.

    Args:
        above: (n,) terms of the numerator, such as seconds.
        below: (n,) terms of the denominator, such as rounds.
        clusters: (n,) name of each member's cluster.

    Returns:
        Ratio and limits as `bootstrap_t` gives them.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    return bootstrap_t(np.column_stack([above, below]).astype(float), clusters, _ratio, _ratio_slope)


def bootstrap_t(values: ArrayLike, clusters: ArrayLike, statistic: Quantity, slope: Quantity) -> Interval:
    """A smooth statistic of sums with its 95% bootstrap-t interval over clusters (Efron and Tibshirani 1993).

    Whole clusters are drawn with replacement, because objects of one patient are alike. The deviation of each draw is
    divided by the standard error of the linearised statistic in that draw. The draws depend only on the number of
    clusters, so that equal values give equal limits.

    No limit is further from the estimate than 2.5 times that of `cluster_t`: where one cluster of eleven makes nearly
    all of the spread, draws without it have almost none, and the limit would leave the range of all values. In
    simulated studies (docs/results.md) this costs no coverage from 11 clusters on, and at most 0.02 with 5.

    The limits are those of `cluster_t` with fewer than 5 clusters (too few distinct draws), with more than 200 (both
    agree), and if a limit would be infinite (too many draws contain equal values only).

    Args:
        values: (n, terms) terms of the sums, a row a member.
        clusters: (n,) name of each member's cluster.
        statistic: a function of the sums that does not change if all sums are multiplied by one number.
        slope: its derivatives.

    Returns:
        The statistic with its limits; NaN limits for a single cluster, or if the statistic or its standard error is
        not finite.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    sums = _cluster_sums(values, clusters)
    plain = _cluster_t(sums, statistic, slope)
    if not _FEWEST <= len(sums) <= _MOST or not np.isfinite(plain.low) or plain.low == plain.high:
        return plain
    error = _standard_error(sums, slope)
    low, high = _outer_points(sums, plain.mean, statistic, slope)
    if not np.isfinite([low, high]).all():
        return plain
    widest = _WIDEST * (plain.high - plain.mean)
    return Interval(
        plain.mean, plain.mean - min(high * error, widest), plain.mean - max(low * error, -widest)
    )


def cluster_t(values: ArrayLike, clusters: ArrayLike, statistic: Quantity, slope: Quantity) -> Interval:
    """A smooth statistic of sums, plus and minus Student's t times its standard error over clusters.

    The degrees of freedom are the clusters minus one. For the mean of clusters of equal size this is Student's
    interval of the clusters' means.

    Args:
        values: (n, terms) terms of the sums, a row a member.
        clusters: (n,) name of each member's cluster.
        statistic: a function of the sums that does not change if all sums are multiplied by one number.
        slope: its derivatives.

    Returns:
        The statistic with its limits; NaN limits for a single cluster, or if the statistic is not finite.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    return _cluster_t(_cluster_sums(values, clusters), statistic, slope)


def _cluster_t(sums: Array, statistic: Quantity, slope: Quantity) -> Interval:
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = float(statistic(sums.sum(axis=0)))
    if len(sums) == 1 or not np.isfinite(estimate):
        return Interval(estimate, np.nan, np.nan)
    half = student_limit(_TAIL, len(sums) - 1) * _standard_error(sums, slope)
    return Interval(estimate, estimate - half, estimate + half)


def student_limit(tail: float, freedom: float) -> float:
    """The value that Student's t exceeds with a probability.

    scipy.stats gives the same number, and takes as long to import as the tables of a run to make.

    Args:
        tail: the probability, in (0, 1).
        freedom: degrees of freedom, at least 1.

    Returns:
        The value.
    """
    return -float(stdtrit(freedom, tail))


def share_interval(hits: ArrayLike, clusters: ArrayLike) -> Interval:
    """A share with its 95% interval over clusters: that of Clopper and Pearson for the effective sample size.

    After Korn and Graubard (1998), the effective size is that of a simple random sample with the same variance. A
    share of 0 or 1 has no variance; its effective size is the number of clusters.

    Args:
        hits: (n,) whether each object counts.
        clusters: (n,) name of each object's cluster.

    Returns:
        Share and limits in [0, 1]; NaN limits for a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    return share_of_strata(hits, clusters, np.zeros(len(np.asarray(hits))))


def share_of_strata(hits: ArrayLike, clusters: ArrayLike, strata: ArrayLike) -> Interval:
    """The mean of the strata's shares with its 95% interval over clusters, as in `share_interval`.

    The effective size of a share of 0 or 1 is that of the mean of as many independent shares: the squared number of
    strata over the sum of 1 / clusters. A stratum whose share is 0 or 1 counts with the variance that the mean share
    would have there. The degrees of freedom are those of Welch, as in `mean_of_strata`.

    Args:
        hits: (n,) whether each object counts.
        clusters: (n,) name of each object's cluster, which lies in one stratum.
        strata: (n,) name of each object's stratum, such as its cohort.

    Returns:
        Share and limits in [0, 1]; NaN limits if a stratum has a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    parts = _Strata.of(hits, clusters, strata)
    share, n, count = parts.mean, len(np.asarray(hits)), len(parts.clusters)
    if parts.clusters.min() == 1:
        return Interval(share, np.nan, np.nan)
    size = count**2 / float((1 / parts.clusters).sum())
    if 0 < share < 1:
        alike = share * (1 - share) / (parts.clusters * count**2)
        variances = np.where((parts.means == 0) | (parts.means == 1), alike, parts.variances)
        freedom = _welch(variances, parts.clusters)
        wider = (student_limit(_TAIL, n - 1) / student_limit(_TAIL, freedom)) ** 2
        size = min(n, share * (1 - share) / variances.sum() * wider) if variances.any() else float(n)
    successes = share * size
    low = float(betaincinv(successes, size - successes + 1, _TAIL)) if share > 0 else 0.0
    high = float(betainccinv(successes + 1, size - successes, _TAIL)) if share < 1 else 1.0
    return Interval(share, low, high)


def mean_of_strata(values: ArrayLike, clusters: ArrayLike, strata: ArrayLike) -> Interval:
    """The mean of the strata's means with its 95% interval over clusters, so that each stratum has the same weight.

    The interval is that of `bootstrap_t`, but Student's with the degrees of freedom of Welch (1947) if a stratum has
    fewer than 5 clusters or all have more than 200: a small stratum then makes most of the variance, which only its
    own few clusters tell.

    Args:
        values: (n,) one value an object.
        clusters: (n,) name of each object's cluster, which lies in one stratum.
        strata: (n,) name of each object's stratum, such as its cohort.

    Returns:
        Mean and limits; NaN limits if a stratum has a single cluster.

    Raises:
        ValueError: no values, or not as many clusters as values.
    """
    parts = _Strata.of(values, clusters, strata)
    if parts.clusters.min() >= _FEWEST and parts.clusters.sum() <= _MOST:
        return bootstrap_t(parts.terms, clusters, _mean_of_ratios, _mean_of_ratios_slope)
    if parts.clusters.min() == 1:
        return Interval(parts.mean, np.nan, np.nan)
    variance = float(parts.variances.sum())
    if variance == 0:
        return Interval(parts.mean, parts.mean, parts.mean)
    half = student_limit(_TAIL, _welch(parts.variances, parts.clusters)) * float(np.sqrt(variance))
    return Interval(parts.mean, parts.mean - half, parts.mean + half)


def _welch(variances: Array, clusters: NDArray[np.int64]) -> float:
    """The degrees of freedom of a sum of variances, each of some clusters; infinite if all are 0."""
    parts = float((variances**2 / (clusters - 1)).sum())
    return float(variances.sum()) ** 2 / parts if parts > 0 else np.inf


@dataclass(frozen=True)
class _Strata:
    """The mean of the means of strata, and what its interval needs.

    Attributes:
        terms: (n, 2 strata) value and 1 of each member in the columns of its stratum, 0 in the others.
        means: (strata,) of each.
        clusters: (strata,) number of clusters.
        variances: (strata,) part of each stratum in the variance of the mean; NaN for one cluster.
    """

    terms: Array
    means: Array
    clusters: NDArray[np.int64]
    variances: Array

    @property
    def mean(self) -> float:
        """The mean of the strata's means."""
        return float(self.means.mean())

    @classmethod
    def of(cls, values: ArrayLike, clusters: ArrayLike, strata: ArrayLike) -> _Strata:
        """The strata of some values.

        Args:
            values: as in `mean_of_strata`.
            clusters: as in `mean_of_strata`.
            strata: as in `mean_of_strata`.

        Returns:
            Their mean with what its interval needs.
        """
        values, stratum = np.asarray(values, float), cluster_numbers(strata)
        inside = stratum[:, np.newaxis] == np.arange(stratum.max(initial=0) + 1)
        pairs = np.stack([inside * values[:, np.newaxis], inside], axis=-1)
        terms = pairs.reshape(len(values), 2 * inside.shape[1])
        sums = _cluster_sums(terms, clusters)
        above, below = sums[:, ::2], sums[:, 1::2]
        counts, size = np.count_nonzero(below, axis=0), below.sum(axis=0)
        means = above.sum(axis=0) / size
        squares = (((above - means * below) / size) ** 2).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            variances = counts / (counts - 1) * squares / len(counts) ** 2
        return cls(terms, means, counts, variances)


def _mean_of_ratios(sums: Array) -> Array:
    return np.asarray((sums[..., ::2] / sums[..., 1::2]).mean(axis=-1))


def _mean_of_ratios_slope(sums: Array) -> Array:
    above, below = sums[..., ::2], sums[..., 1::2]
    slopes = np.stack([1 / below, -above / below**2], axis=-1) / above.shape[-1]
    return np.asarray(slopes.reshape(sums.shape))


def _ratio(sums: Array) -> Array:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _ratio_slope(sums: Array) -> Array:
    return np.stack([1 / sums[..., 1], -sums[..., 0] / sums[..., 1] ** 2], axis=-1)


def _cluster_sums(values: ArrayLike, clusters: ArrayLike) -> Array:
    """Sums (clusters, terms) over the members of each cluster, in the order of the clusters' names."""
    values, member = np.asarray(values, float), cluster_numbers(clusters)
    if not len(values) or len(values) != len(member):
        raise ValueError(
            f"{len(values)} values and {len(member)} clusters; give one cluster a value, and at least one value"
        )
    return np.column_stack([np.bincount(member, column) for column in values.T])


def cluster_numbers(clusters: ArrayLike) -> NDArray[np.int64]:
    """The number of each member's cluster.

    Args:
        clusters: (n,) name of each member's cluster: text, numbers, or a categorical series with sorted categories.

    Returns:
        (n,) numbers from 0 without gaps, in the order of the names.
    """
    if isinstance(clusters, pd.Series) and isinstance(clusters.dtype, pd.CategoricalDtype):
        codes = clusters.cat.codes.to_numpy()
        return np.asarray((np.cumsum(np.bincount(codes) > 0) - 1)[codes])
    return np.asarray(np.unique(np.asarray(clusters), return_inverse=True)[1])


def _standard_error(sums: Array, slope: Quantity) -> float:
    """The standard error of the linearised statistic between clusters."""
    count = len(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = sums @ slope(sums.sum(axis=0))
    return float(np.sqrt(count / (count - 1) * (each @ each)))


def _outer_points(sums: Array, estimate: float, statistic: Quantity, slope: Quantity) -> tuple[float, float]:
    """The lower and upper point of the draws' deviations, in units of their own standard errors."""
    count, terms = sums.shape
    times = _times(count)
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = times @ sums
        derivatives, deviation = slope(drawn), statistic(drawn) - estimate
        squares = sum(
            derivatives[:, i] * derivatives[:, j] * (times @ (sums[:, i] * sums[:, j]))
            for i in range(terms)
            for j in range(terms)
        )
        errors = np.sqrt(np.maximum(squares, 0) * count / (count - 1))
        errors[errors < _ZERO * np.nanmax(errors)] = 0  # a draw of equal values
        deviation[np.abs(deviation) < _ZERO * np.nanmax(np.abs(deviation))] = 0
        ratios = deviation / errors
    ratios = np.sort(ratios[~np.isnan(ratios)])
    if len(ratios) < 1 / _TAIL:
        return np.nan, np.nan
    place = round(_TAIL * (len(ratios) + 1))
    return float(ratios[place - 1]), float(ratios[-place])


@lru_cache(maxsize=16)
def _times(count: int) -> Array:
    """How often each cluster is drawn, (draws, clusters)."""
    rng = generator(0, "bootstrap-t", str(count))
    return rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS).astype(float)
