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
    tie_groups,
    variance_components,
)


def rng():
    return np.random.default_rng(7)


def test_variance_components_by_hand():
    # Objects a (1, 3) and b (5, 7) of case x, c (2, 2) of case y: within (2 + 2 + 0) / 3 = 4/3.
    # Case means 4 and 2: variance 2, of which replicates bring 4/3 * (1/4 + 1/2) / 2 = 1/2.
    found = variance_components([1, 3, 5, 7, 2, 2], list("xxxxyy"), list("aabbcc"))
    assert (found.replicates, found.cases) == (pytest.approx(4 / 3), pytest.approx(1.5))


def test_variance_between_cases_is_not_negative():
    found = variance_components([0, 1, 0, 1], list("xxyy"), list("aabb"))
    assert (found.replicates, found.cases) == (0.5, 0.0)


def test_variance_components_that_are_not_defined():
    alone = variance_components([1, 2], list("xy"), list("ab"))
    assert np.isnan([alone.replicates, alone.cases]).all()
    one = variance_components([1, 2, 4, 4], list("xxxx"), list("aabb"))
    assert one.replicates == 0.25
    assert np.isnan(one.cases)


def test_variance_components_find_what_was_put_in():
    cases, objects = np.repeat(np.arange(400), 6), np.repeat(np.arange(1200), 2)
    drawn = rng().normal(size=400) * 3
    values = drawn[cases] + np.random.default_rng(1).normal(size=2400) * 2
    found = variance_components(values, cases, objects)
    assert found.replicates == pytest.approx(4, rel=0.1)
    assert found.cases == pytest.approx(drawn.var(), rel=0.1)


def test_paired_by_hand():
    found = paired([1.0, 2.0, 3.0], ["a", "b", "c"])
    assert (found.n, found.clusters, found.mean) == (3, 3, 2.0)
    assert found.effect == pytest.approx(2.0)  # 2 over 1
    assert found.t_p == pytest.approx(0.0742, abs=1e-4)  # t = 3.4641, two degrees of freedom
    assert found.wilcoxon_p == pytest.approx(0.25)  # two of the eight signs are as far out
    assert (found.low, found.high) == pytest.approx(
        tuple(stats.ttest_1samp([1, 2, 3], 0).confidence_interval())
    )


def test_t_test_is_over_pairs_and_wilcoxon_over_clusters():
    d = rng().normal(0.4, 1, 24)
    clusters = np.arange(24) // 3
    found = paired(d, clusters)
    assert found.t_p == pytest.approx(stats.ttest_1samp(d, 0).pvalue)
    assert found.wilcoxon_p == pytest.approx(stats.wilcoxon(d.reshape(8, 3).mean(1)).pvalue)
    assert found.effect == pytest.approx(d.mean() / d.std(ddof=1))
    assert found.low == mean_interval(d, clusters).low


def test_objects_of_one_case_do_not_make_a_small_p():
    often = paired(np.repeat([0.1, 0.2, 0.3], 20), np.repeat(["a", "b", "c"], 20))
    assert often.t_p < 1e-10
    assert often.wilcoxon_p == pytest.approx(0.25)


def test_no_differences_at_all():
    found = paired([0.0, 0.0, 0.0], ["a", "b", "c"])
    assert (found.mean, found.low, found.high, found.wilcoxon_p) == (0, 0, 0, 1)
    assert np.isnan([found.effect, found.t_p]).all()


def test_equal_differences_have_no_spread_whatever_arithmetic_left():
    found = paired(np.array([0.7, 0.4, 0.3]) - np.array([0.6, 0.3, 0.2]), ["a", "b", "c"])
    assert np.isnan([found.effect, found.t_p]).all()
    assert found.wilcoxon_p == pytest.approx(0.25)


def test_one_cluster_or_pair_or_none_has_no_test():
    one = paired([0.1, 0.3], ["a", "a"])
    assert (one.n, one.clusters) == (2, 1)
    assert np.isnan([one.low, one.wilcoxon_p]).all()
    assert np.isfinite(one.t_p)
    single = paired([0.1], ["a"])
    assert single.mean == 0.1
    assert np.isnan([single.effect, single.t_p, single.wilcoxon_p]).all()
    none = paired([], [])
    assert (none.n, none.clusters) == (0, 0)
    assert np.isnan([none.mean, none.low, none.effect, none.t_p, none.wilcoxon_p]).all()


@pytest.mark.parametrize(("bad", "mean"), [(np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)])
def test_differences_that_are_not_finite_show_and_leave_no_test(bad, mean):
    found = paired([0.1, bad, 0.2], ["a", "b", "c"])
    assert found.n == 3
    assert found.mean == pytest.approx(mean, nan_ok=True)
    assert np.isnan([found.low, found.high, found.effect, found.t_p, found.wilcoxon_p]).all()


def test_paired_refuses_a_mismatch():
    with pytest.raises(ValueError, match="clusters"):
        paired([1.0], ["a", "b"])


def test_cluster_means_by_hand():
    assert cluster_means([1.0, 2.0, 6.0], ["b", "a", "b"]).tolist() == [2.0, 3.5]


@given(st.integers(2, 40), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_signed_rank_equals_scipy_without_ties(n, random):
    values = np.array([k * random.choice((-0.1, 0.1)) for k in random.sample(range(1, 100), n)])
    assert signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9))
@settings(deadline=None)
def test_signed_rank_with_ties_equals_all_signs(values):
    values = np.array(values)
    ranks = stats.rankdata(np.abs(values[values != 0]))
    sums = np.array([ranks @ signs for signs in itertools.product((0, 1), repeat=len(ranks))])
    seen = ranks @ (values[values != 0] > 0)
    slow = 2 * min((sums <= seen).mean(), (sums >= seen).mean())
    assert signed_rank_p(values) == pytest.approx(min(1, slow))


@pytest.mark.parametrize(("values", "p"), [([0.0, 0.0], 1.0), ([0.0, 0.0, 2.0], 1.0), ([1.0] * 6, 2 / 64)])
def test_signed_rank_by_hand(values, p):
    assert signed_rank_p(values) == pytest.approx(p)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [1.0, 2.0, np.inf]])
def test_signed_rank_needs_two_numbers(values):
    assert np.isnan(signed_rank_p(values))


@pytest.mark.parametrize("patients", [2, 5, 6, 9])
@pytest.mark.parametrize("tests", [1, 3, 21])
def test_least_p_is_what_the_clearest_results_give(patients, tests):
    """All differences on one side in every test: no results are clearer."""
    clearest = holm([signed_rank_p(np.arange(1, patients + 1))] * tests)
    assert least_holm_p([patients] * tests) == pytest.approx(clearest.min())


def test_least_p_without_a_test():
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
def test_holm_lies_between_the_p_value_and_bonferroni_s_and_keeps_the_order(p):
    p = np.array(p)
    found = holm(p)
    assert (found >= p).all()
    assert (found <= np.minimum(1, p * len(p)) + 1e-12).all()
    assert (np.diff(found[np.argsort(p)]) >= 0).all()


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
def test_entries_share_a_letter_exactly_when_not_told_apart(told):
    told = np.triu(told, 1) | np.triu(told, 1).T
    letters = tie_groups(np.where(told, 0.01, 0.2))
    for i, j in itertools.combinations(range(len(told)), 2):
        assert bool(set(letters[i]) & set(letters[j])) != told[i, j]
    used = sorted(set("".join(letters)))
    assert used == list(ascii_lowercase[: len(used)])
    assert letters[0].startswith("a")


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_signed_ranks_of_many_values_are_approximated_well(share):
    """At the limit between the exact and the approximate p-value, with and without ties."""
    values = np.random.default_rng(6).normal(0.15, 1, 200)
    values[: int(200 * share)] = values[: int(200 * share)].round(1)
    values = values[values != 0]
    exact = signed_rank_p(values)
    assert 0.001 < exact < 0.5
    assert stats.wilcoxon(values, method="asymptotic").pvalue == pytest.approx(exact, rel=0.1)
    assert signed_rank_p(np.tile(values, 2)) == stats.wilcoxon(np.tile(values, 2), method="asymptotic").pvalue
