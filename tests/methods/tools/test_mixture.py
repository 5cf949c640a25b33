"""Mixtures of grey levels: what they learn from a histogram, against a literal step on every voxel."""

import numpy as np
import pytest
from scipy.stats import norm

from bifseg.methods.tools.mixture import Mixture, histogram


def grey_of(seed=0):
    rng = np.random.default_rng(seed)
    groups = [
        rng.normal(mean, spread, n) for mean, spread, n in ((40, 6, 900), (120, 10, 500), (200, 4, 100))
    ]
    return np.concatenate(groups).round().clip(0, 255).astype(np.uint8)


def test_histogram_counts_every_level():
    counts = histogram(np.array([[0, 3], [3, 255]], np.uint8))
    assert (counts[[0, 3, 255]].tolist(), counts.sum()) == ([1, 2, 1], 4)
    assert not histogram(np.zeros(0, np.uint8)).any()


def test_two_groups_are_found():
    grey = grey_of()
    grey = grey[grey < 160]
    learnt = Mixture.clustered(histogram(grey), 2)
    np.testing.assert_allclose(learnt.mean, [40, 120], atol=1.5)
    np.testing.assert_allclose(learnt.weight, [9 / 14, 5 / 14], atol=0.01)


def test_step_is_that_of_every_voxel():
    """Rother's step: each voxel joins its densest component, whose moments are then taken anew."""
    grey = grey_of(1)
    before = Mixture.clustered(histogram(grey), 4)
    density = norm.pdf(grey[:, None], before.mean, np.sqrt(before.variance))
    joined = density.argmax(axis=1)
    after = before.updated(histogram(grey))
    for k in range(4):
        assert after.mean[k] == pytest.approx(grey[joined == k].mean())
        assert after.variance[k] == pytest.approx(grey[joined == k].astype(float).var() + 1)
        assert after.weight[k] == pytest.approx((joined == k).mean())
    expected = norm.pdf(np.arange(256)[:, None], after.mean, np.sqrt(after.variance)) @ after.weight
    np.testing.assert_allclose(np.exp(after.log_likelihood()), expected, rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("levels", [[7], [0, 255], [10, 11, 12]])
def test_no_more_components_than_grey_levels(levels):
    learnt = Mixture.clustered(histogram(np.array(levels, np.uint8)), 5)
    assert len(learnt.mean) == len(levels)
    assert learnt.log_likelihood().argmax() in levels
