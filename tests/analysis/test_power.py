"""Detectable differences and sample sizes against the noncentral t distribution."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nct
from scipy.stats import t as student

from bifseg.analysis.power import Power, detectable_difference, patients_needed, power_of


def power(n, difference, spread):
    """Power of the paired t-test, two-sided at 0.05."""
    bound, shift = student.isf(0.025, n - 1), difference * np.sqrt(n) / spread
    return nct.sf(bound, n - 1, shift) + nct.cdf(-bound, n - 1, shift)


@pytest.mark.parametrize("n", [6, 10, 30, 200])
def test_the_detectable_difference_is_found_in_four_of_five_runs(n):
    differences = np.random.default_rng(n).normal(0.01, 0.03, n)
    smallest = detectable_difference(differences)
    assert power(n, smallest, differences.std(ddof=1)) == pytest.approx(0.8, abs=0.02)


def test_a_known_sample_size():
    """Half a standard deviation needs 34 patients (Cohen 1988)."""
    differences = np.random.default_rng(0).normal(size=20)
    assert patients_needed(differences, 0.5 * differences.std(ddof=1)) == pytest.approx(34, abs=1)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.floats(0.01, 0.5))
def test_the_needed_number_of_patients_detects_the_difference(values, difference):
    needed, spread = patients_needed(values, difference), np.std(values, ddof=1)
    if np.isfinite(needed) and needed > 2:
        scale = spread / np.std(np.arange(int(needed)), ddof=1)
        assert detectable_difference(np.arange(int(needed)) * scale) <= difference * (1 + 1e-9)


def test_edge_cases_are_nan_infinite_or_two_patients():
    assert np.isnan(detectable_difference([0.1]))
    assert np.isnan(patients_needed([], 0.1))
    assert patients_needed([0.0, 1.0], 0.0) == np.inf
    assert patients_needed([0.0, 1.0], 1e-6) == np.inf
    assert patients_needed([0.1, 0.1], 0.1) == 2


def test_how_many_more_patients_one_point_needs():
    differences = np.random.default_rng(1).normal(0, 0.03, 20)
    known = power_of(differences)
    assert known.detectable == detectable_difference(differences)
    assert known.more_patients == patients_needed(differences, 0.01) - 20 > 0
    assert power_of(differences / 100).more_patients == 0
    assert np.isnan(list(vars(power_of([0.1])).values())).all()
    assert power_of([0.0, 0.0]) == Power(0.0, 0.0)
