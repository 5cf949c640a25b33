"""Coverage of intervals and false positives of tests with 5, 10, 20 and 40 patients, by simulation (minutes).

    python benchmarks/coverage.py [REPEATS]

Prints two Markdown tables. The first has the share of simulated studies whose 95% interval contains the true mean
and, in brackets, the median width relative to the cluster t. The second has the share of studies without a true
difference in which a two-sided test at 0.05 is significant. docs/results.md has the tables of 1000 repeats.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import ttest_1samp

from bifseg.analysis.intervals import Interval, cluster_t, mean_interval
from bifseg.analysis.statistics import cluster_means, signed_rank_p

Array = NDArray[np.float64]
Study = tuple[Array, NDArray[np.int64]]
"""Values of objects, and the patient of each."""
PATIENTS = (5, 10, 20, 40)


def _alone(draw: Callable[[np.random.Generator, int], Array]) -> Callable[[np.random.Generator, int], Study]:
    """One object a patient."""
    return lambda rng, patients: (draw(rng, patients), np.arange(patients))


def _clustered(
    between: Callable[[np.random.Generator, int], Array], within: Callable[[np.random.Generator, int], Array]
) -> Callable[[np.random.Generator, int], Study]:
    """One to eight objects a patient, which are alike."""

    def study(rng: np.random.Generator, patients: int) -> Study:
        of = np.repeat(np.arange(patients), rng.integers(1, 9, patients))
        return between(rng, patients)[of] + within(rng, len(of)), of

    return study


def _normal(rng: np.random.Generator, n: int) -> Array:
    return rng.normal(size=n)


def _exponential(rng: np.random.Generator, n: int) -> Array:
    return rng.exponential(size=n) - 1


def _lognormal(rng: np.random.Generator, n: int) -> Array:
    return rng.lognormal(size=n) - np.exp(0.5)


def _rounds(rng: np.random.Generator, n: int) -> Array:
    """Whole numbers, six in ten of them equal, like differences of rounds."""
    return np.where(rng.random(n) < 0.6, 0.0, rng.integers(1, 5, n)) - 1.0


def _failures(rng: np.random.Generator, n: int) -> Array:
    """Small gains and, in a tenth of the objects, a large loss, like Dice with failed sessions."""
    lost = rng.random(n) < 0.1
    return np.where(lost, rng.normal(-0.3, 0.1, n), rng.normal(0.03, 0.03, n)) + 0.003


def _lost(rng: np.random.Generator, n: int) -> Array:
    """Equally good Dice and, in a tenth of the objects, 0."""
    return np.where(rng.random(n) < 0.1, 0.0, rng.normal(0.92, 0.02, n)) - 0.828


STUDIES = {
    "normal": _alone(_normal),
    "exponential": _alone(_exponential),
    "log-normal": _alone(_lognormal),
    "rounds (60 % ties)": _alone(_rounds),
    "failures (10 %)": _alone(_failures),
    "lost sessions (10 %)": _alone(_lost),
    "clustered, normal": _clustered(_normal, _normal),
    "clustered, exponential": _clustered(_exponential, _exponential),
}
"""Generators by name; the true mean is 0 in all."""


def _scipy(method: str) -> Callable[[Array, NDArray[np.int64]], tuple[float, float]]:
    """An interval of scipy.stats.bootstrap over whole patients."""

    def limits(values: Array, of: NDArray[np.int64]) -> tuple[float, float]:
        sums, counts = np.bincount(of, values), np.bincount(of).astype(float)
        result = scipy_bootstrap(
            (sums, counts),
            lambda s, n, axis: s.sum(axis) / n.sum(axis),
            paired=True,
            vectorized=True,
            method=method,
            n_resamples=1999,
            rng=np.random.default_rng(0),
        )
        return tuple(result.confidence_interval)

    return limits


def _ours(how: Callable) -> Callable[[Array, NDArray[np.int64]], tuple[float, float]]:
    def limits(values: Array, of: NDArray[np.int64]) -> tuple[float, float]:
        interval = how(values, of)
        return float(interval.low), float(interval.high)

    return limits


def _student(values: Array, of: NDArray[np.int64]) -> Interval:
    terms = np.column_stack([values, np.ones(len(values))])
    return cluster_t(
        terms,
        of,
        lambda s: s[..., 0] / s[..., 1],
        lambda s: np.stack([1 / s[..., 1], -s[..., 0] / s[..., 1] ** 2], axis=-1),
    )


INTERVALS = {
    "percentile": _scipy("percentile"),
    "BCa": _scipy("BCa"),
    "cluster t": _ours(_student),
    "bootstrap-t": _ours(mean_interval),
}
TESTS: dict[str, Callable[[Array, NDArray[np.int64]], float]] = {
    "t over objects (the paper's)": lambda values, of: float(ttest_1samp(values, 0).pvalue),
    "t over patients": lambda values, of: float(ttest_1samp(cluster_means(values, of), 0).pvalue),
    "signed-rank over patients": lambda values, of: signed_rank_p(cluster_means(values, of)),
}


def coverage(name: str, patients: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Share of the intervals of each kind that contain the true mean, and their median width."""
    rng = np.random.default_rng([2018, patients, *name.encode()])
    limits = {kind: [] for kind in INTERVALS}
    for _ in range(repeats):
        values, of = STUDIES[name](rng, patients)
        for kind, how in INTERVALS.items():
            limits[kind].append(how(values, of))
    ends = {kind: np.array(pairs) for kind, pairs in limits.items()}
    return {
        kind: (float(np.mean((e[:, 0] <= 0) & (e[:, 1] >= 0))), float(np.median(e[:, 1] - e[:, 0])))
        for kind, e in ends.items()
    }


def errors(name: str, patients: int, repeats: int) -> dict[str, float]:
    """Share of studies without a true difference in which each test is significant."""
    rng = np.random.default_rng([2019, patients, *name.encode()])
    studies = [STUDIES[name](rng, patients) for _ in range(repeats)]
    return {kind: float(np.mean([test(*study) < 0.05 for study in studies])) for kind, test in TESTS.items()}


def main(repeats: int) -> None:
    print(f"| values | patients | {' | '.join(INTERVALS)} |\n|---|--:|{'--:|' * len(INTERVALS)}")
    for name in STUDIES:
        for patients in PATIENTS:
            kinds = coverage(name, patients, repeats)
            cells = [f"{share:.3f} ({width / kinds['cluster t'][1]:.2f})" for share, width in kinds.values()]
            print(f"| {name} | {patients} | {' | '.join(cells)} |", flush=True)
    print(f"\n| values | patients | {' | '.join(TESTS)} |\n|---|--:|{'--:|' * len(TESTS)}")
    for name in STUDIES:
        for patients in PATIENTS:
            shares = errors(name, patients, repeats).values()
            print(f"| {name} | {patients} | {' | '.join(f'{share:.3f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
