"""Defects seen in other simulated users, one by one: ours must not have them."""

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.core.scribbles import Scribbles
from bifseg.core.seeds import generator
from bifseg.robot.box import BOXES, box_kind
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.robot.users import USERS, user_profile
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser, View

RANDOM = [name for name in POLICIES if name != "centre-click/1"]
SHAPE = (70, 90)
TRUTH = np.hypot(*(np.indices(SHAPE) - np.array([33, 40])[:, None, None])) < 24
IDENTITY = Identity("run", "cohort", "case", "case_organ", "organ", False, 2, "test", "fake", "", "own", "p")


def _strokes(name, seed=0, truth=TRUTH):
    drawn = policy(name).strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(seed))
    return [(s.path.round(4).tolist(), s.voxels.tolist()) for s in drawn]


def _game(seed=1, identity=IDENTITY, **card):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    rules = ProtocolCard(**{"target": None, "patience": None} | card)
    return SimulatedUser(image, TRUTH, rules, 10, seed, seed_key=identity.seed_key)


class Deaf:
    """A method that finds nothing and heeds no scribble."""

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def start(self, image, box):
        return np.zeros(SHAPE, bool)

    def refine(self, scribbles):
        return np.zeros(SHAPE, bool)


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_is_not_ignored(name):
    assert len({str(_strokes(name, seed)) for seed in range(6)}) == 6


@pytest.mark.parametrize("name", ["random-region/1", "econet/1"])
def test_random_dots_of_one_round_are_not_all_the_same_quantile(name):
    voxels = [tuple(voxels[0]) for _, voxels in _strokes(name)]
    assert len(set(voxels)) == len(voxels) > 10


@pytest.mark.parametrize("name", RANDOM)
def test_two_mistakes_alike_are_not_corrected_alike(name):
    twins = np.tile(TRUTH, (1, 2))
    drawn = policy(name).strokes(twins, np.zeros_like(twins), (1.0, 1.0), generator(0), most=2)
    left = [s.voxels.tolist() for s in drawn if s.voxels[0, 1] < 90]
    right = [(s.voxels - [0, 90]).tolist() for s in drawn if s.voxels[0, 1] >= 90]
    assert left
    assert right
    assert left != right


@pytest.mark.parametrize("name", POLICIES)
def test_global_generators_neither_matter_nor_change(name):
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    first = _strokes(name)
    states = str(np.random.get_state()), random.getstate()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    random.seed(1)
    assert _strokes(name) == first
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    assert states == (str(np.random.get_state()), random.getstate())  # noqa: NPY002


@pytest.mark.parametrize("name", BOXES)
@pytest.mark.parametrize("offset", [(0, 0), (11, 7)])
def test_the_box_does_not_always_begin_at_the_corner_of_the_image(name, offset):
    room = np.pad(TRUTH, 40)
    moved = np.roll(room, offset, axis=(0, 1))
    boxes = [box_kind(name).draw(mask, (1.0, 1.0), 10, generator(5)) for mask in (room, moved)]
    assert min(boxes[0].lower) > 0
    for k in (0, 1):
        assert boxes[1].lower[k] - boxes[0].lower[k] == boxes[1].upper[k] - boxes[0].upper[k] == offset[k]


def test_the_same_voxel_is_not_clicked_twice_where_a_method_heeds_no_click():
    session = play(_game(policy="centre-click/1", rounds=8), Deaf())
    clicks = [tuple(stroke.path[0]) for step in session.steps for stroke in step.strokes]
    assert len(clicks) == len(set(clicks)) == 8
    drawn = [set(map(tuple, s.voxels)) for step in session.steps for s in step.strokes]
    assert sum(map(len, drawn)) == len(set.union(*drawn))
    apart = [np.hypot(*np.subtract(a, b)) for k, a in enumerate(clicks) for b in clicks[:k]]
    assert min(apart) > 5  # nor its neighbour: the next click lies deep in what was not clicked yet


def _view(number, box, scribbles):
    """What the user sees of a result in which nothing was found."""
    return View(number, box, [SimpleNamespace(mask=np.zeros(box.shape, bool))], scribbles, False)


def test_a_clicker_that_has_clicked_everything_is_satisfied():
    box = _game().box()
    everything = policy("econet/1").strokes(TRUTH, ~TRUTH, (1.0, 1.0), generator(0))[:1]
    everything = [replace(everything[0], voxels=np.argwhere(np.ones(SHAPE, bool)))]
    game = _game(policy="centre-click/1")
    assert game.next_strokes(_view(2, box, Scribbles(SHAPE, tuple(everything)))) == []
    assert game.next_strokes(_view(2, box, Scribbles(SHAPE))) != []


def test_policies_that_do_not_skip_see_what_was_drawn_as_wrong_still():
    strokes = [s for step in play(_game(rounds=3), Deaf()).steps for s in step.strokes]
    game, box = _game(rounds=3), _game().box()
    alone = game.next_strokes(_view(3, box, Scribbles(SHAPE)))
    np.testing.assert_array_equal(strokes[-1].voxels, alone[-1].voxels)


def test_one_click_in_the_opening_for_the_object_and_one_for_each_side():
    game = _game(policy="centre-click/1")
    assert [s.foreground for s in game.next_strokes(View(1, game.box(), [], Scribbles(SHAPE), True))] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("card", [{"box": "jittered/1"}, {"box": "loose/1"}, {"user": "careless"}])
def test_every_box_is_the_same_for_all_methods_and_differs_between_objects(card):
    other_entry = replace(IDENTITY, method="other", network="n", policy="q", protocol="shared")
    assert _game(**card).box() == _game(identity=other_entry, **card).box()
    assert len({_game(identity=replace(IDENTITY, object=f"o{k}"), **card).box() for k in range(5)}) == 5


def test_users_loosen_the_box_that_the_card_asks_for():
    tight, default = _game(box="tight/1").box(), _game().box()
    loose = _game(box="tight/1", user="careless").box()
    assert all(a <= b for a, b in zip(loose.lower, tight.lower, strict=True))
    assert loose != tight
    assert _game(user="expert").box() == default


@pytest.mark.parametrize("name", USERS)
def test_a_session_of_every_user_is_the_same_twice(name):
    a, b = (play(_game(user=name, rounds=3), Deaf()) for _ in range(2))
    assert a.box == b.box
    for first, second in zip(a.scribbles().strokes, b.scribbles().strokes, strict=True):
        assert first.foreground == second.foreground
        np.testing.assert_array_equal(first.voxels, second.voxels)


def test_a_mistake_wider_than_the_image_is_not_clicked_on_its_border():
    everything = np.ones((21, 31), bool)
    (click,) = policy("centre-click/1").strokes(
        everything, np.zeros_like(everything), (1.0, 1.0), generator(0)
    )
    assert click.path[0].tolist() == [10, 10]  # 11 mm deep, the first of a ridge


def test_masks_given_are_not_changed_by_an_imperfect_user():
    result = TRUTH.copy()
    result[30:33] = False
    before = result.copy()
    user_profile("careless").plays(policy("line/1")).strokes(TRUTH, result, (1.0, 1.0), generator(0))
    np.testing.assert_array_equal(result, before)
