"""Slic-Seg: features by hand, what the forest learns, and the rules of a method that starts from scribbles."""

import numpy as np
import pytest
from pydantic import ValidationError

from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.contract import Method
from bifseg.methods.tools.slic_seg import SlicSeg, connected, directions, features, haar, moments

WHOLE = Box((0, 0), (40, 48))


def image_of(voxels):
    return Image(np.asarray(voxels, np.float32), Grid.plain(np.shape(voxels)))


def draw(shape, *boxes):
    """A stroke per (foreground, y range, x range)."""
    strokes = []
    for foreground, y, x in boxes:
        voxels = np.stack(np.meshgrid(np.arange(*y), np.arange(*x), indexing="ij"), -1).reshape(-1, 2)
        strokes.append(Stroke(foreground, voxels + 0.0, voxels))
    return Scribbles(shape, tuple(strokes))


def play(method, image, box, scribbles):
    method.start(image, box)
    return method.refine(scribbles)


@pytest.fixture
def textured():
    """Left and right half of equal mean, the right one far rougher; scribbles on both."""
    rng = np.random.default_rng(3)
    right = np.zeros((40, 48), bool)
    right[:, 24:] = True
    values = 100 + rng.choice([-1.0, 1.0], (40, 48)) * np.where(right, 30, 3)
    return image_of(values), right, draw((40, 48), (True, (8, 32), (35, 36)), (False, (8, 32), (12, 13)))


def test_moments_by_hand():
    """One voxel of 25 is 25: the mean is 1, the variance 625 / 25 - 1 = 24."""
    values = np.zeros((11, 11))
    values[5, 5] = 25
    mean, deviation = moments(values, np.full(5, 0.2))
    expected = np.zeros((11, 11))
    expected[3:8, 3:8] = 1
    np.testing.assert_allclose(mean, expected, atol=1e-12)
    np.testing.assert_allclose(deviation, expected * 24**0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("slope", "angle"),
    [((0, 2), 0), ((2, 0), np.pi / 2), ((1, -1), 0.75 * np.pi), ((-1, 2), np.arctan2(-1, 2))],
)
def test_a_ramp_has_one_direction(slope, angle):
    y, x = np.indices((21, 21))
    size, bins = directions(slope[0] * y + slope[1] * x + 0.0)
    assert size[10, 10] == pytest.approx(np.hypot(*slope))
    expected = np.zeros(8)
    expected[int((angle + np.pi) // (np.pi / 4))] = 1
    np.testing.assert_allclose(np.array(bins)[:, 10, 10], expected, atol=1e-12)


def test_directions_weigh_near_gradients_more():
    """A bright column: at its left edge the rise lies 0 and the fall 2 voxels away, sizes are equal."""
    values = np.zeros((21, 21))
    values[:, 10] = 1.0
    _, bins = directions(values)
    rise, fall = 1.0, np.exp(-4 / 16)
    histogram = np.array(bins)[:, 10, 9]
    np.testing.assert_allclose(histogram[[4, 0]] * (rise + fall), [rise, fall], atol=1e-12)
    assert histogram[[1, 2, 3, 5, 6]].sum() == 0


def slow_haar(patch):
    """The two-level Haar transform of 8 x 8 voxels, block by block: the means and deviations of its bands."""

    def level(values):
        a, b, c, d = values[::2, ::2], values[::2, 1::2], values[1::2, ::2], values[1::2, 1::2]
        return (a + b + c + d) / 2, [(b + d - a - c) / 2, (c + d - a - b) / 2, (a + d - b - c) / 2]

    low, first = level(patch)
    low, second = level(low)
    return np.array([f(band) for band in [*first, *second, low] for f in (np.mean, np.std)])


def test_haar_is_the_transform_of_the_patch():
    values = np.random.default_rng(0).normal(size=(30, 30))
    transform = np.array(haar(values))
    for y, x in ((12, 15), (4, 4), (21, 9)):
        np.testing.assert_allclose(
            transform[:, y, x], slow_haar(values[y - 4 : y + 4, x - 4 : x + 4]), atol=1e-7
        )


def test_flat_regions_have_no_texture():
    values = features(np.full((9, 12), 0.7))
    assert values.shape == (9, 12, 25)
    np.testing.assert_allclose(values[..., 0], 0.7, atol=1e-6)
    assert not values[..., 1:23].any()
    np.testing.assert_allclose(values[..., 23], 2.8, atol=1e-6)


def test_unconnected_probability_is_lowered():
    """Two likely islands, one with a scribble; the third, as likely and connected, is far too bright."""
    probability, intensity = np.full((20, 30), 0.25), np.full((20, 30), 0.5)
    probability[4:9, 4:9] = probability[4:9, 20:25] = probability[9:12, 4:9] = 0.75
    intensity[9:12, 4:9] = 0.9
    scribble = np.zeros((20, 30), bool)
    scribble[6, 5:8] = True
    intensity[6, 5:8] = 0.49, 0.5, 0.51
    result = connected(probability, intensity, scribble)
    expected = 0.4 * probability
    expected[4:9, 4:9] = 0.75
    np.testing.assert_allclose(result, expected)


def test_texture_alone_is_learnt(textured):
    image, right, scribbles = textured
    assert dice(play(SlicSeg(), image, WHOLE, scribbles), right) > 0.9


def test_flat_regions_split_exactly():
    truth = np.zeros((40, 48), bool)
    truth[10:28, 14:33] = True
    scribbles = draw(truth.shape, (True, (18, 20), (18, 29)), (False, (3, 5), (5, 40)))
    rng = np.random.default_rng(1)
    image = image_of(100 * truth + rng.normal(0, 2, truth.shape))
    np.testing.assert_array_equal(play(SlicSeg(), image, WHOLE, scribbles), truth)


def test_scribbles_are_obeyed_in_a_window_at_the_border(textured):
    image, _, _ = textured
    box = Box((20, 30), (40, 48))
    scribbles = draw(
        (40, 48), (True, (38, 40), (30, 48)), (False, (20, 25), (46, 48)), (False, (0, 3), (0, 3))
    )
    result = play(SlicSeg(), image, box, scribbles)
    assert result[38:40, 30:48].all()
    assert not result[20:25, 46:48].any()
    assert result.sum() == result[box.slices].sum()


def test_same_scribbles_same_masks(textured):
    """In a later session on the same instance, after another image, and on another instance."""
    _, _, scribbles = textured
    image = image_of(np.random.default_rng(4).normal(size=(40, 48)))
    method = SlicSeg(strength=0)  # no min-cut to hide what differs between two forests
    first = play(method, image, WHOLE, scribbles)
    play(method, image_of(image.voxels[::-1] ** 2), WHOLE, scribbles)
    np.testing.assert_array_equal(play(method, image, WHOLE, scribbles), first)
    np.testing.assert_array_equal(play(SlicSeg(strength=0), image, WHOLE, scribbles), first)


def test_starts_empty_and_knows_what_it_takes(textured):
    method = SlicSeg()
    assert isinstance(method, Method)
    assert method.prompts == {"scribbles"}
    result = method.start(textured[0], WHOLE)
    assert result.dtype == bool
    assert not result.any()


@pytest.mark.parametrize("foreground", [True, False])
def test_one_label_alone_returns_what_is_drawn(textured, foreground):
    scribbles = draw((40, 48), (foreground, (8, 12), (8, 12)))
    result = play(SlicSeg(), textured[0], WHOLE, scribbles)
    np.testing.assert_array_equal(result, scribbles.foreground)


@pytest.mark.parametrize("shape", [(5, 4), (1, 7), (2, 1)])
@pytest.mark.parametrize("flat", [True, False])
def test_tiny_window(shape, flat):
    box = Box((3, 2), (3 + shape[0], 2 + shape[1]))
    values = np.zeros((20, 20)) if flat else np.random.default_rng(2).normal(size=(20, 20))
    last = tuple(k - 1 for k in box.upper)
    ends = [(True, (3, 4), (2, 3)), (False, (last[0], last[0] + 1), (last[1], last[1] + 1))]
    result = play(SlicSeg(), image_of(values), box, draw((20, 20), *ends))
    assert result[3, 2]
    assert not result[last]
    assert result.sum() == result[box.slices].sum()


@pytest.mark.parametrize(
    "bad", [{"trees": 0}, {"depth": 0}, {"strength": -1}, {"sigma": 0}, {"connected": "perhaps"}, {"tree": 5}]
)
def test_bad_settings(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        SlicSeg(**bad)
