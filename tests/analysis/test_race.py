"""The confidence sequence, checked against the likelihood of Student's t, and decisions of races."""

import numpy as np
import pytest
from fake_run import scores
from scipy.integrate import quad
from scipy.stats import nct, norm, t

from bifseg.analysis.race import (
    ALIKE,
    BETTER,
    FEWEST,
    LEVEL,
    OPEN,
    WORSE,
    State,
    check_enough,
    confidence_sequence,
    decide,
    describe,
    fixed_patients,
    patient_differences,
)
from bifseg.core.errors import InputError


def evidence(values, mean):
    """Likelihood of the t statistic over effects of N(0, 1/10), divided by that without an effect (slow)."""
    n, d = len(values), values - mean
    statistic = d.mean() / (d.std(ddof=1) / np.sqrt(n))

    def weighed(effect):
        return nct.pdf(statistic, n - 1, effect * np.sqrt(n)) * norm.pdf(effect, scale=10**-0.5)

    return quad(weighed, -3, 3, epsabs=1e-12)[0] / t.pdf(statistic, n - 1)


@pytest.mark.parametrize("n", [10, 20, 40])
def test_the_evidence_against_a_limit_is_twenty(n):
    values = np.random.default_rng(n).normal(0.3, 1, n)
    for limit in confidence_sequence(values)[-1]:
        assert evidence(values, limit) == pytest.approx(1 / LEVEL, rel=1e-3)


def test_limits_do_not_depend_on_later_patients():
    values = np.random.default_rng(0).normal(size=30)
    assert np.array_equal(confidence_sequence(values)[:12], confidence_sequence(values[:12]))


def test_a_single_patient_has_no_limits():
    assert confidence_sequence([3.0]).tolist() == [[-np.inf, np.inf]]


def test_races_computed_together_equal_single_races():
    values = np.random.default_rng(0).normal(size=(3, 15))
    assert np.array_equal(confidence_sequence(values)[1], confidence_sequence(values[1]))


@pytest.mark.parametrize(
    ("mean", "decision", "fewest", "most"), [(2, BETTER, 10, 60), (-2, WORSE, 10, 60), (0, ALIKE, 60, 300)]
)
def test_decisions(mean, decision, fewest, most):
    values = mean + np.random.default_rng(5).normal(0, 3, 400)
    state = decide(values, 1)
    assert state.decision == decision
    assert fewest <= state.patients <= most
    assert state.mean == pytest.approx(values[: state.patients].mean())
    assert decide(values[: state.patients - 1], 1).decision == OPEN


def test_nothing_is_decided_before_ten_patients():
    assert decide([5.0, 5.1] * 4, 1) == decide([5.0, 5.1] * 4, 1)
    assert decide([5.0, 5.1] * 4, 1).decision == OPEN
    assert decide([5.0, 5.1] * 5, 1).decision == BETTER


def test_equal_results_of_all_patients_are_alike():
    assert decide(np.zeros(FEWEST), 1).decision == ALIKE


def test_few_false_alarms_in_races_of_a_method_against_itself():
    """1,000 races over 100 patients with heavy tails; benchmarks/race.py has larger tables."""
    values = np.random.default_rng(3).standard_t(3, (1000, 100)) * 3
    limits = confidence_sequence(values)[:, FEWEST - 1 :]
    assert ((limits[..., 0] > 0) | (limits[..., 1] < 0)).any(axis=1).mean() <= 0.05


def test_patients_of_a_fixed_sample_test_by_hand():
    """(1.960 + 1.282)² 3² = 94.6."""
    assert fixed_patients(3, 1, 0.9) == 95


def test_differences_are_means_over_a_patient_s_objects_in_order_of_play():
    def last(name, patient, geos, growcut):
        return [
            (name, method, "round-1", dice, {"patient": patient, "network": ""})
            for method, dice in (("geos", geos), ("growcut", growcut))
        ]

    lines = last("a", "P", 0.9, 0.8) + last("b", "P", 0.7, 0.7) + last("c", "Q", 0.5, 0.6)
    lines += [("d", "geos", "round-1", 0.9, {"patient": "R", "network": ""})]  # without its opponent
    played = patient_differences(
        scores(lines, protocol="own-scribbles"), "own-scribbles", "geos", "growcut", "RQP"
    )
    assert played == pytest.approx([-10, 5])


def test_the_description_of_a_state():
    state = State(14, 2.31, 0.41, 4.21, BETTER)
    assert describe(state, "geos", "growcut") == (
        "geos is better than growcut, by 2.3 [0.4, 4.2] points of Dice (after 14 patients)"
    )


def test_too_few_patients_are_refused():
    check_enough(10, "cohort discs")
    with pytest.raises(InputError, match="cohort discs: 9 patients; a race decides after 10"):
        check_enough(9, "cohort discs")
