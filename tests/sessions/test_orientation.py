"""Prompts and effort do not depend on how the image is stored: its axes may be permuted and reversed."""

import numpy as np
import pytest
from scipy import ndimage
from storages import STORAGES, Storage

from bifseg.analysis.scores import score_session
from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Grid, Image
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

GRIDS = {
    "image": Grid.plain((40, 50), (1.2, 0.8)),
    "cubes": Grid.plain((24, 30, 28)),
    "thick": Grid.plain((12, 36, 30), (3.0, 0.9, 1.0)),
}
EFFORT = ["n_strokes", "n_scribble_voxels", "n_slices", "stroke_mm", "box_slices", "box_mm", "user_s"]


class Scripted:
    """Gives the next of some results, whatever the scribbles are."""

    dimensions = frozenset({2, 3})

    def __init__(self, results, prompts):
        self.results, self.prompts = results, frozenset(prompts)

    def start(self, image, box):
        self.left, self.box = iter(self.results), box
        return next(self.left) if "box" in self.prompts else np.zeros(self.results[0].shape, bool)

    def refine(self, scribbles):
        return next(self.left)


def prompts_of(session):
    """Box and strokes in world mm, and the effort of the last step."""
    box = session.grid.to_world(np.array([session.box.lower, np.array(session.box.upper) - 1]))
    strokes = [
        (
            step.name,
            stroke.foreground,
            points(session.grid, stroke.path),
            points(session.grid, stroke.voxels, True),
        )
        for step in session.steps
        for stroke in step.strokes
    ]
    return np.sort(box, axis=0).round(6).tolist(), session.ended, strokes


def points(grid, indices, unordered=False):
    world = grid.to_world(indices).round(6) + 0.0  # -0 is 0
    return (np.unique(world, axis=0) if unordered else world).tolist()


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize(
    ("rules", "prompts"),
    [
        ({}, ("box", "scribbles")),
        ({}, ("scribbles",)),
        ({"policy": "line/1", "box": "tight/1"}, ("scribbles",)),
        ({"policy": "contour/1", "box": "loose/1"}, ("box", "scribbles")),
        ({"policy": "centre-click/1", "correct": "points", "window": "image"}, ("box", "points")),
        ({"policy": "random-region/1", "tolerance_mm": 1.0}, ("box", "scribbles")),
        ({"policy": "econet/1", "user": "careless", "box": "jittered/1"}, ("scribbles",)),
        ({"policy": "person/2", "strokes_per_label": 4}, ("scribbles",)),
        ({"disturb": {"axis": "box-shift", "levels": [4]}}, ("box", "scribbles")),
        ({"disturb": {"axis": "stroke-shift", "levels": [4]}}, ("box", "scribbles")),
        ({"disturb": {"axis": "stroke-cross", "levels": [4]}}, ("box", "scribbles")),
    ],
)
def test_prompts_do_not_depend_on_how_the_image_is_stored(grid, rules, prompts):
    rng = np.random.default_rng(0)
    noise = [ndimage.gaussian_filter(rng.standard_normal(grid.shape), 2) for _ in range(4)]
    core = np.zeros(grid.shape, bool)
    core[tuple(slice(n // 4, 3 * n // 4) for n in grid.shape)] = True
    truth = core & (noise[0] > -0.7 * noise[0].std())
    near = ndimage.binary_dilation(core, iterations=2)
    results = [truth ^ (near & (field > field.std())) for field in noise[1:]]
    ignored = np.zeros_like(truth)
    ignored[:2] = True
    card = ProtocolCard(rounds=2, target=1.0, patience=None, **rules)

    def played(storage):
        stored = storage.grid(grid)
        image = Image(np.zeros(stored.shape, np.float32), stored)
        user = SimulatedUser(
            image, storage.array(truth), card, 5, 1, seed_key=("a",), ignored=storage.array(ignored)
        )
        inside = np.zeros(stored.shape, bool)
        window = user.window(user.box())
        inside[window.slices] = True
        session = play(user, Scripted([storage.array(r) & inside for r in results], prompts))
        assert session.error == ""
        last = score_session(session, user.truth, "patient")[-1]
        return prompts_of(session), [float(last[name]) for name in EFFORT]

    as_is, effort = played(Storage(tuple(range(grid.ndim)), (False,) * grid.ndim))
    assert as_is[2]
    for storage in STORAGES[grid.ndim]:
        found, spent = played(storage)
        assert found == as_is
        np.testing.assert_allclose(spent, effort)
