from bifseg.analysis.protocol_roles import protocol_roles
from bifseg.cards.cards import ProtocolCard

DEFAULT = ProtocolCard().model_dump(mode="json")


def cards(**changes):
    return {name.replace("_", "-"): DEFAULT | change for name, change in changes.items()}


SHARED = {"scribbles_on": "initial"}
RECORDED = {"scribbles_on": "recorded"}
NOVICE, CARELESS = {"user": "novice"}, {"user": "careless"}


def test_own_scribbles_is_preferred_as_the_own_protocol():
    assert protocol_roles(cards(a={}, own_scribbles={}, shared=SHARED)).own == "own-scribbles"


def test_without_own_scribbles_the_expert_s_protocol_is_preferred():
    assert protocol_roles(cards(b={}, a=NOVICE, c={}, shared_scribbles=SHARED)).own == "b"
    assert protocol_roles(cards(b=NOVICE, a=CARELESS)).own == "a"


def test_without_a_protocol_on_own_mistakes_the_default_names_are_used():
    assert protocol_roles({}).own == protocol_roles({}).widest == "own-scribbles"
    assert protocol_roles(cards(shared_scribbles=SHARED, people=RECORDED)).own == "own-scribbles"
    assert protocol_roles({}).users == protocol_roles(cards(shared_scribbles=SHARED)).users == {}


def test_the_widest_protocol_has_the_highest_target_or_none():
    assert protocol_roles(cards(own_scribbles={}, all_rounds={"target": None})).widest == "all-rounds"
    assert protocol_roles(cards(own_scribbles={}, further={"target": 0.95})).widest == "further"
    assert protocol_roles(cards(own_scribbles={}, less={"target": 0.8}, as_much={})).widest == "own-scribbles"
    assert protocol_roles(cards(own_scribbles={}, z=NOVICE | {"target": None})).widest == "own-scribbles"


def test_users_are_compared_over_protocols_that_differ_in_the_user_alone():
    played = cards(
        own_scribbles={}, hasty=CARELESS, n=NOVICE, other=NOVICE | {"rounds": 3}, shared=SHARED | NOVICE
    )
    assert list(protocol_roles(played).users.items()) == [
        ("expert", "own-scribbles"),
        ("novice", "n"),
        ("careless", "hasty"),
    ]


def test_of_equal_protocols_the_main_one_then_the_first_by_name_is_used():
    played = cards(own_scribbles={}, again={}, b=NOVICE, a=NOVICE)
    assert protocol_roles(played).users == {"expert": "own-scribbles", "novice": "a"}
