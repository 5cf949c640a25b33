import numpy as np
import pytest
from fake_run import scores
from sides import session

from bifseg.analysis.names import OWN_SCRIBBLES, SHARED_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.core.errors import InputError
from bifseg.reports.benchmark.outcomes import COLUMNS, outcomes

RULES = {OWN_SCRIBBLES: StoppingRule(4, 0.9), SHARED_SCRIBBLES: StoppingRule(1, None)}


def outcomes_of(lines, target=0.9, rules=RULES):
    frame = outcomes(scores(lines), rules, target)
    assert frame.columns.tolist() == COLUMNS
    return frame.set_index(["protocol", "method", "object"])


def test_outcome_of_a_session_by_hand():
    frame = outcomes_of(session("a", 0.5, 0.8, 0.95, assd_mm=1.5))
    row = frame.iloc[0]
    assert row[["initial", "dice", "assd_mm", "rounds", "failed"]].tolist() == [0.5, 0.95, 1.5, 2, 0]
    assert row[["session_s", "rounds_s", "n_rounds", "sessions"]].tolist() == [3, 2, 2, 1]
    assert np.isnan(row["unsupervised"])


def test_sessions_that_never_reach_the_target_count_with_the_round_limit():
    frame = outcomes_of(
        [*session("a", 0.5, 0.6), *session("b", 0.5, 0.6, 0.7, 0.8, 0.85), *session("c", 0.99)]
    )
    assert frame["rounds"].tolist() == [5, 5, 0]
    assert frame["n_rounds"].tolist() == [1, 4, 0]


@pytest.mark.parametrize(
    ("target", "stops", "goal", "rounds"),
    [
        (0.7, 0.9, 0.7, 1),
        (0.95, 0.9, 0.9, 2),  # above 0.9 nobody was followed
        (0.95, None, 0.95, 5),
    ],
)
def test_rounds_are_counted_to_the_lower_of_target_and_stopping_dice(target, stops, goal, rounds):
    row = outcomes_of(session("a", 0.5, 0.8, 0.92), target, {OWN_SCRIBBLES: StoppingRule(4, stops)}).iloc[0]
    assert row[["goal", "rounds"]].tolist() == [goal, rounds]


def test_a_protocol_of_one_round_counts_no_rounds():
    row = outcomes_of(session("a", 0.5, 0.95, protocol=SHARED_SCRIBBLES)).iloc[0]
    assert row[["goal", "rounds"]].isna().all()


def test_stages_are_taken_from_one_protocol():
    step = ("a", "bifseg", "unsupervised", 0.6)
    lines = [
        *session("a", 0.5, 0.7, method="bifseg", protocol=SHARED_SCRIBBLES),
        step,
        *session("a", 0.5, 0.8, method="bifseg"),
        (*step, {"protocol": OWN_SCRIBBLES}),
    ]
    frame = outcomes_of(lines)
    assert frame.loc[(SHARED_SCRIBBLES, "bifseg", "a"), ["initial", "unsupervised", "dice"]].tolist() == [
        0.5,
        0.6,
        0.7,
    ]
    own = frame.loc[(OWN_SCRIBBLES, "bifseg", "a")]
    assert own[["initial", "unsupervised"]].isna().all()
    assert own["dice"] == 0.8


def test_failed_session_scores_its_last_row():
    row = outcomes_of(session("a", 0.5, 0.0, status="failed", error="round-1: no luck")).iloc[0]
    assert row[["dice", "rounds", "failed", "error"]].tolist() == [0, 5, 1, "round-1: no luck"]


def test_unknown_rules_are_bad_input():
    with pytest.raises(InputError, match="own-scribbles"):
        outcomes_of(session("a", 0.5), rules={})
