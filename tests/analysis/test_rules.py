"""What never reaching the target costs under each policy."""

import pandas as pd
import pytest
from fake_run import scores
from test_overview import LINES

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.overview import overview
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_scores import RunScores

SESSION = pd.DataFrame({"box_slices": [1.0], "box_mm": [50.0]})


def rule(policy, per_label=1):
    return StoppingRule.of({"rounds": 3, "target": 0.9, "policy": policy, "strokes_per_label": per_label})


@pytest.mark.parametrize(
    ("policy", "per_label", "strokes"),
    [("centre-line/1", 1, 8), ("centre-line/1", 3, 24), ("centre-click/1", 1, 4), ("centre-click/1", 3, 12)],
)
def test_never_costs_the_most_that_the_policy_can_draw_in_one_round_more(policy, per_label, strokes):
    limits = rule(policy, per_label).limits(SESSION)
    assert (limits["round"].item(), limits["n_strokes"].item(), limits["n_prompts"].item()) == (
        4,
        strokes,
        1 + strokes,
    )


@pytest.mark.parametrize("policy", ["econet/1", "random-region/1"])
def test_dots_have_no_limit(policy):
    assert set(rule(policy).limits(SESSION)) == {"round"}


def test_prompts_without_a_limit_are_unknown_and_dice_ranks():
    """A session of geos never reaches the target: failing must not be cheaper than the dots that it took."""
    cards = {
        OWN_SCRIBBLES: {
            "rounds": 2,
            "target": 0.9,
            "policy": "econet/1",
            "user": "expert",
            "scribbles_on": "current",
        }
    }
    run = RunScores(scores(LINES), cards, target=0.9)
    shown = overview(run.cohorts[0])
    assert shown.by == "dice"
    assert shown.frame["prompts_mean"].isna().all()
    assert shown.frame["rounds_mean"].notna().all()
    row = interactions(run.frame, 0.9, run.rules[OWN_SCRIBBLES]).set_index("method").loc["geos"]
    assert row[["n_prompts_restricted", "user_s_restricted"]].isna().all()
    assert row["round_restricted"] == pytest.approx((1 + 1 + 3) / 3)
