"""How long until it happens, where for some it never does or nobody looked long enough: Kaplan and Meier 1958.

Times are of any unit. A member whose time is not that of the event was watched until then (right-censored);
infinity: for ever, it never happens. Intervals are bootstrapped over whole clusters, such as patients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bifseg.analysis.statistics import Interval, bootstrap

Array = NDArray[np.float64]


def reached_by(
    times: ArrayLike, events: ArrayLike, at: ArrayLike, clusters: ArrayLike, rng: np.random.Generator
) -> Interval:
    """Share of members that had the event by each moment: one minus Kaplan and Meier's curve.

    Args:
        times: (n,) of the event, or until when the member was watched without one.
        events: (n,) whether the time is the event's.
        at: (moments,) when to look; beyond the last time watched the curve stays as it is.
        clusters: (n,) names of the clusters.
        rng: draws the clusters for the 95% interval.

    Raises:
        ValueError: no members, or not as many clusters as members.
    """
    moments, terms = _terms(times, events)
    place = np.searchsorted(moments, np.asarray(at, float), side="right")
    return bootstrap(terms, clusters, lambda sums: 1 - _survival(sums)[..., place], rng)


def restricted_mean(
    times: ArrayLike, events: ArrayLike, horizon: float, clusters: ArrayLike, rng: np.random.Generator
) -> Interval:
    """Mean time until the event, or until the horizon where it comes first (Royston and Parmar 2013).

    The area under Kaplan and Meier's curve from 0 to the horizon. Where everyone is watched until the horizon
    it is the mean of min(time, horizon).

    Args:
        times: (n,) as for `reached_by`, not negative.
        events: (n,) whether the time is the event's.
        horizon: in units of the times, not negative.
        clusters: (n,) names of the clusters.
        rng: draws the clusters for the 95% interval.

    Returns:
        An interval without axes.

    Raises:
        ValueError: no members, or not as many clusters as members.
    """
    moments, terms = _terms(times, events)
    widths = np.diff(np.minimum([0.0, *moments, np.inf], horizon))
    found = bootstrap(terms, clusters, lambda sums: (_survival(sums) @ widths)[..., None], rng)
    return Interval(*(part[0] for part in (found.mean, found.low, found.high)))


def _terms(times: ArrayLike, events: ArrayLike) -> tuple[Array, Array]:
    """Moments of events (m,), and of each member (n, 2 m) whether it had one there and whether it still could."""
    times, events = np.asarray(times, float), np.asarray(events, bool)
    moments = np.unique(times[events])
    falls = events[:, None] & (times[:, None] == moments)
    return moments, np.hstack([falls, times[:, None] >= moments]).astype(float)


def _survival(sums: Array) -> Array:
    """The curve before the first moment and after each: (..., 2 m) sums of the terms to (..., 1 + m) shares."""
    falls, able = np.split(sums, 2, axis=-1)
    stay = 1 - np.divide(falls, able, out=np.zeros_like(falls), where=able > 0)
    return np.concatenate([np.ones((*stay.shape[:-1], 1)), np.cumprod(stay, axis=-1)], axis=-1)
