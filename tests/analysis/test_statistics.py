import itertools
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bifseg.analysis.intervals import mean_interval
from bifseg.analysis.statistics import (
    cluster_means,
    holm,
    least_holm_p,
    paired,
    signed_rank_p,
    signed_rank_sum,
    tie_groups,
    variance_components,
)


def rng():
    return np.random.default_rng(7)


def test_variance_components_by_hand():
    # Objects a (1, 3) and b (5, 7) of case x, c (2, 2) of case y: within (2 + 2 + 0) / 3 = 4/3.
    # Case means 4 and 2: variance 2, of which replicates bring 4/3 * (1/4 + 1/2) / 2 = 1/2.
    components = variance_components([1, 3, 5, 7, 2, 2], list("xxxxyy"), list("aabbcc"))
    assert (components.replicates, components.cases) == (pytest.approx(4 / 3), pytest.approx(1.5))


def test_variance_between_cases_is_not_negative():
    components = variance_components([0, 1, 0, 1], list("xxyy"), list("aabb"))
    assert (components.replicates, components.cases) == (0.5, 0.0)


def test_undefined_variance_components_are_nan():
    single_objects = variance_components([1, 2], list("xy"), list("ab"))
    assert np.isnan([single_objects.replicates, single_objects.cases]).all()
    single_case = variance_components([1, 2, 4, 4], list("xxxx"), list("aabb"))
    assert single_case.replicates == 0.25
    assert np.isnan(single_case.cases)


def test_variance_components_recover_the_simulated_variances():
    cases, objects = np.repeat(np.arange(400), 6), np.repeat(np.arange(1200), 2)
    drawn = rng().normal(size=400) * 3
    values = drawn[cases] + np.random.default_rng(1).normal(size=2400) * 2
    components = variance_components(values, cases, objects)
    assert components.replicates == pytest.approx(4, rel=0.1)
    assert components.cases == pytest.approx(drawn.var(), rel=0.1)


def test_paired_by_hand():
    result = paired([1.0, 2.0, 3.0], ["a", "b", "c"])
    assert (result.n, result.clusters, result.mean) == (3, 3, 2.0)
    assert result.effect == pytest.approx(2.0)  # 2 over 1
    assert result.t_p == pytest.approx(0.0742, abs=1e-4)  # t = 3.4641, two degrees of freedom
    assert result.wilcoxon_p == pytest.approx(0.25)  # two of the eight sign patterns are as extreme
    assert (result.low, result.high) == pytest.approx(
        tuple(stats.ttest_1samp([1, 2, 3], 0).confidence_interval())
    )


def test_t_test_is_over_pairs_and_wilcoxon_over_clusters():
    d = rng().normal(0.4, 1, 24)
    clusters = np.arange(24) // 3
    result = paired(d, clusters)
    assert result.t_p == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    assert result.wilcoxon_p == pytest.approx(stats.wilcoxon(d.reshape(8, 3).mean(1)).pvalue)
    assert result.effect == pytest.approx(d.mean() / d.std(ddof=1))
    assert result.low == mean_interval(d, clusters).low


def test_objects_of_one_case_do_not_make_a_small_p():
    result = paired(np.repeat([0.1, 0.2, 0.3], 20), np.repeat(["a", "b", "c"], 20))
    assert result.t_p < 1e-10
    assert result.wilcoxon_p == pytest.approx(0.25)


def test_zero_differences_have_p_one_and_no_effect_size():
    result = paired([0.0, 0.0, 0.0], ["a", "b", "c"])
    assert (result.mean, result.low, result.high, result.wilcoxon_p) == (0, 0, 0, 1)
    assert np.isnan([result.effect, result.t_p]).all()


def test_rounding_errors_of_equal_differences_count_as_no_spread():
    result = paired(np.array([0.7, 0.4, 0.3]) - np.array([0.6, 0.3, 0.2]), ["a", "b", "c"])
    assert np.isnan([result.effect, result.t_p]).all()
    assert result.wilcoxon_p == pytest.approx(0.25)


def test_fewer_than_two_clusters_or_pairs_have_no_test():
    one_cluster = paired([0.1, 0.3], ["a", "a"])
    assert (one_cluster.n, one_cluster.clusters) == (2, 1)
    assert np.isnan([one_cluster.low, one_cluster.wilcoxon_p]).all()
    assert np.isfinite(one_cluster.t_p)
    one_pair = paired([0.1], ["a"])
    assert one_pair.mean == 0.1
    assert np.isnan([one_pair.effect, one_pair.t_p, one_pair.wilcoxon_p]).all()
    no_pairs = paired([], [])
    assert (no_pairs.n, no_pairs.clusters) == (0, 0)
    assert np.isnan([no_pairs.mean, no_pairs.low, no_pairs.effect, no_pairs.t_p, no_pairs.wilcoxon_p]).all()


@pytest.mark.parametrize(("bad", "mean"), [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_non_finite_differences_stay_in_the_mean_and_give_no_test(bad, mean):
    result = paired([0.1, bad, 0.2], ["a", "b", "c"])
    assert result.n == 3
    assert result.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([result.low, result.high, result.effect, result.t_p, result.wilcoxon_p]).all()


def test_paired_refuses_differences_and_clusters_of_different_length():
    with pytest.raises(ValueError, match="clusters"):
        paired([1.0], ["a", "b"])


def test_cluster_means_by_hand():
    assert cluster_means([1.0, 2.0, 6.0], ["b", "a", "b"]).tolist() == [2.0, 3.5]


@given(st.integers(2, 40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_signed_rank_equals_scipy_without_ties(n, random):
    values = np.array([k * random.choice((-0.1, 0.1)) for k in random.sample(range(1, 100), n)])
    assert signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@pytest.mark.parametrize("digits", [1, 9])
def test_signed_rank_of_many_values_is_scipy_s_approximation(digits):
    values = np.random.default_rng(0).normal(0.1, 1, 300).round(digits)
    expected = stats.wilcoxon(values[values != 0], method="asymptotic").pvalue
    assert signed_rank_p(values) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9))
@settings(deadline=None)
def test_signed_rank_with_ties_equals_enumeration_of_all_signs(values):
    values = np.array(values)
    ranks = stats.rankdata(np.abs(values[values != 0]))
    sums = np.array([ranks @ signs for signs in itertools.product((0, 1), repeat=len(ranks))])
    observed = ranks @ (values[values != 0] > 0)
    p = 2 * min((sums <= observed).mean(), (sums >= observed).mean())
    assert signed_rank_p(values) == pytest.approx(min(1, p))


@pytest.mark.parametrize(("values", "p"), [([0.0, 0.0], 1.0), ([0.0, 0.0, 2.0], 1.0), ([1.0] * 6, 2 / 64)])
def test_signed_rank_by_hand(values, p):
    assert signed_rank_p(values) == pytest.approx(p)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9))
@settings(deadline=None)
def test_signed_rank_sum_is_that_of_scipy_s_ranks(values):
    values = np.array(values)
    expected = stats.rankdata(np.abs(values[values != 0])) @ np.sign(values[values != 0])
    assert signed_rank_sum(values) == pytest.approx(expected)


def test_signed_rank_sum_may_contradict_the_mean():
    assert signed_rank_sum([-1.0] * 11 + [20.0]) == 12 - 66
    assert signed_rank_sum([]) == signed_rank_sum([0.0, 0.0]) == 0
    assert np.isnan(signed_rank_sum([1.0, np.nan]))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [1.0, 2.0, np.inf]])
def test_signed_rank_is_nan_without_two_finite_values(values):
    assert np.isnan(signed_rank_p(values))


@pytest.mark.parametrize("patients", [2, 5, 6, 9])
@pytest.mark.parametrize("tests", [1, 3, 21])
def test_least_p_is_reached_when_all_differences_have_one_sign(patients, tests):
    """No results are clearer than differences of one sign in every test."""
    clearest = holm([signed_rank_p(np.arange(1, patients + 1))] * tests)
    assert least_holm_p([patients] * tests) == pytest.approx(clearest.min())


def test_least_p_of_no_tests_and_of_single_patients():
    assert np.isnan(least_holm_p([]))
    assert least_holm_p([1, 0]) == 1.0
    assert least_holm_p([1, 7]) == pytest.approx(2 / 128)  # a single patient is no test


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.01, np.nan, 0.02]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_p_and_bonferroni_and_keeps_the_order(p):
    p = np.array(p)
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()


def apart(k, *pairs):
    p = np.full((k, k), 0.5)
    for i, j in pairs:
        p[i, j] = p[j, i] = 0.01
    return p


@pytest.mark.parametrize(
    ("p", "letters"),
    [
        (apart(1), ["a"]),
        (apart(3), ["a", "a", "a"]),
        (apart(3, (0, 2)), ["a", "ab", "b"]),
        (apart(3, (0, 1), (0, 2)), ["a", "b", "b"]),
        (apart(3, (0, 1), (0, 2), (1, 2)), ["a", "b", "c"]),
        (apart(4, (0, 1), (2, 3)), ["ab", "cd", "ac", "bd"]),
        (np.full((2, 2), np.nan), ["a", "a"]),
        (np.empty((0, 0)), []),
    ],
)
def test_letters_by_hand(p, letters):
    assert tie_groups(p) == letters


@given(st.integers(1, 7).flatmap(lambda k: arrays(bool, (k, k))))
def test_entries_share_a_letter_if_and_only_if_they_do_not_differ(different):
    different = np.triu(different, 1) | np.triu(different, 1).T
    letters = tie_groups(np.where(different, 0.01, 0.2))
    for i, j in itertools.combinations(range(len(different)), 2):
        assert bool(set(letters[i]) & set(letters[j])) != different[i, j]
    used = sorted(set("".join(letters)))
    assert used == list(ascii_lowercase[: len(used)])
    assert letters[0].startswith("a")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_signed_rank_approximation_is_close_for_many_values(share):
    """At the limit between the exact and the approximate p-value, with and without ties."""
    values = np.random.default_rng(6).normal(0.15, 1, 200)
    values[: int(200 * share)] = values[: int(200 * share)].round(1)
    values = values[values != 0]
    exact = signed_rank_p(values)
    assert 0.001 < exact < 0.5
    assert stats.wilcoxon(values, method="asymptotic").pvalue == pytest.approx(exact, rel=0.1)
    assert signed_rank_p(np.tile(values, 2)) == stats.wilcoxon(np.tile(values, 2), method="asymptotic").pvalue
