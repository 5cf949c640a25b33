"""The best intensity band, compared with an exhaustive search, and the band that is chosen on other objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.cohorts.intensity_band import MARGIN, band_dice, best_band_dice, boxed, common_band

PIXELS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=25)


def dice(chosen, truth):
    return 2 * (chosen & truth).sum() / (chosen.sum() + truth.sum())


@given(PIXELS.filter(lambda pixels: any(inside for _, inside in pixels)))
def test_the_best_band_equals_an_exhaustive_search(pixels):
    voxels = np.array([value for value, _ in pixels], float)
    truth = np.array([inside for _, inside in pixels])
    all_dice = [dice((voxels >= a) & (voxels <= b), truth) for a in voxels for b in voxels if a <= b]
    assert best_band_dice(voxels, truth) == pytest.approx(max(all_dice))


@pytest.mark.parametrize("seed", range(3))
def test_the_band_is_near_the_best_if_values_exceed_levels(seed):
    rng = np.random.default_rng(seed)
    voxels = rng.normal(size=(11, 17))
    truth = voxels + 0.5 * rng.normal(size=voxels.shape) > 0.5
    values = np.unique(voxels)
    all_dice = [dice((voxels >= a) & (voxels <= b), truth) for k, a in enumerate(values) for b in values[k:]]
    best = best_band_dice(voxels, truth)
    assert np.isclose(all_dice, best).any()
    assert max(all_dice) - 0.02 < best <= max(all_dice) + 1e-9


def test_a_middle_band_is_found():
    voxels = np.array([[0, 1, 2], [3, 4, 5]])
    truth = np.array([[False, False, True], [True, False, False]])
    assert best_band_dice(voxels, truth) == 1.0


def test_a_constant_image_gives_the_whole_box():
    truth = np.array([True, False, False])
    assert best_band_dice(np.ones(3), truth) == 0.5


def test_voxels_outside_the_box_do_not_count():
    voxels, truth = np.zeros((60, 60)), np.zeros((60, 60), bool)
    voxels[30:34, 30:34] = truth[30:34, 30:34] = 1
    voxels[0] = 1
    assert best_band_dice(*boxed(voxels, truth)) == 1.0
    voxels[30 - MARGIN] = 1
    assert best_band_dice(*boxed(voxels, truth)) < 1.0
    voxels[30 - MARGIN], voxels[30 - MARGIN - 1] = 0, 1
    assert best_band_dice(*boxed(voxels, truth)) == 1.0


def ranked(rng, shift=0.0):
    """An object that is the brightest quarter of its box, in intensities of its own, with voxels in random order."""
    values = rng.permutation(64)
    return rng.uniform(1, 9) * values + shift, values >= 48


def test_the_common_band_holds_in_boxes_of_other_intensities():
    rng = np.random.default_rng(0)
    band = common_band(ranked(rng, shift) for shift in (0.0, 500.0))
    assert band_dice(*ranked(rng, -300.0), band) == 1.0


def test_the_common_band_has_the_best_mean_of_all_bands():
    rng = np.random.default_rng(1)
    objects = [(rng.normal(size=40), rng.random(40) < 0.3) for _ in range(3)]
    mean = np.mean([band_dice(*each, common_band(objects)) for each in objects])
    others = [(i, j) for i in range(0, 128, 3) for j in range(i, 128, 3)]
    assert mean >= max(np.mean([band_dice(*each, band) for each in objects]) for band in others)


def test_the_common_band_is_below_the_band_that_the_truth_chooses():
    rng = np.random.default_rng(2)
    voxels = rng.permutation(64)
    bright, dark = (voxels, voxels >= 48), (voxels, voxels < 16)
    band = common_band([bright])
    assert best_band_dice(*dark) == 1.0
    assert band_dice(*dark, band) == 0.0


def test_equal_voxels_have_one_level():
    voxels, truth = np.array([1, 1, 1, 2]), np.array([True, False, False, False])
    assert {band_dice(voxels, truth, (i, i)) for i in range(128)} == {0.0, 0.5}


def test_a_common_band_needs_an_object():
    with pytest.raises(ValueError, match="no object"):
        common_band([])


@pytest.mark.parametrize(
    ("truth", "message"), [(np.zeros(3, bool), "empty truth"), (np.ones(4, bool), r"shape \(3,\)")]
)
def test_an_empty_or_mismatched_truth_is_refused(truth, message):
    with pytest.raises(ValueError, match=message):
        best_band_dice(np.ones(3), truth)
    with pytest.raises(ValueError, match=message):
        band_dice(np.ones(3), truth, (0, 127))
