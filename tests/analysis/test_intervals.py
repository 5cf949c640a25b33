import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bifseg.analysis.intervals import (
    bootstrap_t,
    cluster_t,
    mean_interval,
    mean_of_strata,
    ratio_interval,
    share_interval,
    share_of_strata,
)


def rng(seed=7):
    return np.random.default_rng(seed)


def mean_terms(values):
    return np.column_stack([values, np.ones(len(values))])


def ratio(sums):
    return sums[..., 0] / sums[..., 1]


def slope(sums):
    return np.stack([1 / sums[..., 1], -sums[..., 0] / sums[..., 1] ** 2], axis=-1)


@pytest.mark.parametrize("n", [2, 3, 4, 250])
def test_few_and_many_patients_have_student_s_interval(n):
    values = rng().exponential(size=n)
    expected = stats.ttest_1samp(values, 0).confidence_interval()
    interval = mean_interval(values, np.arange(n))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((values.mean(), *expected))


def test_interval_equals_a_slow_bootstrap():
    """The reference pools and studentises each draw in a loop; patients have unequal numbers of objects."""
    values, patients = rng(6).exponential(size=14), np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 5, 5, 5])
    groups = [values[patients == k] for k in range(6)]

    def estimate(drawn):
        pool = np.concatenate([groups[k] for k in drawn])
        mean = pool.mean()
        parts = [(groups[k] - mean).sum() / len(pool) for k in drawn]
        return mean, np.sqrt(6 / 5 * np.sum(np.square(parts)))

    mean, error = estimate(range(6))
    t = []
    generator = rng(1)
    for _ in range(20_000):
        drawn_mean, drawn_error = estimate(generator.integers(0, 6, 6))
        with np.errstate(divide="ignore"):  # six draws of one patient: no spread, and an infinite deviation
            t.append((drawn_mean - mean) / drawn_error)
    assert np.isinf(t).sum() < 20, "far from both limits, which lie at 500 draws"
    low, high = np.quantile(t, [0.025, 0.975])
    interval = mean_interval(values, patients)
    assert interval.mean == pytest.approx(mean)
    assert (interval.low, interval.high) == pytest.approx((mean - high * error, mean - low * error), rel=0.08)


def test_the_interval_is_wider_on_the_side_of_the_long_tail():
    """Student's interval is symmetric; these values have their tail above the mean."""
    values = np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.5, 0.6, 0.9, 3.0])
    interval = mean_interval(values, np.arange(10))
    assert interval.high - interval.mean > 1.5 * (interval.mean - interval.low)


def test_objects_of_one_patient_do_not_narrow_the_interval():
    values = rng().normal(size=12)
    once = mean_interval(values, np.arange(12))
    often = mean_interval(np.repeat(values, 9), np.repeat(np.arange(12), 9))
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_the_order_of_the_members_does_not_matter():
    values, patients = rng().normal(size=20), np.arange(20) // 2
    order = rng(1).permutation(20)
    one, other = mean_interval(values, patients), mean_interval(values[order], patients[order])
    assert (one.low, one.high) == pytest.approx((other.low, other.high))


def test_many_draws_without_spread_give_student_s_interval():
    """Eight of nine values are equal, so a third of the draws have no spread."""
    values = np.array([0.0] * 8 + [1.0])
    interval, student = (
        mean_interval(values, np.arange(9)),
        cluster_t(mean_terms(values), np.arange(9), ratio, slope),
    )
    assert (interval.low, interval.high) == (student.low, student.high)


@pytest.mark.parametrize("lost", [0.0, 0.4, 1.4])
def test_one_failed_patient_of_eleven_leaves_an_interval_of_possible_values(lost):
    """Draws without that patient have almost no spread; their ratios put the limit beyond -1.6 for Dice."""
    values = np.array([0.93, 0.94, 0.92, 0.95, 0.91, 0.9, 0.93, 0.92, 0.94, 0.93, lost])
    interval, student = (
        mean_interval(values, np.arange(11)),
        stats.ttest_1samp(values, 0).confidence_interval(),
    )
    assert values.min() - 0.05 < interval.low < interval.mean < interval.high < values.max() + 0.05
    failed_side = interval.low if lost < 0.9 else interval.high
    limit = student.low if lost < 0.9 else student.high
    assert failed_side - interval.mean == pytest.approx(2.5 * (limit - interval.mean)), (
        "wider than Student's, as far as it may be"
    )


def test_equal_values_have_an_interval_without_width():
    interval = mean_interval([0.3] * 9, np.arange(9))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.3, 0.3, 0.3))


@pytest.mark.parametrize("values", [[1.0], [1.0, 3.0]])
def test_one_patient_has_no_limits(values):
    for interval_of in (mean_interval, share_interval):
        interval = interval_of(values, ["a"] * len(values))
        assert interval.mean == np.mean(values)
        assert np.isnan([interval.low, interval.high]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_value_stays_in_the_mean_and_gives_no_limits(bad):
    interval = mean_interval([0.1, 0.2, 0.3, 0.4, 0.5, bad], np.arange(6))
    assert not np.isfinite(interval.mean)
    assert np.isnan([interval.low, interval.high]).all()


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a", "b"])])
def test_empty_or_mismatched_input_is_refused(values, clusters):
    for interval_of in (mean_interval, share_interval):
        with pytest.raises(ValueError, match="clusters"):
            interval_of(values, clusters)


def test_a_ratio_is_the_ratio_of_the_sums():
    above, below = rng().exponential(size=30), rng(1).integers(1, 5, 30)
    interval = ratio_interval(above, below, np.arange(30) // 3)
    assert interval.mean == pytest.approx(above.sum() / below.sum())
    assert interval.low < interval.mean < interval.high
    assert ratio_interval([1.0], [2.0], ["a"]).mean == 0.5


def test_interval_of_a_log_ratio_agrees_with_that_of_the_ratio():
    pairs = rng().exponential(size=(30, 2)) + 0.1
    signs = np.array([1.0, -1.0])
    interval = bootstrap_t(pairs, np.arange(30), lambda sums: np.log(sums) @ signs, lambda sums: signs / sums)
    plain = ratio_interval(pairs[:, 0], pairs[:, 1], np.arange(30))
    assert np.exp(interval.mean) == pytest.approx(plain.mean)
    assert (np.exp(interval.low), np.exp(interval.high)) == pytest.approx((plain.low, plain.high), rel=0.1)


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 8)), min_size=1, max_size=30))
def test_limits_are_nan_or_enclose_the_mean(pairs):
    values, clusters = zip(*pairs, strict=True)
    interval = mean_interval(values, clusters)
    if len(set(clusters)) > 1:
        assert interval.low - 1e-9 <= interval.mean <= interval.high + 1e-9


@pytest.mark.parametrize("hits", [0, 3, 7, 20])
def test_a_share_of_independent_patients_has_clopper_and_pearson_s_interval(hits):
    """One object a patient: the effective size is 19 of 20, for the variance is divided by one patient fewer."""
    interval = share_interval([True] * hits + [False] * (20 - hits), np.arange(20))
    exact = stats.binomtest(hits, 20).proportion_ci()
    assert interval.mean == hits / 20
    assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=0.012)


def test_objects_of_one_patient_count_once_in_a_share():
    once = share_interval([True] * 3 + [False] * 7, np.arange(10))
    often = share_interval(np.repeat([True] * 3 + [False] * 7, 9), np.repeat(np.arange(10), 9))
    assert often.high - often.low >= once.high - once.low - 0.02


@pytest.mark.parametrize("sizes", [(2, 30), (3, 4), (5, 300)])
def test_the_mean_of_a_small_stratum_and_another_has_welch_s_interval(sizes):
    """Of values and of others with the sign turned it is half the difference of both means."""
    one, other = (rng(k).exponential(size=n) for k, n in enumerate(sizes))
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval()
    values, strata = np.concatenate([one, -other]), np.repeat(["one", "other"], sizes)
    interval = mean_of_strata(values, np.arange(sum(sizes)), strata)
    assert interval.mean == pytest.approx((one.mean() - other.mean()) / 2)
    assert (interval.low, interval.high) == pytest.approx((expected.low / 2, expected.high / 2))


def test_a_stratum_of_one_cluster_gives_no_limits():
    """Its variance is unknown, however many clusters the other has."""
    values, strata = rng().random(11), ["one"] + ["other"] * 10
    for interval_of in (mean_of_strata, share_of_strata):
        interval = interval_of(values > 0.5, np.arange(11), strata)
        assert interval.mean == pytest.approx(((values[0] > 0.5) + (values[1:] > 0.5).mean()) / 2)
        assert np.isnan([interval.low, interval.high]).all()


def test_a_stratum_of_hits_alone_counts_with_the_variance_that_the_mean_share_has_there():
    """Two of two patients and two of four: without it the share of the two would be certain."""
    interval = share_of_strata([1, 1, 1, 1, 0, 0], np.arange(6), np.repeat([0, 1], [2, 4]))
    parts = np.array([0.75 * 0.25 / 2, 0.25 / 3]) / 4
    freedom = parts.sum() ** 2 / (parts**2 / [1, 3]).sum()
    size = 0.75 * 0.25 / parts.sum() * (stats.t.ppf(0.975, 5) / stats.t.ppf(0.975, freedom)) ** 2
    low = stats.beta.ppf(0.025, 0.75 * size, 0.25 * size + 1)
    high = stats.beta.ppf(0.975, 0.75 * size + 1, 0.25 * size)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.75, low, high))


def test_a_share_of_one_in_unequal_strata_counts_as_so_many_patients_as_vary_alike():
    """1/4 (1/2 + 1/30) is the variance of the mean of both shares: 7.5 independent patients have the same."""
    interval = share_of_strata(np.ones(32), np.arange(32), np.repeat([0, 1], [2, 30]))
    assert (interval.low, interval.high) == pytest.approx((0.025 ** (1 / 7.5), 1))


@pytest.mark.parametrize(
    ("patients", "kind"), [(5, "normal"), (10, "skewed"), (10, "clustered"), (30, "a tenth lost")]
)
def test_intervals_cover_the_true_mean(patients, kind):
    """A short run of `benchmarks/coverage.py`: 400 studies, whose coverage has a standard error of 1.1 points."""
    draw, hits = rng(patients), 0
    for _ in range(400):
        clusters = np.arange(patients) if kind != "clustered" else np.repeat(np.arange(patients), 4)
        if kind == "skewed":
            values = draw.exponential(size=patients) - 1
        elif kind == "a tenth lost":
            values = np.where(draw.random(patients) < 0.1, 0.0, draw.normal(0.92, 0.02, patients)) - 0.828
        else:
            values = draw.normal(size=patients)[clusters] + 0.5 * draw.normal(size=len(clusters))
        interval = mean_interval(values, clusters)
        hits += interval.low <= 0 <= interval.high
    assert hits / 400 > 0.915
