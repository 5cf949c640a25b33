"""Where a user begins who has no result yet."""

import numpy as np
import pytest

from bifseg.robot.opening import opening_strokes, openings
from bifseg.robot.policies.registry import policy
from bifseg.robot.thorough import thorough
from bifseg.robot.users import user_profile


def ball(shape=(24, 30, 32), centre=(9, 14, 15), radius=8, spacing=(1, 1, 1)):
    offset = np.moveaxis(np.indices(shape), 0, -1) - centre
    return np.linalg.norm(offset * spacing, axis=-1) <= radius


def wrong(truth, spacing):
    return [result ^ truth for result in openings(truth, spacing)]


def test_the_opening_marks_one_plane_and_no_other():
    truth = ball()
    first, second = wrong(truth, (1.0, 1.0, 1.0))
    assert not (first & second).any()
    expected = np.zeros_like(truth)
    expected[9] = True
    np.testing.assert_array_equal(first | second, expected)
    assert first[truth & expected].all()


def test_a_flat_object_is_opened_in_its_own_plane_across_its_longer_side():
    truth = np.zeros((20, 20, 20), bool)
    truth[3:17, 10, 4:14] = True  # 14 long in z, 10 in x: the sides are those below and above z = 10
    first, second = wrong(truth, (1.0, 1.0, 1.0))
    background = ~truth[:, 10]
    low = np.indices(background.shape)[0] < 10
    np.testing.assert_array_equal(first[:, 10] & background, background & low)
    np.testing.assert_array_equal(second[:, 10], background & ~low)


def test_thick_slices_are_opened_in_their_slices():
    truth = ball(spacing=(4, 1, 1))
    first, second = wrong(truth, (4.0, 1.0, 1.0))
    assert (first | second)[9].all()
    assert (first | second).sum() == truth[9].size


def test_the_longer_side_is_longer_in_mm():
    truth = np.zeros((30, 30), bool)
    truth[5:25, 10:20] = True
    _, second = wrong(truth, (1.0, 1.5))  # 20 mm against 15 mm
    assert second[25:].all()
    assert not second[:15].any()
    _, second = wrong(truth, (1.0, 2.5))  # 20 mm against 25 mm
    assert second[:, 20:].all()
    assert not second[:, :15].any()


def test_an_empty_truth_has_no_opening():
    assert openings(np.zeros((5, 6, 7), bool), (1.0, 1.0, 1.0)) == []


@pytest.mark.parametrize("truth", [ball(), ball()[9]], ids=["3D", "2D"])
def test_strokes_round_the_object_are_drawn_on_all_sides_at_once(truth):
    spacing = (1.0,) * truth.ndim
    (whole,) = openings(truth, spacing, surrounds=True)
    two_sides = openings(truth, spacing)
    np.testing.assert_array_equal(whole ^ truth, (two_sides[0] ^ truth) | (two_sides[1] ^ truth))


@pytest.mark.parametrize("user", ["expert", "novice"])
def test_a_user_of_any_care_draws_round_the_object_at_once(user):
    robot = user_profile(user).plays(thorough(policy("person/2")))
    truth = np.pad(ball()[9], 20)
    drawn = opening_strokes(robot, truth, (1.0, 1.0), lambda side: np.random.default_rng(side), 12)
    sides = [{x > 35 for x in stroke.path[:, 1]} for stroke in drawn if not stroke.foreground]
    assert {True, False} in sides


@pytest.mark.parametrize("truth", [ball(), ball()[9]], ids=["3D", "2D"])
def test_the_robot_marks_the_object_and_two_sides_of_it(truth):
    spacing = (1.0,) * truth.ndim
    rng = np.random.default_rng(1)
    drawn = [
        stroke
        for result in openings(truth, spacing)
        for stroke in policy("centre-line/1").strokes(truth, result, spacing, rng)
    ]
    assert [stroke.foreground for stroke in drawn] == [True, False, False]
    inside, *outside = (truth[tuple(stroke.voxels.T)] for stroke in drawn)
    assert inside.all()
    assert not np.concatenate(outside).any()
    means = [stroke.voxels.mean(axis=0) for stroke in drawn[1:]]
    assert np.abs(means[0] - means[1]).max() > 8
