"""Before any job, the prompts of a protocol are compared with those that a method takes."""

import pytest

from bifseg.cards.capabilities import entry_problem, first_prompt, method_problem, takes_drawn
from bifseg.cards.cards import CLICK_POLICIES, ProtocolCard, read_card
from bifseg.cards.plays import Plays, ScribblesAsPoints
from bifseg.cards.shipped import shipped_folder
from bifseg.core.errors import InputError
from bifseg.robot.policies.registry import POLICIES

CLICK = "centre-click/1"
OWN = ProtocolCard()
POINTS = ProtocolCard(correct="points", policy=CLICK)
POINTS_FIRST = ProtocolCard(begin="points", correct="points", policy=CLICK, window="image")
SCRIBBLES_FIRST = ProtocolCard(begin="scribbles")
BOX_FIRST = ProtocolCard(begin="box")


def plays(*prompts, **more):
    return Plays(dimensions=[2], prompts=list(prompts), **more)


def misfit_of(card, protocol):
    return entry_problem(card, False, 2, protocol)


def test_click_policies_are_listed():
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
def test_methods_that_fit_a_protocol(prompts, protocol):
    assert misfit_of(plays(*prompts), protocol) == ""


@pytest.mark.parametrize(
    ("prompts", "protocol", "reason"),
    [
        (("box", "scribbles"), POINTS, "takes box and scribbles; this protocol gives points"),
        (("box", "points"), OWN, "takes box and points; this protocol gives scribbles"),
        (
            ("scribbles",),
            BOX_FIRST,
            "takes scribbles; this protocol begins with a box: leave it or the key `begin` out",
        ),
        (("box",), POINTS_FIRST, "takes box; this protocol begins with points: leave it out"),
        (("box", "scribbles"), SCRIBBLES_FIRST, "takes a box, and this protocol begins with scribbles"),
    ],
)
def test_methods_that_do_not_fit_a_protocol(prompts, protocol, reason):
    assert misfit_of(plays(*prompts), protocol).startswith(reason)


@pytest.mark.parametrize("prompts", [("points",), ("box", "points"), ("box",)])
def test_the_shipped_protocol_of_clicks_takes_every_method_for_points(prompts):
    card = read_card(ProtocolCard, shipped_folder() / "config" / "protocols" / "own-points.yaml")
    assert misfit_of(plays(*prompts), card) == ""


def test_an_adaptation_of_prompts_makes_a_method_fit_and_is_described():
    as_points = plays("box", "points", scribbles_as_points=ScribblesAsPoints(points=2, where="ends"))
    as_scribbles = plays("box", "scribbles", points_as_scribbles=True)
    assert misfit_of(as_points, OWN) == misfit_of(as_scribbles, POINTS) == ""
    assert as_points.adaptation("scribbles", as_points.prompts) == (
        "scribbles as points, 2 from end to end of each stroke"
    )
    assert as_scribbles.adaptation("points", as_scribbles.prompts) == "points as scribbles of one voxel"
    assert as_points.adaptation("points", as_points.prompts) == ""  # as it takes them


def test_an_unknown_prompt_of_a_class_or_a_program_is_named():
    reason = method_problem({2}, {"box", "lasso"}, 2, OWN)
    assert reason == "takes 'lasso', which is not a prompt; known are box, scribbles, points, mask"


def test_first_prompt_of_a_session():
    assert first_prompt(OWN, {"box", "scribbles"}) == "box"
    assert first_prompt(OWN, {"scribbles"}) == "scribbles"
    assert first_prompt(POINTS, {"points"}) == "points"
    assert first_prompt(POINTS_FIRST, {"box", "points"}) == "points"
    assert not takes_drawn("points", {"scribbles"}, None)


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
    with pytest.raises(InputError, match=problem):
        ProtocolCard(**keys)


def test_the_box_label_names_the_first_prompt():
    assert OWN.box_label == BOX_FIRST.box_label == "margin/1"
    assert POINTS_FIRST.box_label == "points in the image"
    assert ProtocolCard(window="image").box_label == "margin/1 in the image"
