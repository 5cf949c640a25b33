"""What all axes share: level 0 changes nothing, levels grow, names alone seed them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bifseg.cards.disturb import AXES
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.seeds import generator
from bifseg.robot.disturbances.registry import (
    BOX_DISTURBANCES,
    IMAGE_DISTURBANCES,
    STROKE_DISTURBANCES,
    disturbed_box,
    disturbed_image,
    disturbed_strokes,
)
from bifseg.robot.disturbances.strokes import Canvas

TRUTH = np.zeros((40, 60), bool)
TRUTH[10:30, 20:50] = True
SPACING = (1.5, 1.0)


def make_image(seed=1):
    rng = np.random.default_rng(seed)
    voxels = gaussian_filter(rng.normal(size=TRUTH.shape), 1.0) * 300 + 400 + 100.0 * TRUTH
    voxels[:5] = 0  # background
    return Image(voxels.astype(np.float32), Grid.plain(TRUTH.shape, SPACING), "t2")


def rng_of(channel):
    return generator(1, "an object", channel)


def test_cards_and_robot_know_the_same_axes():
    assert (*BOX_DISTURBANCES, *STROKE_DISTURBANCES, *IMAGE_DISTURBANCES) == AXES
    for registry, kind in (
        (BOX_DISTURBANCES, "box"),
        (STROKE_DISTURBANCES, "stroke"),
        (IMAGE_DISTURBANCES, "image"),
    ):
        assert {name.partition("-")[0] for name in registry} == {kind}


@pytest.mark.parametrize("axis", ["", *AXES])
def test_level_0_and_other_axes_change_nothing(axis):
    image, box = make_image(), Box((8, 18), (32, 52))
    rng, canvas = generator(0), Canvas(TRUTH, SPACING, box)
    level = 8 if axis == "" else 0
    assert disturbed_image(image, axis, level, rng_of) is image
    assert disturbed_box(box, TRUTH, axis, level, rng) is box
    assert disturbed_strokes([], canvas, axis, level, rng) == []
    if not axis.startswith("image"):
        assert disturbed_image(image, axis, 8, rng_of) is image
    if not axis.startswith("box"):
        assert disturbed_box(box, TRUTH, axis, 8, rng) is box


@pytest.mark.parametrize("axis", IMAGE_DISTURBANCES)
def test_an_image_changes_more_with_every_level_and_keeps_grid_and_background(axis):
    image = make_image()
    changes = []
    for level in range(9):
        changed = disturbed_image(image, axis, level, rng_of)
        assert changed.grid is image.grid
        assert changed.voxels.dtype == np.float32
        assert np.isfinite(changed.voxels).all()
        assert not changed.voxels[:4].any()
        changes.append(float(np.abs(changed.voxels - image.voxels).mean()))
    assert changes[0] == 0
    assert (np.diff(changes) > 0).all()


@pytest.mark.parametrize("axis", IMAGE_DISTURBANCES)
def test_names_alone_seed_an_image(axis):
    first = disturbed_image(make_image(), axis, 4, rng_of)
    disturbed_image(make_image(2), axis, 4, rng_of)
    assert np.array_equal(disturbed_image(make_image(), axis, 4, rng_of).voxels, first.voxels)
    other_seed = disturbed_image(make_image(), axis, 4, lambda channel: generator(2, channel)).voxels
    deterministic = axis in (
        "image-blur",
        "image-resolution",
        "image-gamma",
    )  # the sign of gamma may be equal
    assert deterministic or not np.array_equal(other_seed, first.voxels)


@pytest.mark.parametrize("axis", IMAGE_DISTURBANCES)
def test_an_image_that_is_stored_flipped_changes_alike(axis):
    image = make_image()
    grid = replace(image.grid, direction=((0.0, -1.0), (1.0, 0.0)))  # rows run the other way
    flipped = Image(image.voxels[::-1].copy(), grid, image.modality)
    expected = disturbed_image(image, axis, 5, rng_of).voxels[::-1]
    assert disturbed_image(flipped, axis, 5, rng_of).voxels == pytest.approx(expected, abs=1e-3)


def test_every_channel_changes_by_draws_of_its_own():
    image = make_image()
    both = replace(image, others={"flair": image.voxels})
    changed = disturbed_image(both, "image-noise", 3, rng_of)
    assert not np.array_equal(changed.others["flair"], image.voxels)
    assert not np.array_equal(changed.others["flair"], changed.voxels)


def test_single_zeros_do_not_count_as_background():
    image = make_image()
    image.voxels[20, 30] = 0
    changed = disturbed_image(image, "image-noise", 8, rng_of)
    assert changed.voxels[20, 30] != 0


def test_an_image_of_zeros_is_unchanged():
    image = make_image()
    image = replace(image, voxels=np.zeros_like(image.voxels))
    for axis in IMAGE_DISTURBANCES:
        assert not disturbed_image(image, axis, 8, rng_of).voxels.any()


def test_noise_and_blur_are_as_strong_as_stated():
    image = make_image()
    inside = image.voxels != 0
    noise = disturbed_image(image, "image-noise", 8, rng_of).voxels - image.voxels
    assert noise[inside].std() == pytest.approx(0.8 * image.voxels[inside].std(), rel=0.05)
    gain = disturbed_image(image, "image-bias", 8, rng_of).voxels[inside] / image.voxels[inside]
    assert np.exp(-0.8) - 1e-3 <= gain.min() < 0.6
    assert 1.7 < gain.max() <= np.exp(0.8) + 1e-3
