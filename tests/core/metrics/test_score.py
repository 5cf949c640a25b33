import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from medpy.metric import binary as medpy
from scipy.ndimage import gaussian_filter

from bifseg.core.metrics import Worst, built_in, mask_pair, score
from bifseg.core.metrics.nsd import share_within

WORST = Worst(mm=77.0, px=55.0)


def blob(shape: tuple[int, ...], seed: int, share: float = 0.1) -> np.ndarray:
    """Smooth random islands, some of which touch the array's edge."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2.0, mode="wrap")
    return noise > np.quantile(noise, 1 - share)


def square(shape: tuple[int, int], *slices: slice) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[slices] = True
    return mask


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("shape", "spacing"),
    [
        ((40, 50), (1.0, 1.0)),
        ((40, 50), (0.74, 1.58)),
        ((20, 26, 28), (1.0, 1.0, 1.0)),
        ((20, 26, 28), (3.3, 0.9, 0.9)),
        ((20, 26, 28), (0.7, 0.7, 0.7)),
    ],
)
def test_equals_medpy_on_the_full_volume_to_the_last_bit(shape, spacing, seed):
    result, truth = blob(shape, seed), blob(shape, seed + 100, 0.05)
    scores = score(result, truth, spacing, WORST)
    assert scores["dice"] == medpy.dc(result, truth)
    assert scores["assd_mm"] == medpy.assd(result, truth, spacing)
    assert scores["assd_px"] == medpy.assd(result, truth)
    assert scores["hd95_mm"] == medpy.hd95(result, truth, spacing)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (4.0, 1.0, 0.5)])
def test_equals_medpy_for_masks_at_the_image_border(spacing):
    result, truth = np.zeros((2, 16, 18, 20), bool)
    result[:5, 9:, :6] = truth[2:9, 12:, :4] = True
    scores = score(result, truth, spacing, WORST)
    assert scores["assd_mm"] == medpy.assd(result, truth, spacing)
    assert scores["hd95_mm"] == medpy.hd95(result, truth, spacing)


def test_border_has_a_face_neighbour_outside():
    cross = square((5, 5), slice(1, 4), slice(1, 4))
    assert mask_pair.border(cross).sum() == 8
    assert not mask_pair.border(cross)[2, 2]
    cross[1, 1] = cross[1, 3] = cross[3, 1] = cross[3, 3] = False
    assert not mask_pair.border(cross)[2, 2], "a diagonal neighbour outside does not make a border"
    assert mask_pair.border(np.ones((3, 3), bool)).sum() == 8, "outside the array is outside the mask"


def test_two_voxels_by_hand():
    """One voxel each, 3 rows and 4 columns apart, rows 2 mm and columns 1 mm."""
    result, truth = square((9, 9), slice(2, 3), slice(1, 2)), square((9, 9), slice(5, 6), slice(5, 6))
    scores = score(result, truth, (2.0, 1.0), WORST)
    mm = math.sqrt(6**2 + 4**2)
    assert scores == {"dice": 0.0, "assd_mm": mm, "assd_px": 5.0, "hd95_mm": mm, "nsd_2mm": 0.0, "nsd": 0.0}


def test_unequal_borders_by_hand():
    """A line of four voxels against its first: distances 0 1 2 3 one way, 0 the other; 0.5 mm voxels."""
    result, truth = square((3, 9), slice(1, 2), slice(2, 6)), square((3, 9), slice(1, 2), slice(2, 3))
    scores = score(result, truth, (0.5, 0.5), WORST)
    assert scores["dice"] == 2 / 5
    assert scores["assd_px"] == 6 / 5, "pooled; the mean of the two means would be 0.75"
    assert scores["assd_mm"] == 3 / 5
    assert scores["hd95_mm"] == pytest.approx(1.0 + 0.8 * 0.5), "of 0 0 0.5 1 1.5, at position 0.95 x 4"
    assert scores["nsd_2mm"] == 1.0


def test_nsd_includes_distances_equal_to_the_tolerance_despite_rounding():
    result, truth = square((3, 20), slice(1, 2), slice(2, 9)), square((3, 20), slice(1, 2), slice(2, 3))
    spacing = (1.0, float(np.float32(0.4)))
    assert spacing[1] * 5 > 2.0
    assert score(result, truth, spacing, WORST)["nsd_2mm"] == 7 / 8, "the seventh lies 2.4 mm away"
    pooled = np.array([0.0, 1.0, 2.0, 2.1])
    assert [share_within(pooled, t) for t in (0.5, 1.0, 2.0, 3.0)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("metric", [one.column for one in built_in()])
@pytest.mark.parametrize(
    ("case", "result", "truth"), [("empty truth", 1, 0), ("empty result", 0, 1), ("both empty", 0, 0)]
)
def test_scores_of_empty_masks(metric, case, result, truth):
    masks = [np.full((3, 4, 5), bool(n)) for n in (result, truth)]
    if metric in ("dice", "nsd_2mm", "nsd"):
        expected = 1.0 if case == "both empty" else 0.0
    else:
        expected = 0.0 if case == "both empty" else (55.0 if metric == "assd_px" else 77.0)
    assert score(*masks, (1.0, 1.0, 1.0), WORST)[metric] == expected


def test_the_worst_distance_is_the_diagonal_of_the_box():
    worst = Worst.diagonal((3, 4), (2.0, 2.0))
    assert worst == Worst(mm=10.0, px=5.0)
    result, truth = square((3, 4), slice(0, 1), slice(0, 1)), square((3, 4), slice(2, 3), slice(3, 4))
    scores = score(result, truth, (2.0, 2.0), worst)
    assert scores["hd95_mm"] < worst.mm
    assert scores["assd_px"] < worst.px


@pytest.mark.parametrize("empty", [0, 1])
def test_distances_of_an_empty_mask_are_refused(empty):
    masks = [np.ones((3, 3), bool), np.ones((3, 3), bool)]
    masks[empty][:] = False
    with pytest.raises(ValueError, match="edge cases"):
        mask_pair.pooled_distances(*masks, (1.0, 1.0))


def test_masks_of_different_shape_or_dimension_are_refused():
    mask = np.ones((3, 3), bool)
    with pytest.raises(ValueError, match="differ in shape"):
        score(mask, mask[:2], (1.0, 1.0), WORST)
    for spacing in ((1.0, 1.0, 1.0), (0.0, 1.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="one value above 0 per axis"):
            score(mask, mask, spacing, WORST)


def masks_2d() -> st.SearchStrategy:
    return arrays(bool, (7, 8)).filter(np.any)


spacings = st.tuples(st.floats(0.2, 5.0), st.floats(0.2, 5.0))


@settings(max_examples=60, deadline=None)
@given(masks_2d(), masks_2d(), spacings)
def test_scores_are_symmetric(a, b, spacing):
    assert score(a, b, spacing, WORST) == pytest.approx(score(b, a, spacing, WORST), rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(masks_2d(), masks_2d(), spacings, st.integers(0, 9), st.integers(0, 9))
def test_scores_do_not_change_if_both_masks_move(a, b, spacing, down, right):
    frame = ((down, 9 - down), (right, 9 - right))
    moved = score(np.pad(a, frame), np.pad(b, frame), spacing, WORST)
    assert moved == score(a, b, spacing, WORST)


@settings(max_examples=60, deadline=None)
@given(masks_2d(), spacings)
def test_equal_masks_are_perfect(a, spacing):
    perfect = {"dice": 1.0, "assd_mm": 0.0, "assd_px": 0.0, "hd95_mm": 0.0, "nsd_2mm": 1.0, "nsd": 1.0}
    assert score(a, a, spacing, WORST) == perfect


@settings(max_examples=40, deadline=None)
@given(masks_2d(), masks_2d(), spacings)
def test_distances_equal_the_nearest_of_all_pairs(a, b, spacing):
    """The reference compares all pairs of border voxels."""
    points = [np.argwhere(mask_pair.border(m)) * spacing for m in (a, b)]
    pairs = np.linalg.norm(points[0][:, None] - points[1][None], axis=2)
    exact = np.concatenate((pairs.min(axis=1), pairs.min(axis=0)))
    distances = mask_pair.pooled_distances(mask_pair.border(a), mask_pair.border(b), spacing)
    np.testing.assert_allclose(distances, exact, rtol=1e-12, atol=1e-12)
