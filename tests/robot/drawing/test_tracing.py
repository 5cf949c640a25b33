"""Strokes made up from painted voxels: places, lengths, slices."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from bifseg.core.seeds import generator
from bifseg.robot.drawing.tracing import strokes_in
from bifseg.robot.policies.registry import policy

ONE = (1.0, 1.0)


def paint(shape, *points, width=1):
    """Points joined by straight lines of the brush."""
    painted = np.zeros(shape, bool)
    for a, b in pairwise(points):
        n = 4 * int(np.abs(np.subtract(a, b)).max()) + 1
        line = np.rint(np.linspace(a, b, n)).astype(int)
        painted[tuple(line.T)] = True
    return ndimage.binary_dilation(painted, np.ones((width,) * len(shape))) if width > 1 else painted


def test_nothing_painted_is_no_stroke():
    for shape in ((5, 6), (4, 5, 6)):
        assert strokes_in(np.zeros(shape, bool), True, (1.0,) * len(shape)) == []


@pytest.mark.parametrize("foreground", [True, False])
def test_every_piece_is_a_stroke_of_its_label(foreground):
    painted = paint((40, 50), (5, 5), (5, 30)) | paint((40, 50), (20, 10), (35, 10))
    strokes = strokes_in(painted, foreground, ONE)
    assert [stroke.foreground for stroke in strokes] == [foreground] * 2
    assert [stroke.path[[0, -1]].tolist() for stroke in strokes] == [[[5, 5], [5, 30]], [[20, 10], [35, 10]]]


@pytest.mark.parametrize(
    ("end", "spacing", "mm"),
    [
        ((10, 40), ONE, 30.0),
        ((40, 40), ONE, 30 * 2**0.5),
        ((40, 10), (2.0, 1.0), 60.0),
        ((10, 40), (2.0, 0.5), 15.0),
    ],
)
@pytest.mark.parametrize("width", [1, 5])
def test_the_length_is_that_of_the_middle_line(end, spacing, mm, width):
    (stroke,) = strokes_in(paint((60, 60), (10, 10), end, width=width), True, spacing)
    assert stroke.length_mm(spacing) == pytest.approx(mm, abs=width * max(spacing))


def test_a_bent_stroke_is_followed_round_its_corners():
    (stroke,) = strokes_in(paint((60, 60), (10, 10), (10, 40), (40, 40), width=3), True, ONE)
    assert stroke.length_mm(ONE) == pytest.approx(60, abs=5)


def test_a_closed_stroke_is_followed_all_the_way_round():
    (stroke,) = strokes_in(
        paint((60, 60), (10, 10), (10, 40), (40, 40), (40, 10), (10, 10), width=3), True, ONE
    )
    assert stroke.length_mm(ONE) == pytest.approx(120, abs=8)


def test_of_crossing_strokes_the_longest_way_counts():
    cross = paint((60, 60), (30, 5), (30, 55)) | paint((60, 60), (10, 30), (50, 30))
    (stroke,) = strokes_in(cross, True, ONE)
    assert stroke.length_mm(ONE) == pytest.approx(50, abs=2)
    assert len(stroke.voxels) == cross.sum()


def test_a_dab_is_hardly_a_line():
    disc = np.hypot(*(np.indices((20, 20)) - 10)) <= 3
    (stroke,) = strokes_in(disc, True, ONE)
    assert [10, 10] in stroke.path.tolist()
    assert stroke.length_mm(ONE) <= 3
    (pixel,) = strokes_in(paint((5, 6), (2, 3), (2, 3)), True, ONE)
    assert pixel.path.tolist() == [[2, 3]]


def test_a_volume_is_drawn_on_in_the_slices_that_hold_it():
    shape, spacing = (12, 30, 30), (3.0, 1.0, 1.0)
    axial = paint(shape, (4, 5, 5), (4, 5, 20))
    sagittal = paint(shape, (1, 12, 25), (8, 20, 25)) | paint(shape, (1, 12, 26), (8, 20, 26))
    strokes = strokes_in(axial | sagittal, True, spacing)
    assert len(strokes) == 3
    flat = [np.flatnonzero(np.ptp(stroke.voxels, axis=0) == 0).tolist() for stroke in strokes]
    assert sorted(map(tuple, flat)) == [(0, 1), (2,), (2,)]
    thick = paint(shape, (4, 15, 2), (4, 15, 20)) | paint(shape, (5, 15, 2), (5, 15, 20))
    assert [
        set(s.voxels[:, 0]) for s in strokes_in(thick[:, 14:17], True, spacing)
    ]  # a slab of one row: any plane


def test_a_stroke_repeated_in_the_next_slice_is_two_strokes():
    painted = np.zeros((6, 30, 30), bool)
    painted[2:4] = paint((30, 30), (5, 5), (20, 24), width=3)
    strokes = strokes_in(painted, False, (5.0, 1.0, 1.0))
    assert [sorted(set(stroke.voxels[:, 0])) for stroke in strokes] == [[2], [3]]
    assert strokes[0].length_mm((5.0, 1.0, 1.0)) == strokes[1].length_mm((5.0, 1.0, 1.0)) > 15


@given(seed=st.integers(0, 5000), ndim=st.sampled_from([2, 3]))
@settings(max_examples=40, deadline=None)
def test_the_strokes_paint_what_was_painted_once(seed, ndim):
    rng = np.random.default_rng(seed)
    shape = (20, 22) if ndim == 2 else (6, 12, 14)
    painted = ndimage.gaussian_filter(rng.standard_normal(shape), 1.0) > 0.4
    again = np.zeros(shape, int)
    for stroke in strokes_in(painted, True, (2.0, 1.0, 0.7)[-ndim:]):
        np.add.at(again, tuple(stroke.voxels.T), 1)
        assert painted[tuple(np.rint(stroke.path).astype(int).T)].all()
        assert np.abs(np.diff(stroke.path, axis=0)).max(initial=0) <= 1
    np.testing.assert_array_equal(again, painted)


@pytest.mark.parametrize("name", ["centre-line/1", "contour/1", "line/1"])
def test_the_robot_s_own_strokes_come_back(name):
    truth = np.hypot(*(np.indices((70, 90)) - np.array([33, 40])[:, None, None])) < 24
    (drawn,) = policy(name).strokes(truth, np.zeros_like(truth), ONE, generator(1))
    painted = np.zeros_like(truth)
    painted[tuple(drawn.voxels.T)] = True
    (stroke,) = strokes_in(painted, True, ONE)
    np.testing.assert_array_equal(stroke.voxels, drawn.voxels)
    assert stroke.length_mm(ONE) == pytest.approx(drawn.length_mm(ONE), rel=0.25)
