import numpy as np
import pytest

from bifseg.core.geometry import Box
from bifseg.robot.disturbances.boxes import grown, shifted, shrunk

TRUTH = np.zeros((60, 80), bool)
TRUTH[20:40, 30:70] = True  # 20 x 40
BOX = Box((18, 27), (43, 72))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_shift_keeps_the_size_and_goes_as_far_as_the_share_says():
    for seed in range(20):
        box = shifted(BOX, TRUTH, 0.2, rng(seed))
        assert box.shape == BOX.shape
        way = (np.array(box.lower) - BOX.lower) / (20, 40)
        assert np.linalg.norm(way) == pytest.approx(0.2, abs=0.04)  # whole voxels


def test_a_shift_has_one_direction_at_all_strengths():
    ways = [np.array(shifted(BOX, TRUTH, share, rng(3)).lower) - BOX.lower for share in (0.2, 0.4)]
    assert ways[1] == pytest.approx(2 * ways[0], abs=1)
    assert len({shifted(BOX, TRUTH, 0.4, rng(seed)).lower for seed in range(5)}) > 1


def test_a_shifted_box_is_cut_at_the_image_and_keeps_a_voxel():
    truth = np.zeros((10, 10), bool)
    truth[:, 0] = True
    for seed in range(20):
        box = shifted(Box((0, 0), (10, 1)), truth, 5.0, rng(seed))
        assert all(0 <= low < high <= 10 for low, high in zip(box.lower, box.upper, strict=True))


def test_each_side_moves_by_the_share_of_the_extent():
    assert shrunk(BOX, TRUTH, 0.1, rng()) == Box((20, 31), (41, 68))
    assert grown(BOX, TRUTH, 0.1, rng()) == Box((16, 23), (45, 76))
    assert grown(BOX, TRUTH, 2.0, rng()) == Box((0, 0), (60, 80))


def test_a_shrunk_box_keeps_a_voxel():
    assert shrunk(Box((20, 30), (21, 32)), TRUTH, 0.5, rng()) == Box((20, 30), (21, 32))
