"""Prompts of a protocol against those of a method, before any job: what fits, what stops, what is changed."""

import pytest
from pydantic import ValidationError

from bifseg.cards.capabilities import begins_with, is_given, misfit, misplaced
from bifseg.cards.cards import CLICK_POLICIES, ProtocolCard
from bifseg.cards.plays import Plays, ScribblesAsPoints
from bifseg.robot.policies.registry import POLICIES

CLICK = "centre-click/1"
OWN = ProtocolCard()
POINTS = ProtocolCard(correct="points", policy=CLICK)
POINTS_FIRST = ProtocolCard(begin="points", correct="points", policy=CLICK, window="image")
SCRIBBLES_FIRST = ProtocolCard(begin="scribbles")
BOX_FIRST = ProtocolCard(begin="box")


def plays(*prompts, **more):
    return Plays(dimensions=[2], prompts=list(prompts), **more)


def why(card, protocol):
    return misfit(card, False, 2, protocol)


def test_click_policies_are_those_that_click():
    assert {name for name in POLICIES if name.startswith(("centre-click/", "econet/"))} == set(CLICK_POLICIES)


@pytest.mark.parametrize(
    ("prompts", "protocol"),
    [
        (("box", "scribbles"), OWN),
        (("scribbles",), OWN),
        (("box",), OWN),  # a base network: played, and never corrected
        (("box", "points"), POINTS),
        (("points",), POINTS),
        (("box",), POINTS),
        (("box", "scribbles", "points"), POINTS),
        (("points",), POINTS_FIRST),
        (("box", "points"), POINTS_FIRST),
        (("scribbles",), SCRIBBLES_FIRST),
        (("box", "scribbles"), BOX_FIRST),
        (("scribbles",), ProtocolCard(begin="nothing", correct="nothing", rounds=0)),
    ],
)
def test_who_fits(prompts, protocol):
    assert why(plays(*prompts), protocol) == ""


@pytest.mark.parametrize(
    ("prompts", "protocol", "reason"),
    [
        (("box", "scribbles"), POINTS, "takes box and scribbles; this protocol gives points"),
        (("box", "points"), OWN, "takes box and points; this protocol gives scribbles"),
        (("scribbles",), BOX_FIRST, "takes scribbles; this protocol begins with a box"),
        (("box",), POINTS_FIRST, "takes box; this protocol begins with points"),
        (("box", "scribbles"), SCRIBBLES_FIRST, "takes a box, and this protocol begins with scribbles"),
    ],
)
def test_who_is_stopped(prompts, protocol, reason):
    assert why(plays(*prompts), protocol).startswith(reason)


def test_an_adaptation_of_the_card_lets_it_play_and_has_words():
    as_points = plays("box", "points", scribbles_as_points=ScribblesAsPoints(points=2, where="ends"))
    as_scribbles = plays("box", "scribbles", points_as_scribbles=True)
    assert why(as_points, OWN) == why(as_scribbles, POINTS) == ""
    assert as_points.adaptation("scribbles", as_points.prompts) == (
        "scribbles as points, 2 from end to end of each stroke"
    )
    assert as_scribbles.adaptation("points", as_scribbles.prompts) == "points as scribbles of one voxel"
    assert as_points.adaptation("points", as_points.prompts) == ""  # as it takes them


def test_an_unknown_prompt_of_a_class_or_a_program_is_named():
    reason = misplaced({2}, {"box", "lasso"}, 2, OWN)
    assert reason == "takes 'lasso', which is not a prompt; known are box, scribbles, points, mask"


def test_what_a_session_begins_with():
    assert begins_with(OWN, {"box", "scribbles"}) == "box"
    assert begins_with(OWN, {"scribbles"}) == "scribbles"
    assert begins_with(POINTS, {"points"}) == "points"
    assert begins_with(POINTS_FIRST, {"box", "points"}) == "points"
    assert not is_given("points", {"scribbles"}, None)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"correct": "points"}, "points need a policy that clicks"),
        ({"begin": "points", "policy": CLICK}, "one policy draws all"),
        ({"begin": "lasso"}, "Input should be"),
        ({"correct": "nothing"}, "write 'rounds: 0'"),
        ({"begin": "scribbles", "correct": "nothing"}, "write 'rounds: 1'"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(keys, problem):
    with pytest.raises(ValidationError, match=problem):
        ProtocolCard(**keys)


def test_sessions_that_begin_otherwise_have_another_word_in_the_column_box():
    assert OWN.box_label == BOX_FIRST.box_label == "margin/1"
    assert POINTS_FIRST.box_label == "points in the image"
    assert ProtocolCard(window="image").box_label == "margin/1 in the image"
