"""Resampling an image into the network's crop, and its result back to the image."""

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


def test_a_crop_is_scaled_into_a_fixed_shape():
    assert scaled_shape((48, 60), (32, 32)) == (26, 32)
    assert scaled_shape((10, 40, 20), (80, 80, 80)) == (20, 80, 40)
    assert scaled_shape((10, 40, 20), (16, 96, 96)) == (16, 64, 32)
    assert scaled_shape((1, 300), (64, 30)) == (1, 30)


def test_spacing_follows_the_scaling():
    crop = Crop(image_of((10, 40, 30), (6.0, 1.0, 1.0)), Box((0, 0, 0), (10, 40, 20)), 80)
    assert crop.shape == (20, 80, 40)
    assert crop.spacing == pytest.approx((3.0, 0.5, 0.5))


def test_a_crop_of_equal_size_keeps_the_voxels():
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
def test_the_slice_axis_comes_first_in_the_crop_and_returns_to_its_place(axis):
    """The crop does not depend on the slice axis of the array, and its mask returns along that axis."""
    (image, box, _), (turned, turned_box, turn) = along(0), along(axis)
    plain, crop = Crop(image, box, 24), Crop(turned, turned_box, 24, thickest_first=True)
    for one, other in [(plain.shape, crop.shape), (plain.spacing, crop.spacing), (plain.values, crop.values)]:
        np.testing.assert_array_equal(one, other)
    strokes = [np.array([(2, 5, 6), (2, 6, 7)]), np.array([(3, 9, 8)])]
    scribbles, moved = (
        Scribbles(shape, (stroke(True, *first), stroke(False, *second)))
        for shape, (first, second) in [
            (image.grid.shape, strokes),
            (
                turned.grid.shape,
                [np.array([np.insert(v[1:], axis, v[0]) for v in voxels]) for voxels in strokes],
            ),
        ]
    )
    np.testing.assert_array_equal(plain.label_map(scribbles), crop.label_map(moved))
    mask = plain.values > 0.5
    np.testing.assert_array_equal(turn(plain.to_image(mask, scribbles)), crop.to_image(mask, moved))


def test_an_isotropic_crop_is_not_transposed():
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


def test_downsampling_averages_all_voxels():
    """Three voxels into two: each new one covers one and a half of the old ones."""
    np.testing.assert_allclose(resample(np.array([[3.0, 6.0, 9.0]]), (1, 2)), [[4, 8]], rtol=1e-6)
    fine = (
        np.indices((40, 40)).sum(0) % 2
    )  # a checkerboard that linear interpolation would see as 0, 1 or stripes
    np.testing.assert_allclose(resample(fine, (10, 10)), np.full((10, 10), 0.5), atol=1e-6)


@given(st.tuples(*[st.integers(1, 30)] * 2), st.tuples(*[st.integers(1, 30)] * 2), st.integers(0, 99))
def test_resampling_keeps_constants_and_mirrors(shape, new_shape, seed):
    np.testing.assert_allclose(resample(np.full(shape, 7.0), new_shape), np.full(new_shape, 7.0), rtol=1e-5)
    values = np.random.default_rng(seed).random(shape)
    np.testing.assert_allclose(
        resample(values[::-1], new_shape), resample(values, new_shape)[::-1], atol=1e-5
    )


def stored_otherwise(image, box, axes, flips):
    """The same image and box with axes permuted and reversed, and a function that stores an array likewise."""
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
def test_the_mask_does_not_depend_on_the_axis_order_of_the_file(spacing, direction):
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
            stored_image, stored_box, store = stored_otherwise(image, box, axes, flips)
            np.testing.assert_array_equal(trained.answer(stored_image, stored_box), store(mask))


@pytest.mark.parametrize("shape", [(48, 60), (16, 14, 18)])
def test_masks_keep_their_size_when_resampled_to_the_image(shape):
    """The crop is twice as fine as the image, so many border voxels are exactly half foreground."""
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
def test_resampling_keeps_every_scribble(seed, side, size):
    """In a finer or coarser crop each drawn voxel keeps its label."""
    rng = np.random.default_rng(seed)
    image = image_of((side, side + 3), seed=seed)
    box = Box((0, 0), image.voxels.shape)
    stroke_voxels = np.argwhere(rng.random(image.voxels.shape) < 0.05)
    if not len(stroke_voxels):
        return
    scribbles = Scribbles(image.voxels.shape, (stroke(True, *stroke_voxels),))
    crop = Crop(image, box, size)
    label_map = crop.label_map(scribbles)
    at = tuple(((stroke_voxels + 0.5) * crop.shape / np.array(box.shape)).astype(int).T)
    assert (label_map[at] == 1).all()
    assert set(np.unique(label_map)) <= {0, 1}


def test_a_coarse_voxel_with_both_labels_is_unlabelled():
    image = image_of((8, 8))
    scribbles = Scribbles((8, 8), (stroke(True, (0, 0)), stroke(False, (0, 1)), stroke(False, (7, 7))))
    label_map = Crop(image, Box((0, 0), (8, 8)), 4).label_map(scribbles)
    assert label_map[0, 0] == 0
    assert label_map[3, 3] == 2


def test_result_lies_in_the_box_and_obeys_the_scribbles():
    image, box = image_of((20, 20)), Box((4, 5), (16, 17))
    scribbles = Scribbles((20, 20), (stroke(True, (5, 6)), stroke(False, (10, 10))))
    crop = Crop(image, box, 30)
    mask = crop.to_image(np.ones(crop.shape), scribbles)
    assert mask[5, 6]
    assert not mask[10, 10]
    assert mask.sum() == 12 * 12 - 1
    assert crop.to_image(np.zeros(crop.shape), scribbles).sum() == 1
