from math import inf, nan

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.reports.benchmark.gate import REGRESSION, SHOWN, UNCLEAR, WITHIN, Limits, judge

LIMITS = Limits(dice=1, rounds=1, slowdown=1.25)


def verdict(measure, change, low=nan, high=nan, limits=LIMITS, new=1.0):
    frame = pd.DataFrame([{"measure": measure, "change": change, "low": low, "high": high, "new": new}])
    return judge(frame, limits)["verdict"].iloc[0]


@pytest.mark.parametrize(
    ("measure", "change", "low", "high", "answer"),
    [
        ("dice", -0.02, -0.03, -0.005, REGRESSION),
        ("dice", -0.02, -0.05, 0.005, UNCLEAR),  # the interval holds no change
        ("dice", -0.005, -0.009, -0.001, WITHIN),  # worse for sure, but by less than a point
        ("dice", -0.005, -0.02, -0.001, UNCLEAR),  # it may be more than a point
        ("dice", 0.05, 0.02, 0.08, WITHIN),  # better
        ("dice", 0.05, -0.02, 0.12, UNCLEAR),
        ("dice", 0, 0, 0, WITHIN),
        ("dice", -0.5, nan, nan, UNCLEAR),  # a single patient
        ("dice", nan, nan, nan, UNCLEAR),
        ("initial", -0.02, -0.03, -0.005, REGRESSION),
        ("unsupervised", -0.02, -0.03, -0.005, REGRESSION),
        ("rounds", 1.5, 0.5, 2, REGRESSION),
        ("rounds", 0.5, 0.2, 0.9, WITHIN),
        ("rounds", -3, -4, -2, WITHIN),
        ("session_s", 1.3, 1.1, 1.5, REGRESSION),
        ("session_s", 1.3, 0.9, 1.5, UNCLEAR),
        ("session_s", 1.2, 1.1, 1.24, WITHIN),
        ("session_s", 0.5, 0.4, 0.6, WITHIN),
        ("rounds_s", 2.0, 1.5, 3.0, REGRESSION),
        ("rounds_s", nan, nan, nan, UNCLEAR),
        ("failed", 1, nan, nan, REGRESSION),
        ("failed", 0, nan, nan, WITHIN),
        ("assd_mm", 5.0, 4.0, 6.0, SHOWN),
    ],
)
def test_verdicts_by_hand(measure, change, low, high, answer):
    assert verdict(measure, change, low, high) == answer


def test_limits_are_in_points():
    assert verdict("dice", -0.02, -0.03, -0.01, Limits(dice=3)) == WITHIN
    assert verdict("dice", -0.02, -0.03, -0.01, Limits(dice=0.5)) == REGRESSION


def test_times_too_short_to_notice_are_within_limits():
    assert verdict("session_s", 3.0, 2.0, 4.0, new=0.09) == WITHIN
    assert verdict("session_s", 3.0, 2.0, 4.0, new=0.1) == REGRESSION
    assert verdict("session_s", 3.0, 2.0, 4.0, Limits(noticeable=0), new=0.001) == REGRESSION
    assert verdict("dice", -0.5, -0.6, -0.4, new=0.05) == REGRESSION  # a Dice is no time


def test_infinite_limits_accept_every_change():
    assert verdict("session_s", 9.0, 8.0, 10.0, Limits(slowdown=inf)) == WITHIN
    assert verdict("dice", -0.9, -1.0, -0.8, Limits(dice=inf)) == WITHIN
    assert verdict("rounds_s", nan, limits=Limits(slowdown=inf)) == WITHIN


@given(
    st.sampled_from(["dice", "rounds", "session_s"]),
    st.lists(st.floats(0.01, 5), min_size=3, max_size=3).map(sorted),
    st.floats(0, 3),
)
def test_a_wider_gate_never_finds_more(measure, values, wider):
    low, change, high = values
    order = {UNCLEAR: 1, WITHIN: 0, REGRESSION: 2}
    narrow, wide = (
        verdict(measure, change, low, high, Limits(1 + 100 * more, 1 + more, 1.25 + more))
        for more in (0, wider)
    )
    assert order[wide] <= order[narrow]


def test_frame_keeps_its_columns():
    frame = pd.DataFrame([{"measure": "dice", "change": 0.0, "low": 0.0, "high": 0.0, "new": 0.5, "n": 3}])
    assert judge(frame, LIMITS).columns.tolist() == [*frame.columns, "verdict"]
