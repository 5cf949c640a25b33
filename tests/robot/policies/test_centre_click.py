import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bifseg.core.seeds import generator
from bifseg.robot.policies.centre_click import CentreClick, CentreClickParams, deepest

ROBOT = CentreClick()


def _click(truth, result=None, spacing=None, most=1):
    result = np.zeros_like(truth) if result is None else result
    return ROBOT.strokes(truth, result, spacing or (1.0,) * truth.ndim, generator(0), most)


def _disc(shape, centre, radius):
    return np.hypot(*(np.indices(shape) - np.array(centre)[:, None, None])) <= radius


def test_the_middle_of_a_disc():
    (click,) = _click(_disc((40, 50), (17, 31), 9))
    assert (click.foreground, click.path.tolist()) == (True, [[17, 31]])
    assert len(click.voxels) == 13  # a dab of 2 mm


def test_one_click_on_the_larger_mistake_of_either_label():
    missed, leak = _disc((40, 80), (20, 20), 9), _disc((40, 80), (20, 60), 11)
    (click,) = _click(missed, leak)
    assert (click.foreground, click.path.tolist()) == (False, [[20, 60]])
    assert [c.foreground for c in _click(missed, leak, most=2)] == [False, True]
    assert [c.foreground for c in _click(missed, _disc((40, 80), (20, 60), 9))] == [True]  # equal: foreground


def test_the_largest_and_not_the_deepest_mistake():
    truth = _disc((60, 100), (30, 20), 10)  # 317 pixels
    truth[50:55, 5:95] = True  # 450 pixels, three deep
    assert _click(truth)[0].path[0, 0] == 52


def test_corners_connect():
    truth = np.zeros((20, 20), bool)
    truth[2:5, 2:5] = truth[5:8, 5:8] = True  # 18 pixels that touch at a corner
    truth[12:16, 12:16] = True  # 16
    assert _click(truth)[0].voxels.max() < 9


def test_depth_is_mm_and_not_voxels():
    shape = np.zeros((9, 30, 12), bool)
    shape[1:8, 2:7, 2:7] = True  # a pillar 3 mm deep across y and x
    shape[4, 2:28, 2:9] = True  # a slice 4 mm deep in its plane, and as deep across z as a slice is thick
    voxels = np.argwhere(shape)
    assert deepest(voxels, (1.0, 1.0, 1.0)).tolist() == [3, 4, 4]
    assert deepest(voxels, (6.5, 1.0, 1.0)).tolist() == [4, 5, 5]


def _slow_deepest(region, spacing):
    """Distances to every voxel outside, with a border of right voxels around the image."""
    padded = np.pad(region, 1)
    inside, outside = np.argwhere(padded), np.argwhere(~padded)
    far = np.linalg.norm((inside[:, None] - outside) * spacing, axis=2).min(axis=1).round(4)
    return (inside[far.argmax()] - 1).tolist()


@given(
    region=arrays(bool, (3, 5, 6)).filter(lambda r: r.any()),
    spacing=st.sampled_from([(1.0, 1.0, 1.0), (5.0, 1.0, 0.7)]),
)
def test_agrees_with_every_pair_of_voxels(region, spacing):
    assert deepest(np.argwhere(region), spacing).tolist() == _slow_deepest(region, spacing)


def test_the_border_of_the_image_counts_as_right():
    truth = np.zeros((21, 40), bool)
    truth[:, :11] = True
    (click,) = _click(truth)
    assert click.path.tolist() == [[5, 5]]  # not on the border, as an unpadded transform would have it
    (click,) = _click(np.ones((9, 9), bool))
    assert click.path.tolist() == [[4, 4]]


def test_the_dab_lies_in_the_plane_that_shows_most_of_the_mistake_and_inside_it():
    truth = np.zeros((20, 20, 20), bool)
    truth[4:16, 9:12, 3:17] = True  # widest across y
    (click,) = _click(truth)
    assert set(click.voxels[:, 1]) == {10}
    (thick,) = _click(truth, spacing=(6.5, 1.0, 1.0))
    assert len(set(thick.voxels[:, 0])) == 1
    assert set(thick.voxels[:, 1]) == {9, 10, 11}  # clipped to the mistake


def test_a_brush_of_zero_marks_the_clicked_voxel_alone():
    truth = _disc((40, 50), (17, 31), 9)
    (click,) = CentreClick(CentreClickParams(0.0)).strokes(
        truth, np.zeros_like(truth), (1.0, 1.0), generator(0)
    )
    assert click.voxels.tolist() == [[17, 31]]


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_single_wrong_voxel_is_worth_a_click(ndim):
    truth = np.zeros((4,) * ndim, bool)
    truth[(2,) * ndim] = True
    (click,) = _click(truth)
    assert click.voxels.tolist() == [[2] * ndim]
