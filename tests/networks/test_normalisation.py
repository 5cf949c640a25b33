"""Normalisation of intensities, checked by hand."""

import numpy as np
import pytest
from pydantic import ValidationError

from bifseg.core.geometry import Grid, Image
from bifseg.networks.normalisation import Normalisation

IMAGE = Image(np.array([[-1.0, 0.0], [3.0, 6.0]], np.float32), Grid.plain((2, 2)))
VALUES = np.array([-1.0, 2.0, 6.0], np.float32)  # of a crop: the image's mean is 2, its variance 7.5


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"mean": 1, "std": 2}, [-1, 0.5, 2.5]),
        ({"low": 0, "high": 4}, [0, 0.5, 1]),
        ({"per_image": "min-max"}, [0, 3 / 7, 1]),
        ({"per_image": "mean-std"}, [-3 / 7.5**0.5, 0, 4 / 7.5**0.5]),
        ({"per_image": "nonzero-mean-std"}, [(v - 8 / 3) / (74 / 9) ** 0.5 for v in (-1, 2, 6)]),
    ],
)
def test_normalisation_rules_by_hand(rule, expected):
    np.testing.assert_allclose(Normalisation(**rule)(VALUES, IMAGE), expected, rtol=1e-6)


def test_constant_image_stays_finite():
    flat = Image(np.full((2, 2), 7, np.float32), Grid.plain((2, 2)))
    for rule in ("mean-std", "min-max", "nonzero-mean-std"):
        assert (Normalisation(per_image=rule)(flat.voxels, flat) == 0).all()


def test_empty_image_stays_finite():
    empty = Image(np.zeros((2, 2), np.float32), Grid.plain((2, 2)))
    assert (Normalisation(per_image="nonzero-mean-std")(empty.voxels, empty) == 0).all()


@pytest.mark.parametrize("rule", ["mean-std", "min-max", "nonzero-mean-std"])
@pytest.mark.parametrize("factor", [1e-7, 200.0])
def test_per_image_rules_ignore_the_scale_of_intensities(rule, factor):
    """MR intensities have no common scale: mean brain intensities in BraTS differ by a factor of 200."""
    scaled = Image(IMAGE.voxels * np.float32(factor), IMAGE.grid)
    expected = Normalisation(per_image=rule)(IMAGE.voxels, IMAGE)
    np.testing.assert_allclose(
        Normalisation(per_image=rule)(scaled.voxels, scaled), expected, rtol=1e-5, atol=1e-6
    )


def test_an_object_of_one_value_on_zeros_has_no_scale_either():
    """As in a phantom of 0 and 255: the rule's voxels are constant, and the background lies one unit below them."""
    mask = np.array([[0, 1], [1, 1]], np.float32)
    for value in (1.0, 255.0, 65535.0):
        image = Image(mask * np.float32(value), Grid.plain((2, 2)))
        normalised = Normalisation(per_image="nonzero-mean-std")(image.voxels, image)
        np.testing.assert_array_equal(normalised, mask - 1)


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"mean": 1},
        {"std": 1},
        {"low": 1},
        {"mean": 1, "std": 0},
        {"low": 1, "high": 1},
        {"mean": 1, "std": 1, "per_image": "min-max"},
        {"low": 0, "high": 1, "mean": 1, "std": 1},
        {"per_image": "max"},
        {"window": 3},
    ],
)
def test_an_incomplete_or_ambiguous_rule_is_refused(rule):
    with pytest.raises(ValidationError):
        Normalisation(**rule)


@pytest.mark.parametrize("rule", ["mean-std", "nonzero-mean-std", "min-max"])
def test_per_image_rules_do_not_depend_on_how_the_image_is_stored(rule):
    """Sums in another order would differ in their last bits."""
    normalisation = Normalisation(per_image=rule)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        voxels = (1000 * rng.random(rng.integers(5, 40, 3))).astype(np.float32)
        grid = Grid.plain(voxels.shape)
        permuted = np.ascontiguousarray(voxels.transpose(2, 1, 0))
        same = Image(permuted, Grid(permuted.shape, grid.spacing, grid.origin, grid.direction[::-1]))
        expected = normalisation(voxels, Image(voxels, grid))
        assert np.array_equal(normalisation(permuted, same).transpose(2, 1, 0), expected)
