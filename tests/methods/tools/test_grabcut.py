"""GrabCut: finds what is plain to see, cuts at the least energy, remembers nothing."""

from itertools import product

import numpy as np
import pytest

from bifseg.cards.cards import MethodCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.images import unit_range
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import Adaptive, Method
from bifseg.methods.graphs.crf import pair_weights
from bifseg.methods.graphs.neighbours import pair_slices
from bifseg.methods.registry import build
from bifseg.methods.tools.grabcut import GrabCut

SHAPE, BOX = (24, 26, 28), Box((4, 4, 5), (20, 22, 23))
CENTRE = (12, 13, 14)


def ball(seed=0, noise=8.0, spacing=(1.0, 1.0, 1.0), radius=6):
    rng = np.random.default_rng(seed)
    truth = np.linalg.norm(np.indices(SHAPE) - np.reshape(CENTRE, (3, 1, 1, 1)), axis=0) < radius
    voxels = (100 + 70 * truth + rng.normal(0, noise, SHAPE)).astype(np.float32)
    return Image(voxels, Grid.plain(SHAPE, spacing)), truth


def dots(*marks):
    """Scribbles of (foreground, (z, y, x)) dots."""
    return Scribbles(SHAPE, tuple(Stroke(f, np.array([at]) + 0.0, np.array([at])) for f, at in marks))


def test_a_ball_is_segmented():
    image, truth = ball()
    method = GrabCut()
    assert isinstance(method, Method)
    assert not isinstance(method, Adaptive)
    assert dice(method.start(image, BOX), truth) >= 0.98


def test_scribbles_are_obeyed_and_the_box_kept():
    image, _ = ball()
    method = GrabCut()
    method.start(image, BOX)
    result = method.refine(dots((True, (5, 5, 6)), (False, CENTRE), (True, (1, 1, 1))))
    assert result[5, 5, 6]
    assert not result[CENTRE]
    assert result.sum() == result[BOX.slices].sum()


def test_sessions_are_independent():
    (image, _), (second_image, _) = ball(noise=25), ball(1, 40, radius=4)
    marks = dots((False, (5, 5, 6)), (True, CENTRE))
    method = GrabCut()

    def session():
        return np.stack([method.start(image, BOX), method.refine(marks), method.refine(marks)])

    first = session()
    np.testing.assert_array_equal(session(), first)
    method.start(second_image, BOX)
    np.random.seed(5)  # noqa: NPY002 - the legacy state is what must not matter
    np.testing.assert_array_equal(session(), first)


def test_spacing_matters():
    """Along an axis with wide spacing the boundary is cheap, so that the same voxels are cut otherwise."""
    results = [
        GrabCut(strength=4).start(ball(noise=60, spacing=s)[0], BOX)
        for s in ((1.0, 1.0, 1.0), (6.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    ]
    assert (results[0] != results[1]).any()
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("seed", range(4))
def test_cut_has_the_least_energy_of_all_labels(seed):
    """Against brute force, with minus the log of the mixtures' likelihoods as they are: no ratio, no clipping."""
    rng = np.random.default_rng(seed)
    shape, box = (4, 4, 5), Box((1, 1, 1), (3, 3, 4))
    image = Image(rng.normal(0, 1, shape).astype(np.float32), Grid.plain(shape, (2.0, 1.0, 1.5)))
    method = RecordingGrabCut(iterations=1, strength=1.5, components=2)
    cut = method.start(image, box)[box.slices]

    grey = np.rint(255 * unit_range(image.voxels)).astype(int)
    as_foreground, as_background = (-table[grey[box.slices]] for table in method.tables)
    differences = np.concatenate([np.diff(grey / 255, axis=axis).ravel() for axis in range(3)])
    pairs = pair_weights(grey / 255, image.grid.spacing, 1.5, np.sqrt(np.mean(differences**2)), False)

    def energy(inside):
        labels = box.paste(inside, shape)
        apart = sum(
            (weights * (labels[a] != labels[b])).sum()
            for offset, weights in pairs
            for a, b in [pair_slices(offset)]
        )
        return np.where(inside, as_foreground, as_background).sum() + apart

    every = (np.reshape(bits, cut.shape) for bits in product([False, True], repeat=cut.size))
    assert energy(cut) == pytest.approx(min(map(energy, every)), abs=1e-6)


class RecordingGrabCut(GrabCut):
    """Keeps the log-likelihoods: of object, then of background."""

    tables = ()

    def _log_likelihood(self, is_object, counts):
        table = np.maximum(super()._log_likelihood(is_object, counts), -6)  # within the clip of the odds
        self.tables = (*self.tables, table)
        return table


@pytest.mark.parametrize("box", [Box((0, 0, 0), (20, 22, 23)), Box((4, 4, 5), SHAPE), Box((0, 0, 0), SHAPE)])
def test_box_at_the_border(box):
    image, truth = ball(noise=4)
    assert dice(GrabCut().start(image, box), truth) >= 0.97


@pytest.mark.parametrize("box", [BOX, Box((0, 0, 0), SHAPE), Box((0, 0, 0), (1, 1, 1))])
def test_constant_image(box):
    method = GrabCut()
    image = Image(np.ones(SHAPE, np.float32), Grid.plain(SHAPE))
    first = method.start(image, box)
    assert first.sum() == first[box.slices].sum()
    mark = box.lower
    assert method.refine(dots((True, mark)))[mark]
    assert not method.refine(dots((False, mark)))[mark]


def test_a_skull_stripped_background_is_not_used_for_the_object():
    """A tissue block in empty space: the ball in it is found although half of what lies around the box is empty."""
    image, truth = ball()
    voxels = image.voxels.copy()
    voxels[:5] = voxels[:, :, :6] = 0
    assert dice(GrabCut().start(Image(voxels, image.grid), BOX), truth) >= 0.97


def test_a_session_continues_after_an_empty_result():
    image, truth = ball()
    method = GrabCut()
    method.start(image, BOX)
    everything = np.argwhere(np.ones(BOX.shape, bool)) + BOX.lower
    all_background = Scribbles(SHAPE, (Stroke(False, everything[:1] + 0.0, everything),))
    assert not method.refine(all_background).any()
    marks = [(True, (12, 13, 14 + k)) for k in range(-5, 6)]
    assert dice(method.refine(dots(*marks)), truth) >= 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contrast": 0}, "settings.contrast: Input should be greater"),
        ({"strength": float("inf")}, "settings.strength: Input should be a finite"),
        ({"gamma": 5}, "settings.gamma: unknown key"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(InputError, match=message):
        build(MethodCard(method="bifseg.methods.tools.grabcut:GrabCut", settings=settings), None)
