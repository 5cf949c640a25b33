"""Intensities: each rule by hand."""

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
    ],
)
def test_rules_by_hand(rule, expected):
    np.testing.assert_allclose(Normalisation(**rule)(VALUES, IMAGE), expected, rtol=1e-6)


def test_constant_image_stays_finite():
    flat = Image(np.full((2, 2), 7, np.float32), Grid.plain((2, 2)))
    for rule in ("mean-std", "min-max"):
        assert (Normalisation(per_image=rule)(flat.voxels, flat) == 0).all()


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
def test_anything_but_one_whole_rule_is_refused(rule):
    with pytest.raises(ValidationError):
        Normalisation(**rule)
