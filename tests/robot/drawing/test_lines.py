from time import perf_counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bifseg.robot.drawing.lines import centre_line, cut, rounded, smoothed, travelled_mm

SQUARE = (1.0, 1.0)


def test_halves_are_rounded_up():
    assert rounded(np.array([[0.5, 1.5], [2.5, -0.5], [0.49, 0.51]])).tolist() == [[1, 2], [3, 0], [0, 1]]


def test_travelled_is_in_mm():
    assert travelled_mm(np.array([[0, 0], [3, 0], [3, 2]]), (1.0, 2.0)).tolist() == [0, 3, 7]
    assert travelled_mm(np.array([[5.0, 5.0]]), SQUARE).tolist() == [0]


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_centre_line_of_a_row_is_the_row(n):
    line = centre_line(np.ones((1, n), bool), SQUARE, 0.0)
    assert sorted(map(tuple, line)) == [(0, k) for k in range(n)]


def test_a_bar_that_fills_the_array():
    line = centre_line(np.ones((5, 40), bool), SQUARE, 0.0)
    assert np.ptp(line[:, 1]) >= 33
    middle = line[(line[:, 1] > 5) & (line[:, 1] < 35)]
    assert set(middle[:, 0]) == {2}


def test_half_of_the_way_round_a_ring():
    y, x = np.indices((41, 41)) - 20
    ring = np.abs(np.hypot(y, x) - 15) < 3
    line = centre_line(ring, SQUARE, 0.0)
    assert travelled_mm(line, SQUARE)[-1] == pytest.approx(np.pi * 15, rel=0.1)
    assert np.hypot(*(line - 20).T) == pytest.approx(15, abs=1.5)


def test_the_longest_branch_in_mm_and_not_in_voxels():
    plus = np.zeros((21, 41), bool)
    plus[10, :], plus[:, 20] = True, True
    assert np.ptp(centre_line(plus, SQUARE, 0.0), axis=0).tolist() == [0, 40]
    assert np.ptp(centre_line(plus, (3.0, 1.0), 0.0), axis=0).tolist() == [20, 0]


@pytest.mark.parametrize(("angle", "extent"), [(0.0, (40, 0)), (np.pi / 2, (0, 40))])
def test_a_disc_is_crossed_by_a_chord_at_the_angle(angle, extent):
    y, x = np.indices((41, 41)) - 20
    line = centre_line(np.hypot(y, x) <= 20, SQUARE, angle)
    assert np.ptp(line, axis=0) == pytest.approx(extent, abs=1e-6)
    assert line.mean(axis=0) == pytest.approx([20, 20], abs=1e-6)


def test_a_chord_is_straight_in_mm():
    y, x = np.indices((41, 41)) - 20
    line = centre_line(np.hypot(y, x) <= 20, (1.0, 2.0), np.pi / 4)
    steps_mm = np.diff(line, axis=0) * (1.0, 2.0)
    assert steps_mm[:, 0] == pytest.approx(steps_mm[:, 1], abs=1e-3)
    # an ellipse of 20 and 40 mm, crossed where y = x
    assert travelled_mm(line, (1.0, 2.0))[-1] == pytest.approx(2 * np.sqrt(2 / (1 / 400 + 1 / 1600)), abs=3)


def test_whether_a_shape_is_compact_does_not_depend_on_the_unit():
    y, x = np.indices((41, 41)) - 20
    nearly_round = np.hypot(y / 1.2, x) <= 15.4  # a skeleton of 10 voxels and a depth of 15
    lines = [centre_line(nearly_round, (mm, mm), np.pi / 2) for mm in (0.25, 1.0, 4.0)]
    assert all(np.ptp(line[:, 1]) == pytest.approx(30, abs=1) for line in lines)


@given(
    noise=arrays(bool, (7, 9)),
    spacing=st.sampled_from([(1.0, 1.0), (0.5, 0.9), (6.0, 1.0)]),
    angle=st.floats(0, np.pi),
)
def test_any_shape_has_a_line_inside_without_gaps(noise, spacing, angle):
    labels, n = ndimage.label(noise, np.ones((3, 3)))
    for k in range(1, n + 1):
        voxels = rounded(centre_line(labels == k, spacing, angle))
        assert (labels[tuple(voxels.T)] == k).all()
        assert np.abs(np.diff(voxels, axis=0)).max(initial=0) <= 1


def test_smoothing_rounds_a_corner_and_leaves_a_straight_line_straight():
    corner = np.array([[0, k] for k in range(10)] + [[k, 9] for k in range(1, 10)], float)
    smooth = smoothed(corner, SQUARE, 2.0)
    assert 0.5 < np.abs(smooth[9] - corner[9]).max() < 2
    assert np.abs(np.diff(smooth, axis=0)).max() <= 1
    straight = np.stack([np.full(10, 3.0), np.arange(10.0)], axis=1)
    assert (smoothed(straight, SQUARE, 2.0) == straight).all()
    assert (smooth[[0, -1]] == corner[[0, -1]]).all()


def test_smoothing_is_in_mm():
    corner = np.array([[0, k] for k in range(10)] + [[k, 9] for k in range(1, 10)], float)
    assert (smoothed(corner, (2.0, 2.0), 4.0) == smoothed(corner, SQUARE, 2.0)).all()
    assert (smoothed(corner, SQUARE, 0.0) == corner).all()
    assert smoothed(corner[:1], SQUARE, 2.0).tolist() == [[0, 0]]


ROW = np.stack([np.zeros(101), np.arange(101.0)], axis=1)


@pytest.mark.parametrize(
    ("share", "longest", "place", "first", "last"),
    [
        (1.0, 1000, 0.5, 0, 100),
        (0.6, 1000, 0.0, 20, 80),
        (0.6, 1000, 1.0, 20, 80),  # the place is only for what is capped
        (0.8, 40, 0.0, 10, 50),
        (0.8, 40, 1.0, 50, 90),
        (0.8, 40, 0.5, 30, 70),
    ],
)
def test_cut_keeps_the_middle_and_caps_it(share, longest, place, first, last):
    columns = cut(ROW, SQUARE, share, longest, place)[:, 1]
    assert (columns[0], columns[-1]) == pytest.approx((first, last), abs=1)


def test_cut_is_in_mm():
    part = cut(ROW, (1.0, 2.0), 0.9, 40.5, 0.5)
    assert travelled_mm(part, (1.0, 2.0))[-1] == 40


def test_cut_of_a_line_shorter_than_its_steps_is_its_nearest_point():
    assert cut(ROW[:2], SQUARE, 0.6, 40, 0.5).tolist() == [[0, 0]]
    assert cut(ROW[:1], SQUARE, 0.6, 40, 0.5).tolist() == [[0, 0]]


def test_smoothing_in_nanometres_ends_and_makes_a_straight_line():
    x = np.arange(300.0)
    line = np.stack([20 * np.sin(x / 15), x], axis=1)
    begun = perf_counter()
    straight = smoothed(line, (1e-6, 1e-6), 4.0)
    assert perf_counter() - begun < 5
    ends = line[[0, -1]]
    assert straight[[0, -1]] == pytest.approx(ends, abs=1e-3)
    chord = np.linspace(*ends, len(line))
    assert np.abs(straight - chord).max() < 0.1


@pytest.mark.parametrize("spacing", [(1e-4, 1e-4), (1e-6, 1.0), (1.0, 1e-6)])
def test_a_chord_through_pixels_of_any_size_is_bounded(spacing):
    disc = np.hypot(*(np.indices((41, 41)) - 20)) <= 20
    begun = perf_counter()
    for angle in (0.3, 1.2):
        assert len(centre_line(disc, spacing, angle)) < 2000
    assert perf_counter() - begun < 5
