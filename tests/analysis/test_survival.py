import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bifseg.analysis.statistics import bootstrap_mean
from bifseg.analysis.survival import reached_by, restricted_mean

# Weeks in remission under 6-MP, + censored (Freireich et al. 1963), the example of Klein and Moeschberger.
REMISSION = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
WEEKS = [float(word.rstrip("+")) for word in REMISSION.split()]
ENDED = [not word.endswith("+") for word in REMISSION.split()]
STAY = {
    5: 1.0,
    6: 0.857,
    7: 0.807,
    9: 0.807,
    10: 0.753,
    13: 0.690,
    16: 0.627,
    22: 0.538,
    23: 0.448,
    35: 0.448,
}

MEMBERS = st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.integers(0, 4)), min_size=1, max_size=30)


def rng():
    return np.random.default_rng(7)


def test_textbook_curve():
    found = reached_by(WEEKS, ENDED, list(STAY), range(21), rng())
    assert 1 - found.mean == pytest.approx(list(STAY.values()), abs=5e-4)
    assert (found.low <= found.mean).all()
    assert (found.mean <= found.high).all()


def test_textbook_restricted_mean():
    found = restricted_mean(WEEKS, ENDED, 35, range(21), rng())
    assert found.mean == pytest.approx(23.29, abs=5e-3)  # weeks, standard error 2.83
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(2.83, abs=0.4)


def test_by_hand():
    # Four members: one there at once, one after 2, one watched until 3 only, one never.
    times, events = [0.0, 2.0, 3.0, np.inf], [True, True, False, False]
    found = reached_by(times, events, [0, 1, 2, 5], list("abcd"), rng())
    assert found.mean == pytest.approx([0.25, 0.25, 0.5, 0.5])
    assert restricted_mean(times, events, 5, list("abcd"), rng()).mean == pytest.approx(2 * 0.75 + 3 * 0.5)
    assert restricted_mean(times, events, 1, list("abcd"), rng()).mean == pytest.approx(0.75)


@pytest.mark.parametrize(("event", "share", "mean"), [(True, 1.0, 2.0), (False, 0.0, 4.0)])
def test_all_or_none(event, share, mean):
    found = reached_by([2.0, 2.0], [event, event], [4], list("ab"), rng())
    assert (found.mean, found.low, found.high) == ([share], [share], [share])
    assert restricted_mean([2.0, 2.0], [event, event], 4, list("ab"), rng()).mean == mean


def test_one_cluster_has_no_limits_and_no_members_are_refused():
    found = restricted_mean([1.0, 2.0], [True, True], 5, list("aa"), rng())
    assert (found.mean, np.isnan(found.low), np.isnan(found.high)) == (1.5, True, True)
    with pytest.raises(ValueError, match="clusters"):
        reached_by([], [], [0], [], rng())


@given(MEMBERS)
@settings(deadline=None, max_examples=40)
def test_curve_equals_scipy(members):
    times, events, _ = (np.array(column) for column in zip(*members, strict=True))
    at = np.arange(-1, 11)
    sample = stats.CensoredData(times[events], right=times[~events])
    found = reached_by(times, events, at, np.arange(len(times)), rng()).mean
    assert found == pytest.approx(1 - stats.ecdf(sample).sf.evaluate(at))


@given(MEMBERS, st.integers(0, 12))
@settings(deadline=None, max_examples=20)
def test_without_censoring_it_is_the_mean_and_its_bootstrap(members, horizon):
    times, events, clusters = (np.array(column) for column in zip(*members, strict=True))
    times = np.where(events, times.astype(float), np.inf)
    found = restricted_mean(times, events, horizon, clusters, rng())
    plain = bootstrap_mean(np.minimum(times, horizon), clusters, rng())
    assert vars(found) == pytest.approx(vars(plain), nan_ok=True)


def test_interval_draws_whole_clusters():
    times, events = np.tile([1.0, 3.0, 4.0, 2.0], 5), np.tile([True, True, False, True], 5)
    often = restricted_mean(times, events, 5, np.tile(list("abcd"), 5), rng())
    once = restricted_mean(times[:4], events[:4], 5, list("abcd"), rng())
    assert (often.mean, often.low, often.high) == pytest.approx((once.mean, once.low, once.high))
