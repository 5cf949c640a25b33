import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bifseg.analysis.intervals import bootstrap_t, cluster_t, mean_interval, ratio_interval, share_interval


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
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    found = mean_interval(values, np.arange(n))
    assert (found.mean, found.low, found.high) == pytest.approx((values.mean(), *interval))


def test_slow_reference():
    """Every draw pooled and studentised by hand, one after the other; patients of unequal size."""
    values, patients = rng(6).exponential(size=14), np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3, 4, 5, 5, 5])
    members = [np.flatnonzero(patients == k) for k in range(6)]

    def estimate(drawn):
        pool = np.concatenate([values[members[k]] for k in drawn])
        mean = pool.mean()
        parts = [np.sum(values[members[k]] - mean) / len(pool) for k in drawn]
        return mean, np.sqrt(6 / 5 * np.sum(np.square(parts)))

    mean, error = estimate(range(6))
    t = []
    generator = rng(1)
    for _ in range(20_000):
        drawn_mean, drawn_error = estimate(generator.integers(0, 6, 6))
        t.append((drawn_mean - mean) / drawn_error)
    low, high = np.quantile(t, [0.025, 0.975])
    found = mean_interval(values, patients)
    assert found.mean == pytest.approx(mean)
    assert (found.low, found.high) == pytest.approx((mean - high * error, mean - low * error), rel=0.08)


def test_a_long_tail_is_on_the_side_where_it_is():
    """Student's interval is as far to both sides; the values' tail is above."""
    values = np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.5, 0.6, 0.9, 3.0])
    found = mean_interval(values, np.arange(10))
    assert found.high - found.mean > 1.5 * (found.mean - found.low)


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


def test_draws_of_equal_values_alone_leave_the_cluster_t():
    """Eight of nine differ in nothing: in a third of the draws there is no spread."""
    values = np.array([0.0] * 8 + [1.0])
    found, plain = (
        mean_interval(values, np.arange(9)),
        cluster_t(mean_terms(values), np.arange(9), ratio, slope),
    )
    assert (found.low, found.high) == (plain.low, plain.high)


@pytest.mark.parametrize("lost", [0.0, 0.4, 1.4])
def test_one_failed_patient_of_eleven_leaves_an_interval_of_possible_values(lost):
    """Draws without that patient have almost no spread; their ratios put the limit beyond -1.6 for Dice."""
    values = np.array([0.93, 0.94, 0.92, 0.95, 0.91, 0.9, 0.93, 0.92, 0.94, 0.93, lost])
    found, plain = mean_interval(values, np.arange(11)), stats.ttest_1samp(values, 0).confidence_interval()
    assert values.min() - 0.05 < found.low < found.mean < found.high < values.max() + 0.05
    failed_side = found.low if lost < 0.9 else found.high
    limit = plain.low if lost < 0.9 else plain.high
    assert failed_side - found.mean == pytest.approx(2.5 * (limit - found.mean)), (
        "wider than Student's, as far as it may be"
    )


def test_equal_values_have_an_interval_without_width():
    found = mean_interval([0.3] * 9, np.arange(9))
    assert (found.mean, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3))


@pytest.mark.parametrize("values", [[1.0], [1.0, 3.0]])
def test_one_patient_has_no_limits(values):
    for how in (mean_interval, share_interval):
        found = how(values, ["a"] * len(values))
        assert found.mean == np.mean(values)
        assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_value_that_is_not_finite_shows_and_leaves_no_limits(bad):
    found = mean_interval([0.1, 0.2, 0.3, 0.4, 0.5, bad], np.arange(6))
    assert not np.isfinite(found.mean)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(("values", "clusters"), [([], []), ([1.0], ["a", "b"])])
def test_refuses_nothing_and_mismatch(values, clusters):
    for how in (mean_interval, share_interval):
        with pytest.raises(ValueError, match="clusters"):
            how(values, clusters)


def test_a_ratio_is_that_of_the_sums():
    above, below = rng().exponential(size=30), rng(1).integers(1, 5, 30)
    found = ratio_interval(above, below, np.arange(30) // 3)
    assert found.mean == pytest.approx(above.sum() / below.sum())
    assert found.low < found.mean < found.high
    assert ratio_interval([1.0], [2.0], ["a"]).mean == 0.5


def test_a_logarithm_of_a_ratio_by_its_own_slope():
    pairs = rng().exponential(size=(30, 2)) + 0.1
    signs = np.array([1.0, -1.0])
    found = bootstrap_t(pairs, np.arange(30), lambda sums: np.log(sums) @ signs, lambda sums: signs / sums)
    plain = ratio_interval(pairs[:, 0], pairs[:, 1], np.arange(30))
    assert np.exp(found.mean) == pytest.approx(plain.mean)
    assert (np.exp(found.low), np.exp(found.high)) == pytest.approx((plain.low, plain.high), rel=0.1)


@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(0, 8)), min_size=1, max_size=30))
def test_limits_are_nan_or_hold_the_mean(pairs):
    values, clusters = zip(*pairs, strict=True)
    found = mean_interval(values, clusters)
    if len(set(clusters)) > 1:
        assert found.low - 1e-9 <= found.mean <= found.high + 1e-9


@pytest.mark.parametrize("hits", [0, 3, 7, 20])
def test_a_share_of_independent_patients_is_clopper_and_pearson_s(hits):
    """One object a patient: the effective size is 19 of 20, for the variance is divided by one patient fewer."""
    found = share_interval([True] * hits + [False] * (20 - hits), np.arange(20))
    exact = stats.binomtest(hits, 20).proportion_ci()
    assert found.mean == hits / 20
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.012)


def test_objects_of_one_patient_count_once_in_a_share():
    once = share_interval([True] * 3 + [False] * 7, np.arange(10))
    often = share_interval(np.repeat([True] * 3 + [False] * 7, 9), np.repeat(np.arange(10), 9))
    assert often.high - often.low >= once.high - once.low - 0.02


@pytest.mark.parametrize(
    ("patients", "kind"), [(5, "normal"), (10, "skewed"), (10, "clustered"), (30, "a tenth lost")]
)
def test_intervals_cover(patients, kind):
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
        found = mean_interval(values, clusters)
        hits += found.low <= 0 <= found.high
    assert hits / 400 > 0.915
