"""Where a user begins who has no result yet."""

import numpy as np
import pytest

from bifseg.robot.opening import opening
from bifseg.robot.policies import policy


def ball(shape=(24, 30, 32), centre=(9, 14, 15), radius=8, spacing=(1, 1, 1)):
    offset = np.moveaxis(np.indices(shape), 0, -1) - centre
    return np.linalg.norm(offset * spacing, axis=-1) <= radius


def test_one_plane_is_wholly_wrong_and_the_others_are_right():
    truth = ball()
    result = opening(truth, (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(result[9], ~truth[9])
    result[9] = truth[9]
    np.testing.assert_array_equal(result, truth)


def test_a_flat_object_is_opened_in_its_own_plane():
    truth = np.zeros((20, 20, 20), bool)
    truth[3:17, 10, 4:16] = True
    wrong = opening(truth, (1.0, 1.0, 1.0)) ^ truth
    assert wrong[:, 10, :].all()
    assert wrong.sum() == 400


def test_thick_slices_are_opened_in_their_slices():
    truth = ball(spacing=(4, 1, 1))
    wrong = opening(truth, (4.0, 1.0, 1.0)) ^ truth
    assert wrong[9].all()
    assert wrong.sum() == truth[9].size


def test_in_two_dimensions_everything_is_wrong():
    truth = ball()[9]
    np.testing.assert_array_equal(opening(truth, (1.0, 1.0)), ~truth)


def test_an_empty_truth_opens_nothing():
    assert not opening(np.zeros((5, 6, 7), bool), (1.0, 1.0, 1.0)).any()


@pytest.mark.parametrize("truth", [ball(), ball()[9]], ids=["3D", "2D"])
def test_the_robot_marks_the_object_and_what_surrounds_it(truth):
    spacing = (1.0,) * truth.ndim
    drawn = policy("centre-line/1").strokes(truth, opening(truth, spacing), spacing, np.random.default_rng(1))
    assert [stroke.foreground for stroke in drawn] == [True, False]
    inside, outside = (truth[tuple(stroke.voxels.T)] for stroke in drawn)
    assert inside.all()
    assert not outside.any()
