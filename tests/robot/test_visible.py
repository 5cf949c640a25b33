"""What a user cannot see to be wrong, against brute force over all pairs of voxels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bifseg.robot.visible import tolerated

SHAPES = {2: (7, 9), 3: (4, 6, 5)}


def slow(truth, spacing, mm, raters=()):
    """The definition, voxel by voxel."""
    hidden = np.zeros_like(truth)
    masks = np.stack([truth, *raters])
    disputed = masks.any(axis=0) != masks.all(axis=0)
    indices = list(np.ndindex(truth.shape))
    centres = np.array(indices) * spacing
    for at, index in zip(centres, indices, strict=True):
        near = np.linalg.norm(centres - at, axis=1).round(4) <= mm
        hidden[index] = (near & ((truth != truth[index]) | disputed).ravel()).any()
    return hidden


@st.composite
def cases(draw):
    ndim = draw(st.sampled_from([2, 3]))
    spacing = tuple(draw(st.sampled_from([0.3, 0.7, 1.0, 2.5, 6.5])) for _ in range(ndim))
    mask = arrays(bool, SHAPES[ndim])
    raters = draw(st.lists(mask, max_size=2))
    return draw(mask), spacing, draw(st.sampled_from([0.0, 0.3, 0.9, 1.0, 2.5, 7.0])), raters


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_equals_brute_force(case):
    np.testing.assert_array_equal(tolerated(*case), slow(*case))


def test_a_band_of_mm_on_both_sides_of_the_border():
    truth = np.zeros((40, 60), bool)
    truth[10:30, 20:40] = True
    hidden = tolerated(truth, (2.0, 1.0), 2.0)
    rows, columns = hidden[:, 30], hidden[20]
    assert np.flatnonzero(rows).tolist() == [9, 10, 29, 30]  # one voxel of 2 mm on either side
    assert np.flatnonzero(columns).tolist() == [18, 19, 20, 21, 38, 39, 40, 41]  # two of 1 mm
    assert not tolerated(truth, (2.0, 1.0), 0.99).any()


def test_the_image_border_is_not_an_object_border():
    truth = np.ones((10, 12), bool)
    truth[:, 6:] = False
    assert np.flatnonzero(tolerated(truth, (1.0, 1.0), 1.0)[0]).tolist() == [5, 6]


@pytest.mark.parametrize("value", [False, True])
def test_a_truth_without_a_border_hides_nothing(value):
    assert not tolerated(np.full((5, 6, 7), value), (1.0, 1.0, 1.0), 3.0).any()


def test_disagreement_of_raters_is_hidden_with_a_margin():
    truth = np.zeros((30, 30), bool)
    truth[10:20, 10:20] = True
    wider = truth.copy()
    wider[10:20, 20:24] = True
    assert np.flatnonzero(tolerated(truth, (1.0, 1.0), 0.0, [wider])[15]).tolist() == [20, 21, 22, 23]
    widened = tolerated(truth, (1.0, 1.0), 2.0, [truth, wider])
    assert np.flatnonzero(widened[15]).tolist() == [8, 9, 10, 11, *range(18, 26)]


def test_raters_who_agree_hide_nothing_and_the_truth_is_one_of_them():
    truth = np.zeros((9, 9), bool)
    truth[3:6, 3:6] = True
    assert not tolerated(truth, (1.0, 1.0), 0.0, [truth, truth]).any()
    np.testing.assert_array_equal(tolerated(truth, (1.0, 1.0), 0.0, [~truth]), np.ones_like(truth))
    np.testing.assert_array_equal(tolerated(np.zeros_like(truth), (1.0, 1.0), 0.0, [truth]), truth)


def test_mismatched_masks_are_refused():
    truth = np.zeros((4, 4), bool)
    with pytest.raises(ValueError, match="do not match"):
        tolerated(truth, (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="do not match"):
        tolerated(truth, (1.0, 1.0), 0.0, [truth[:2]])
