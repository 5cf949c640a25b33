"""Unannotated voxels affect no score, no error and no stroke."""

import numpy as np
import pytest

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

SHAPE = (40, 48)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[12:28, 10:24] = True
IGNORED = np.zeros(SHAPE, bool)
IGNORED[28:] = True  # what lies below the object


class Everything:
    """Marks the whole box at first, then what it is told, and keeps what it was given."""

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})
    drawn = np.zeros(SHAPE, np.uint8)

    def start(self, image, box):
        self.mask = np.zeros(image.voxels.shape, bool)
        self.mask[box.slices] = True
        return self.mask

    def refine(self, scribbles):
        self.drawn = scribbles.label_map()
        self.mask[self.drawn == 2] = False
        return self.mask


class FromScribbles(Everything):
    prompts = frozenset({"scribbles"})

    def start(self, image, box):
        self.mask = np.zeros(image.voxels.shape, bool)
        return self.mask


def played(method, ignored, seed=0, user="expert", policy="centre-line/1"):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    rules = ProtocolCard(rounds=4, patience=None, target=None, user=user, policy=policy)
    return play(SimulatedUser(image, TRUTH, rules, seed=seed, ignored=ignored), method)


def test_results_are_cleared_at_unannotated_voxels():
    session = played(Everything(), IGNORED)
    inside = IGNORED[session.box.slices]
    assert inside.any()
    assert not any((step.mask & inside).any() for step in session.steps)
    assert (played(Everything(), None).steps[0].mask & inside).any()


def strokes_in_ignored_area(ignored, user, method_class, policy):
    """How many voxels and path points a robot draws in the area, over ten boxes."""
    in_area, anywhere = 0, 0
    for seed in range(10):
        method = method_class()
        session = played(method, ignored, seed, user, policy)
        assert session.status == "ok"
        anywhere += np.count_nonzero(method.drawn)
        in_area += np.count_nonzero(method.drawn[IGNORED])
        for stroke in (stroke for step in session.steps for stroke in step.strokes):
            assert len(stroke.path)
            in_area += int(IGNORED[tuple(np.rint(stroke.path).astype(int).T)].sum())
    assert anywhere
    return in_area


@pytest.mark.parametrize(
    ("user", "policy"),
    [(who, "centre-line/1") for who in ("expert", "novice", "careless")] + [("expert", "person/2")],
)
@pytest.mark.parametrize("method", [FromScribbles, Everything])
def test_no_user_draws_on_unannotated_voxels(method, user, policy):
    """Strokes of `person` cross borders, also those of a user without flaws."""
    assert strokes_in_ignored_area(None, user, method, policy) > 0
    assert strokes_in_ignored_area(IGNORED, user, method, policy) == 0
