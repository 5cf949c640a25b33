"""The way into the network's crop and back."""

from dataclasses import replace
from functools import partial
from itertools import permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.crops import Crop, resample, scaled_shape
from bifseg.networks.trained import TrainedNetwork


def image_of(shape, spacing=None, seed=0):
    voxels = np.random.default_rng(seed).random(shape).astype(np.float32)
    return Image(voxels, Grid.plain(shape, spacing))


def stroke(foreground, *voxels):
    at = np.array(voxels, np.intp)
    return Stroke(foreground, at.astype(float), at)


def test_2d_scales_the_shorter_side_and_3d_the_longest():
    assert scaled_shape((48, 60), 96) == (96, 120)
    assert scaled_shape((10, 40, 20), 80) == (20, 80, 40)
    assert scaled_shape((1, 200, 100), 80) == (1, 80, 40)


def test_longer_side_of_a_thin_2d_box_is_bounded():
    assert scaled_shape((160, 10), 96) == (1536, 96)
    assert scaled_shape((3, 150), 96) == (31, 1536)
    assert scaled_shape((1, 9999), 96) == (1, 1536)


def test_a_shape_is_fitted_into():
    assert scaled_shape((48, 60), (32, 32)) == (26, 32)
    assert scaled_shape((10, 40, 20), (80, 80, 80)) == (20, 80, 40)
    assert scaled_shape((10, 40, 20), (16, 96, 96)) == (16, 64, 32)
    assert scaled_shape((1, 300), (64, 30)) == (1, 30)


def test_spacing_follows_the_scaling():
    crop = Crop(image_of((10, 40, 30), (6.0, 1.0, 1.0)), Box((0, 0, 0), (10, 40, 20)), 80)
    assert crop.shape == (20, 80, 40)
    assert crop.spacing == pytest.approx((3.0, 0.5, 0.5))


def test_same_size_is_the_same_voxels():
    image, box = image_of((12, 14)), Box((1, 2), (9, 12))
    crop = Crop(image, box, 8)
    np.testing.assert_allclose(crop.values, image.voxels[box.slices], rtol=1e-6)
    assert crop.intensity.min() == 0
    assert crop.intensity.max() == 1


def along(axis, shape=(5, 20, 16), spacing=(6.0, 1.0, 0.9)):
    """An image whose slices lie along an array axis, and a box in it."""
    image, turn = image_of(shape), partial(np.moveaxis, source=0, destination=axis)
    grid = Grid.plain(turn(image.voxels).shape, tuple(np.insert(spacing[1:], axis, spacing[0])))
    lower, upper = np.insert((2, 3), axis, 1), np.insert((15, 14), axis, 4)
    return Image(turn(image.voxels), grid), Box(tuple(lower.tolist()), tuple(upper.tolist())), turn


@pytest.mark.parametrize("axis", [1, 2])
def test_slices_are_turned_to_the_front_and_back(axis):
    """A crop of slices along another axis is the same, and what was found on it comes back along that axis."""
    (image, box, _), (turned, there, turn) = along(0), along(axis)
    plain, crop = Crop(image, box, 24), Crop(turned, there, 24, thickest_first=True)
    for one, other in [(plain.shape, crop.shape), (plain.spacing, crop.spacing), (plain.values, crop.values)]:
        np.testing.assert_array_equal(one, other)
    drawn = [np.array([(2, 5, 6), (2, 6, 7)]), np.array([(3, 9, 8)])]
    scribbles, moved = (
        Scribbles(shape, (stroke(True, *first), stroke(False, *second)))
        for shape, (first, second) in [
            (image.grid.shape, drawn),
            (
                turned.grid.shape,
                [np.array([np.insert(v[1:], axis, v[0]) for v in voxels]) for voxels in drawn],
            ),
        ]
    )
    np.testing.assert_array_equal(plain.label_map(scribbles), crop.label_map(moved))
    found = plain.values > 0.5
    np.testing.assert_array_equal(turn(plain.to_image(found, scribbles)), crop.to_image(found, moved))


def test_crop_is_not_turned_where_no_axis_is_thickest():
    image, box = image_of((9, 12, 10), (2.0, 2.0, 2.0)), Box((1, 2, 0), (8, 11, 9))
    plain, crop = Crop(image, box, 16), Crop(image, box, 16, thickest_first=True)
    np.testing.assert_array_equal(plain.values, crop.values)
    np.testing.assert_array_equal(plain.to_image(plain.values), crop.to_image(crop.values))


def test_constant_image_has_intensity_zero():
    image = Image(np.full((8, 8), 7, np.float32), Grid.plain((8, 8)))
    assert (Crop(image, Box((0, 0), (8, 8)), 8).intensity == 0).all()


def test_resample_by_hand():
    """Doubling [0, 1]: new centres lie at -0.25, 0.25, 0.75, 1.25 of the old ones; the ends repeat."""
    np.testing.assert_allclose(resample(np.array([[0.0, 1.0]]), (1, 4)), [[0, 0.25, 0.75, 1]])


def test_below_scale_one_every_voxel_counts():
    """Three voxels into two: each new one covers one and a half of the old ones."""
    np.testing.assert_allclose(resample(np.array([[3.0, 6.0, 9.0]]), (1, 2)), [[4, 8]], rtol=1e-6)
    fine = (
        np.indices((40, 40)).sum(0) % 2
    )  # a checkerboard that linear interpolation would see as 0, 1 or stripes
    np.testing.assert_allclose(resample(fine, (10, 10)), np.full((10, 10), 0.5), atol=1e-6)


@given(st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(1, 30)] * 2), st.integers(0, 99))
def test_resampling_keeps_constants_and_mirrors(shape, other, seed):
    np.testing.assert_allclose(resample(np.full(shape, 7.0), other), np.full(other, 7.0), rtol=1e-5)
    values = np.random.default_rng(seed).random(shape)
    np.testing.assert_allclose(resample(values[::-1], other), resample(values, other)[::-1], atol=1e-5)


def stored_otherwise(image, box, axes, flips):
    """The same image and box in a file with other axes, some of them reversed, and how to store an array so."""
    at = tuple(slice(None, None, -1 if flip else 1) for flip in flips)

    def store(values):
        return np.ascontiguousarray(values.transpose(axes)[at])

    shape, grid = [image.grid.shape[axis] for axis in axes], image.grid
    corner = np.zeros(len(axes))
    for k, axis in enumerate(axes):
        corner[axis] = shape[k] - 1 if flips[k] else 0
    direction = tuple(
        tuple(-v if flip else v for v in grid.direction[axis]) for axis, flip in zip(axes, flips, strict=True)
    )
    spacing = tuple(grid.spacing[axis] for axis in axes)
    moved = Grid(tuple(shape), spacing, tuple(grid.to_world(corner)[0].tolist()), direction)
    lower, upper = [], []
    for k, axis in enumerate(axes):
        a, b = box.lower[axis], box.upper[axis]
        lower.append(shape[k] - b if flips[k] else a)
        upper.append(shape[k] - a if flips[k] else b)
    return Image(store(image.voxels), moved, image.modality), Box(tuple(lower), tuple(upper)), store


STORED = [
    (axes, flips)
    for n in (2, 3)
    for axes in permutations(range(n))
    for flips in product((False, True), repeat=n)
    if n == 2 or sum(flips) != 1
]
OBLIQUE = ((0.1, 0.2, 0.97), (0.0, 0.98, -0.2), (0.99, 0.0, -0.1))
DIAGONAL = ((0.0, 0.5**0.5, 0.5**0.5), (0.0, 0.5**0.5, -(0.5**0.5)), (1.0, 0.0, 0.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 3.0, 3.0), (1.0, 1.0, 4.0)], ids=str)
@pytest.mark.parametrize("direction", [None, OBLIQUE, DIAGONAL], ids=["plain", "oblique", "diagonal"])
def test_network_gives_the_same_mask_however_the_image_is_stored(spacing, direction):
    torch.manual_seed(0)
    for network, shape in ((PCNet(4, head="1x1x1"), (11, 14, 12)), (PNet(4), (15, 18))):
        n = len(shape)
        image = image_of(shape, spacing[-n:])
        if direction and n == 3:
            image = replace(image, grid=replace(image.grid, direction=direction))
        box = Box((1, 2, 3)[:n], (10, 11, 12)[:n])
        trained = TrainedNetwork(network.eval(), 14, {}, torch.device("cpu"))
        with torch.no_grad():  # half of the box becomes foreground
            crop = trained.crop(image, box)
            difference = network.logits(trained.features(crop), crop.shape).diff(dim=1).median()
            network.classifier.layers[-1].bias[1] -= difference
        mask = trained.answer(image, box)
        assert 0 < mask.sum() < np.prod(box.shape)
        for axes, flips in [stored for stored in STORED if len(stored[0]) == n]:
            other, moved, store = stored_otherwise(image, box, axes, flips)
            np.testing.assert_array_equal(trained.answer(other, moved), store(mask))


@pytest.mark.parametrize("shape", [(48, 60), (16, 14, 18)])
def test_masks_neither_grow_nor_shrink_on_the_way_back(shape):
    """A crop twice as fine as the image: of many voxels at the border, exactly half is foreground."""
    image, box = image_of(shape), Box((0,) * len(shape), shape)
    crop = Crop(image, box, 2 * (min(shape) if len(shape) == 2 else max(shape)))
    smooth = gaussian_filter(np.random.default_rng(1).standard_normal(crop.shape), 6)
    probability = 1 / (1 + np.exp(-smooth / smooth.std()))
    labels = probability >= 0.5
    ties = resample(labels, shape) == 0.5
    assert ties.sum() > 0.02 * labels.sum() / 2 ** len(shape)
    decided = crop.to_image(labels, None, probability)
    np.testing.assert_array_equal(decided[ties], resample(probability, shape)[ties] >= 0.5)
    assert decided.mean() == pytest.approx(labels.mean(), rel=0.01)
    assert crop.to_image(labels)[ties].all()  # labels alone leave the question open


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 999), st.integers(4, 40), st.integers(6, 40))
def test_no_scribble_is_lost_or_contradicted(seed, side, size):
    """Finer or coarser, each drawn voxel is found again, unless both labels meet in one voxel."""
    rng = np.random.default_rng(seed)
    image = image_of((side, side + 3), seed=seed)
    box = Box((0, 0), image.voxels.shape)
    drawn = np.argwhere(rng.random(image.voxels.shape) < 0.05)
    if not len(drawn):
        return
    scribbles = Scribbles(image.voxels.shape, (stroke(True, *drawn),))
    crop = Crop(image, box, size)
    found = crop.label_map(scribbles)
    at = tuple(((drawn + 0.5) * crop.shape / np.array(box.shape)).astype(int).T)
    assert (found[at] == 1).all()
    assert set(np.unique(found)) <= {0, 1}


def test_both_labels_in_one_coarse_voxel_leave_it_free():
    image = image_of((8, 8))
    scribbles = Scribbles((8, 8), (stroke(True, (0, 0)), stroke(False, (0, 1)), stroke(False, (7, 7))))
    found = Crop(image, Box((0, 0), (8, 8)), 4).label_map(scribbles)
    assert found[0, 0] == 0
    assert found[3, 3] == 2


def test_result_lies_in_the_box_and_obeys_the_scribbles():
    image, box = image_of((20, 20)), Box((4, 5), (16, 17))
    scribbles = Scribbles((20, 20), (stroke(True, (5, 6)), stroke(False, (10, 10))))
    crop = Crop(image, box, 30)
    mask = crop.to_image(np.ones(crop.shape), scribbles)
    assert mask[5, 6]
    assert not mask[10, 10]
    assert mask.sum() == 12 * 12 - 1
    assert crop.to_image(np.zeros(crop.shape), scribbles).sum() == 1
