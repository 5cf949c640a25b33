"""No object is passed over because it is small."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from bifseg.core.seeds import generator
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.robot.thorough import LARGE, thorough
from bifseg.robot.users import user_profile

WITH_THRESHOLD = [name for name in POLICIES if name != "centre-click/1"]
THICK = (7.5, 0.5, 0.5)  # spinal cord: thin grey matter in thick slices


def cord():
    """Two horns of 3 x 12 pixels in each of four slices: 9 mm2 each, far below 30."""
    truth = np.zeros((6, 40, 40), bool)
    truth[1:5, 14:26, 12:15] = True
    truth[1:5, 14:26, 24:27] = True
    return truth


def draw(name, truth, result, spacing, seed=0, **more):
    return thorough(policy(name), **more).strokes(truth, result, spacing, generator(seed))


@pytest.mark.parametrize("name", WITH_THRESHOLD)
def test_a_completely_missed_object_is_marked(name):
    truth, nothing = cord(), np.zeros_like(cord())
    if name != "econet/1":  # whose threshold is a volume, and this one is large enough
        assert policy(name).strokes(truth, nothing, THICK, generator(0)) == []
    strokes = draw(name, truth, nothing, THICK)
    assert strokes
    assert all(s.foreground and truth[tuple(s.voxels.T)].any() for s in strokes)
    assert policy(name).crosses or all(truth[tuple(s.voxels.T)].all() for s in strokes)


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("shape", [(9, 9), (5, 9, 9)])
def test_a_missed_object_of_one_voxel_is_marked(name, shape):
    truth = np.zeros(shape, bool)
    truth[tuple(n // 2 for n in shape)] = True
    strokes = draw(name, truth, np.zeros_like(truth), (0.5,) * len(shape))
    assert len(strokes) == (3 if name == "random-region/1" and len(shape) == 3 else 1)  # once a slice
    for stroke in strokes:
        assert stroke.foreground
        marked = {tuple(v) for v in stroke.voxels}
        assert marked >= {tuple(v) for v in np.argwhere(truth)}
        assert policy(name).crosses or len(marked) == 1


@pytest.mark.parametrize("name", WITH_THRESHOLD)
def test_a_leak_half_as_large_as_the_object_is_marked(name):
    truth = np.zeros((30, 30), bool)
    truth[10:12, 5:15] = True  # 20 pixels
    result = truth.copy()
    result[14:16, 5:10] = True  # 10 pixels of 1 mm
    (stroke,) = draw(name, truth, result, (1.0, 1.0))
    assert not stroke.foreground
    result[14, 5] = False  # 9 pixels
    assert draw(name, truth, result, (1.0, 1.0)) == []
    assert draw(name, truth, result, (1.0, 1.0), large=0.0) != []


def test_all_pieces_of_a_mistake_count_together():
    truth = np.zeros((30, 30), bool)
    truth[3:27:3, 5:25:2] = True  # 80 specks
    result = truth & (np.indices(truth.shape)[0] < 15)
    assert draw("centre-line/1", truth, result, (1.0, 1.0))
    result = truth & (np.indices(truth.shape)[0] < 18)
    assert draw("centre-line/1", truth, result, (1.0, 1.0)) == []


@given(seed=st.integers(0, 10_000), name=st.sampled_from(sorted(POLICIES)))
@settings(max_examples=60, deadline=None)
def test_strokes_of_the_policy_are_kept_if_it_marks_the_error(seed, name):
    rng = np.random.default_rng(seed)
    truth, result = (ndimage.gaussian_filter(rng.standard_normal((40, 44)), 3.0) > 0 for _ in range(2))
    plain = policy(name).strokes(truth, result, (1.0, 1.0), generator(seed), 2)
    small = [wrong.sum() < LARGE * truth.sum() for wrong in (truth & ~result, result & ~truth)]
    marked = [any(s.foreground == label for s in plain) for label in (True, False)]
    if name != "centre-click/1" and not all(a or b for a, b in zip(small, marked, strict=True)):
        return
    now = thorough(policy(name)).strokes(truth, result, (1.0, 1.0), generator(seed), 2)
    assert [s.voxels.tolist() for s in now] == [s.voxels.tolist() for s in plain]


def test_one_click_a_round_stays_one_click():
    robot = policy("centre-click/1")
    assert thorough(robot) is robot


def test_foreground_comes_first():
    truth, result = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    truth[5:7, 5:15] = True
    result[20:30, 20:30] = True
    assert [s.foreground for s in draw("centre-line/1", truth, result, (1.0, 1.0))] == [True, False]


def test_a_correct_result_gets_no_strokes():
    for mask in (np.zeros((9, 9), bool), np.ones((9, 9), bool)):
        assert draw("centre-line/1", mask, mask, (1.0, 1.0), large=0.0) == []


def test_a_careless_user_overlooks_only_partly_segmented_objects():
    truth, nothing = cord(), np.zeros_like(cord())
    robot = user_profile("careless").plays(thorough(policy("centre-line/1")))
    assert robot.strokes(truth, nothing, THICK, generator(0))
    part = truth & (np.indices(truth.shape)[2] < 20)
    assert robot.strokes(truth, part, THICK, generator(0)) == []
