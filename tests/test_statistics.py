import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.statistics import bootstrap_mean


def rng():
    return np.random.default_rng(7)


def test_mean_is_over_values_and_limits_enclose_it():
    found = bootstrap_mean([1.0, 2.0, 6.0], ["a", "b", "c"], rng())
    assert found.mean == 3.0
    assert 1.0 <= found.low < 3.0 < found.high <= 6.0


def test_two_clusters_have_known_limits():
    # Draws of two clusters: both a (1/4), both b (1/4), one of each: the 2.5 and 97.5 % points are the extremes.
    found = bootstrap_mean([0.0, 0.0, 1.0], ["a", "a", "b"], rng())
    assert (found.mean, found.low, found.high) == (pytest.approx(1 / 3), 0.0, 1.0)


def test_normal_theory_holds_for_many_independent_values():
    values = rng().normal(5, 2, 400)
    found = bootstrap_mean(values, np.arange(400), rng())
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.high - found.low == pytest.approx(2 * half, rel=0.05)


def test_same_cases_repeated_do_not_narrow_the_interval():
    values = rng().normal(size=20)
    once = bootstrap_mean(values, np.arange(20), rng())
    often = bootstrap_mean(np.repeat(values, 9), np.repeat(np.arange(20), 9), rng())
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_slow_reference():
    values, clusters = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array(["x", "x", "y", "z", "z"])
    times = rng().multinomial(3, [1 / 3] * 3, size=500)
    means = []
    for draw in times:
        pool = [v for name, n in zip("xyz", draw, strict=True) for v in list(values[clusters == name]) * n]
        means.append(np.mean(pool))
    found = bootstrap_mean(values, clusters, rng(), level=0.9, draws=500)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.05, 0.95])))


def test_quantities_share_the_draws_and_equal_single_runs():
    values = rng().normal(size=(12, 3))
    whole = bootstrap_mean(values, np.arange(12) // 2, rng())
    for k in range(3):
        single = bootstrap_mean(values[:, k], np.arange(12) // 2, rng())
        assert whole.low[k] == pytest.approx(single.low)
        assert whole.high[k] == pytest.approx(single.high)


def test_one_cluster_has_no_limits():
    found = bootstrap_mean([1.0, 3.0], ["a", "a"], rng())
    assert found.mean == 2.0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a", "b"])])
def test_refuses_nothing_and_mismatch(values, clusters):
    with pytest.raises(ValueError, match="clusters"):
        bootstrap_mean(values, clusters, rng())


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 5)), min_size=1, max_size=30))
def test_nan_limits_or_ordered_within_range(pairs):
    values, clusters = zip(*pairs, strict=True)
    found = bootstrap_mean(values, clusters, rng(), draws=50)
    if len(set(clusters)) > 1:
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
