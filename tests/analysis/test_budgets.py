"""Dice at a budget and the restricted mean time, against numbers by hand."""

import numpy as np
import pytest
from fake_run import scores

from bifseg.analysis.budgets import at_budgets, dice_within
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import in_step_order

RULE = StoppingRule(5, 0.9)


def step(name, number, dice, user_s, n_prompts, **more):
    """A step of a session; the first is the initial result."""
    return (
        name,
        "m",
        f"round-{number}" if number else "initial",
        dice,
        {"user_s": user_s, "n_prompts": n_prompts} | more,
    )


LINES = [
    step("a", 0, 0.5, 7.0, 1),
    step("a", 1, 0.7, 29.0, 3),
    step("a", 2, 0.92, 61.0, 5),
    step("b", 0, 0.6, 40.0, 1),
    step("b", 1, 0.8, 130.0, 4),
]


def made(lines=LINES, **common):
    return scores(lines, protocol=OWN_SCRIBBLES, **common)


@pytest.mark.parametrize(
    ("column", "budget", "expected"),
    [
        ("user_s", 30, [0.7, 0.0]),  # b has no result before its box is drawn
        ("user_s", 60, [0.7, 0.6]),
        ("user_s", 61, [0.92, 0.6]),  # a budget includes its last second
        ("user_s", 1000, [0.92, 0.8]),
        ("n_prompts", 1, [0.5, 0.6]),
        ("n_prompts", 4, [0.7, 0.8]),
        ("n_prompts", 10, [0.92, 0.8]),
    ],
)
def test_the_last_result_within_a_budget_counts(column, budget, expected):
    assert dice_within(in_step_order(made()), column, budget).tolist() == expected


def test_means_and_restricted_time_by_hand():
    (row,) = at_budgets(made(), 0.9, RULE).to_dict("records")
    assert (row["n"], row["failed"]) == (2, 0)
    assert row["dice_30s_mean"] == pytest.approx(0.35)
    assert row["dice_120s_mean"] == pytest.approx((0.92 + 0.6) / 2)
    assert row["dice_3p_mean"] == pytest.approx((0.7 + 0.6) / 2)
    assert row["time_mean"] == pytest.approx((61 + 120) / 2), "b never reaches the target"
    assert 0 <= row["dice_30s_low"] <= row["dice_30s_mean"] <= row["dice_30s_high"] <= 1
    assert row["time_high"] <= 120


def test_a_target_after_the_largest_budget_counts_as_the_budget():
    late = [step("a", 0, 0.5, 7.0, 1), step("a", 1, 0.95, 500.0, 3)]
    assert at_budgets(made(late), 0.9, RULE)["time_mean"].tolist() == [120.0]


def test_a_failed_session_has_no_quality_from_its_last_step_on():
    lines = [step("a", 0, 0.5, 7.0, 1), step("a", 1, 0.0, 7.0, 1, status="failed", error="round-1: x")]
    (row,) = at_budgets(made(lines), 0.9, RULE).to_dict("records")
    assert (row["failed"], row["dice_30s_mean"], row["time_mean"]) == (1, 0.0, 120.0)


def test_time_is_unknown_without_a_spacing_and_prompts_are_not():
    lines = [step("a", 0, 0.5, 7.0, 1), step("a", 1, 0.7, np.nan, 3)]
    (row,) = at_budgets(made(lines), 0.9, RULE).to_dict("records")
    assert np.isnan(row["dice_30s_mean"])
    assert np.isnan(row["time_mean"])
    assert row["dice_3p_mean"] == 0.7


def test_time_to_a_target_beyond_the_protocol_s_is_unknown():
    (row,) = at_budgets(made(), 0.95, RULE).to_dict("records")
    assert np.isnan(row["time_mean"])
    assert row["dice_30s_mean"] == pytest.approx(0.35)


def test_without_sessions_there_are_no_rows():
    assert at_budgets(made().iloc[:0], 0.9, RULE).empty
