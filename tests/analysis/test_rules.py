"""What never reaching the target costs under each policy."""

import numpy as np
import pandas as pd
import pytest
from fake_run import scores
from test_overview import LINES

from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.overview import overview
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.scores import score_session
from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

SESSION = pd.DataFrame({"box_slices": [1.0], "box_mm": [50.0]})


def rule(policy, per_label=1):
    correct = "points" if policy == "centre-click/1" else "scribbles"
    card = {"rounds": 3, "target": 0.9, "policy": policy, "strokes_per_label": per_label, "correct": correct}
    return StoppingRule.of(card)


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


SPIRAL = 60  # pixels of 0.5 mm: a path far longer than the sides of its box


class Stubborn:
    """Misses or adds a spiral of the object until the last round, so that every round draws the longest strokes."""

    dimensions = frozenset({2})

    def __init__(self, truth, wrong, rounds, prompts):
        self.truth, self.wrong, self.rounds, self.prompts = truth, wrong, rounds, frozenset(prompts)

    def start(self, image, box):
        self.played = 0
        return self.truth ^ self.wrong if "box" in self.prompts else np.zeros_like(self.truth)

    def refine(self, scribbles):
        self.played += 1
        return self.truth.copy() if self.played == self.rounds else self.truth ^ self.wrong


def spiral():
    """A band of 7 pixels that winds inwards with gaps of 7 pixels between its turns."""
    y, x = np.indices((SPIRAL, SPIRAL))
    ring = np.minimum.reduce([y, x, SPIRAL - 1 - y, SPIRAL - 1 - x])
    return (ring // 7 % 2 == 0) & ~((ring < 7) & (y < 30) & (abs(x - 30) < 2))


@pytest.mark.parametrize(
    ("policy", "prompts"),
    [
        ("contour/1", ("box", "scribbles")),
        ("centre-line/1", ("box", "scribbles")),
        ("centre-click/1", ("scribbles",)),
    ],
)
def test_never_costs_more_than_reaching_the_target_in_the_last_round(policy, prompts):
    """Both labels have long errors; a method for scribbles opens with clicks on the object and on two sides of it."""
    rounds, wrong = 12, spiral()
    truth = np.zeros_like(wrong)
    truth[:, : SPIRAL // 2] = True
    card = ProtocolCard(
        rounds=rounds, target=1.0, patience=None, policy=policy, box="tight/1", window="image"
    )
    image = Image(np.zeros(truth.shape, np.float32), Grid.plain(truth.shape, (0.5, 0.5)))
    user = SimulatedUser(image, truth, card, seed_key=("spiral",))
    session = play(user, Stubborn(truth, wrong, rounds, prompts))
    assert (session.ended, session.steps[-1].round) == ("target", rounds)
    spent = pd.DataFrame(score_session(session, truth, "patient")).iloc[[-1]]
    limits = StoppingRule.of(card.model_dump()).limits(spent)
    for name in ("n_prompts", "n_strokes", "user_s"):
        assert spent[name].item() < limits[name].item(), name


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
