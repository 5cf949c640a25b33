import numpy as np
import pandas as pd
import pytest
from fake_run import scores
from scipy import stats

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.user_levels import by_user
from bifseg.core.errors import InputError

RULES = {OWN_SCRIBBLES: StoppingRule(2, 0.9), "hasty": StoppingRule(2, 0.9)}
PROTOCOLS = {"expert": OWN_SCRIBBLES, "careless": "hasty"}


def session(name, protocol, *dice):
    user = {OWN_SCRIBBLES: "expert", "hasty": "careless"}[protocol]
    return [
        (name, "bifseg", f"round-{k}" if k else "initial", value, {"protocol": protocol, "user": user})
        for k, value in enumerate(dice)
    ]


PLAYED = [
    *session("a", OWN_SCRIBBLES, 0.5, 0.95),
    *session("b", OWN_SCRIBBLES, 0.5, 0.7, 0.9),
    *session("a", "hasty", 0.5, 0.7, 0.8),
    *session("b", "hasty", 0.5, 0.6),
]


def test_user_levels_by_hand():
    users = by_user(scores(PLAYED), 0.9, RULES, PROTOCOLS).set_index("user")
    assert users.index.tolist() == ["expert", "careless"]
    assert users["round_restricted"].tolist() == [1.5, 3.0]
    assert users["never"].tolist() == [0, 2]
    assert users["final_mean"].tolist() == pytest.approx([0.925, 0.7])
    half = stats.t.ppf(0.975, 1) * 0.025  # Student's t of two cases
    assert users["final_low"].tolist() == pytest.approx([0.925 - half, 0.0])
    assert users["final_high"].tolist() == pytest.approx([1.0, 1.0])


def test_each_user_has_the_interactions_of_their_protocol():
    users = by_user(scores(PLAYED), 0.9, RULES, PROTOCOLS)
    expected = interactions(scores(PLAYED), 0.9, RULES["hasty"], "hasty")
    careless = users[users["user"] == "careless"][expected.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(careless, expected)


def test_one_user_gives_an_empty_table():
    assert by_user(scores(PLAYED), 0.9, RULES, {"expert": OWN_SCRIBBLES}).empty
    only = scores([line for line in PLAYED if line[4]["protocol"] == OWN_SCRIBBLES])
    assert by_user(only, 0.9, RULES, PROTOCOLS).empty


def test_a_target_above_the_stopping_rule_has_dice_but_no_rounds():
    users = by_user(scores(PLAYED), 0.95, RULES, PROTOCOLS)
    assert np.isnan(users["round_restricted"]).all()
    assert users["final_mean"].notna().all()


def test_unknown_rules_are_bad_input():
    with pytest.raises(InputError, match="hasty"):
        by_user(scores(PLAYED), 0.9, {OWN_SCRIBBLES: RULES[OWN_SCRIBBLES]}, PROTOCOLS)
