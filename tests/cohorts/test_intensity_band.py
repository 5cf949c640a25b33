"""The best intensity band, against every band tried one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.cohorts.intensity_band import MARGIN, best_band_dice, boxed_band_dice

PIXELS = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=25)


def dice(chosen, truth):
    return 2 * (chosen & truth).sum() / (chosen.sum() + truth.sum())


@given(PIXELS.filter(lambda pixels: any(inside for _, inside in pixels)))
def test_no_band_is_better(pixels):
    voxels = np.array([value for value, _ in pixels], float)
    truth = np.array([inside for _, inside in pixels])
    every = [dice((voxels >= a) & (voxels <= b), truth) for a in voxels for b in voxels if a <= b]
    best, low, high = best_band_dice(voxels, truth)
    assert best == pytest.approx(max(every))
    assert dice((voxels >= low) & (voxels <= high), truth) == pytest.approx(best)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_band_has_the_dice_with_few_levels(seed, levels):
    rng = np.random.default_rng(seed)
    voxels, truth = rng.normal(size=(9, 11)), rng.random((9, 11)) < 0.3
    truth[0, 0] = True
    best, low, high = best_band_dice(voxels, truth, levels)
    assert dice((voxels >= low) & (voxels <= high), truth) == pytest.approx(best)


def test_a_middle_band_is_found():
    voxels = np.array([[0, 1, 2], [3, 4, 5]])
    truth = np.array([[False, False, True], [True, False, False]])
    assert best_band_dice(voxels, truth) == (1.0, 2.0, 3.0)


def test_a_constant_image_gives_the_whole_box():
    truth = np.array([True, False, False])
    assert best_band_dice(np.ones(3), truth) == (0.5, 1.0, 1.0)


def test_voxels_outside_the_box_do_not_count():
    voxels, truth = np.zeros((60, 60)), np.zeros((60, 60), bool)
    voxels[30:34, 30:34] = truth[30:34, 30:34] = 1
    voxels[0] = 1
    assert boxed_band_dice(voxels, truth) == 1.0
    voxels[30 - MARGIN] = 1
    assert boxed_band_dice(voxels, truth) < 1.0
    voxels[30 - MARGIN], voxels[30 - MARGIN - 1] = 0, 1
    assert boxed_band_dice(voxels, truth) == 1.0


@pytest.mark.parametrize(
    ("truth", "message"), [(np.zeros(3, bool), "empty truth"), (np.ones(4, bool), r"shape \(3,\)")]
)
def test_no_band_without_a_truth(truth, message):
    with pytest.raises(ValueError, match=message):
        best_band_dice(np.ones(3), truth)
