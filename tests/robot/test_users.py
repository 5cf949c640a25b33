from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box
from bifseg.core.seeds import generator
from bifseg.robot.drawing.regions import drawing_planes
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.robot.users import USERS, Imperfect, UserParams, UserProfile, as_seen, user_profile

TRUTH = np.zeros((60, 80), bool)
TRUTH[20:40, 20:60] = True
RESULT = np.zeros_like(TRUTH)
RESULT[20:40, 20:35] = True  # 20 x 25 pixels missed
ONE = (1.0, 1.0)


def _by(truth=TRUTH, result=RESULT, spacing=ONE, seed=0, name="centre-line/1", most=1, **flaws):
    return Imperfect(policy(name), "test", UserParams(**flaws)).strokes(
        truth, result, spacing, generator(seed), most
    )


def _perfect(seed=0, name="centre-line/1"):
    return policy(name).strokes(TRUTH, RESULT, ONE, generator(seed))


def test_the_expert_is_the_policy_itself():
    robot = policy("line/1")
    assert user_profile("expert").plays(robot) is robot


@pytest.mark.parametrize("name", POLICIES)
def test_an_imperfect_user_keeps_the_properties_of_the_policy(name):
    perfect, flawed = policy(name), user_profile("novice").plays(policy(name))
    for key in ("version", "skips_drawn", "surrounds", "strokes_per_label"):
        assert getattr(flawed, key) == getattr(perfect, key)


def test_the_card_names_the_levels():
    for name in USERS:
        assert ProtocolCard(user=name).user == name
    assert ProtocolCard().user == "expert"
    with pytest.raises(ValueError, match="user"):
        ProtocolCard(user="drunk")
    with pytest.raises(InputError, match="unknown user 'drunk'; known are expert, novice, careless"):
        user_profile("drunk")


def test_levels_are_frozen_and_worse_one_after_the_other():
    flaws = [vars(u.params).values() for u in USERS.values()]
    for better, worse in pairwise(flaws):
        assert all(b < w for b, w in zip(better, worse, strict=True))
    with pytest.raises(AttributeError):
        USERS["novice"].params.jitter_mm = 9.0


@pytest.mark.parametrize("name", POLICIES)
def test_the_policy_gets_the_same_numbers_at_every_level(name):
    strokes = _by(name=name, jitter_mm=5.0, wrong_label=1.0)
    perfect = _perfect(name=name)
    assert len(strokes) == len(perfect)
    first, moved = perfect[0], strokes[0]
    np.testing.assert_array_equal(np.diff(moved.voxels, axis=0), np.diff(first.voxels, axis=0))
    assert moved.foreground != first.foreground


@pytest.mark.parametrize("mm", [0.5, 1.0, 2.0])
def test_jitter_is_normal_in_mm_along_both_axes(mm):
    truth, result = (np.pad(m, 60) for m in (TRUTH, RESULT))
    moves = []
    for seed in range(300):
        (a,) = policy("centre-click/1").strokes(truth, result, (mm, mm), generator(seed))
        (b,) = _by(truth, result, (mm, mm), seed, "centre-click/1", jitter_mm=4.0)
        moves.append((b.path - a.path)[0] * mm)
        np.testing.assert_array_equal(b.voxels - a.voxels, np.tile(b.path - a.path, (len(a.voxels), 1)))
    assert np.std(moves, axis=0) == pytest.approx([4.0, 4.0], rel=0.15)
    assert np.mean(moves, axis=0) == pytest.approx([0.0, 0.0], abs=0.8)


def test_a_displaced_stroke_stays_in_the_image_and_in_its_plane():
    truth = np.zeros((5, 40, 40), bool)
    truth[1:4, :12, :12] = True
    for seed in range(40):
        (stroke,) = _by(truth, np.zeros_like(truth), (6.5, 1.0, 1.0), seed, jitter_mm=30.0)
        assert (stroke.voxels >= 0).all()
        assert (stroke.voxels < truth.shape).all()
        assert set(stroke.voxels[:, 0]) == {2}


def test_the_wrong_label_comes_at_its_rate():
    wrong = [not _by(seed=seed, wrong_label=0.25)[0].foreground for seed in range(800)]
    assert np.mean(wrong) == pytest.approx(0.25, abs=0.04)
    assert all(_by(seed=seed, wrong_label=0.0)[0].foreground for seed in range(50))


def test_small_mistakes_are_overlooked_by_their_depth_in_mm():
    result = TRUTH.copy()
    result[40:45, 20:60] = True  # a leak 5 pixels thick: its deepest are 3 pixels from what is right
    for mm, below, seen in ((1.0, 3.0, True), (1.0, 3.1, False), (2.0, 6.0, True), (2.0, 6.1, False)):
        shown = as_seen(TRUTH, result, (mm, mm), below)
        assert np.array_equal(shown, result if seen else TRUTH)
        assert bool(_by(TRUTH, result, (mm, mm), unseen_below_mm=below)) == seen


def test_each_mistake_is_overlooked_by_itself_and_of_both_labels():
    result = TRUTH.copy()
    result[25:35, 30:40] = False  # 5 deep
    result[22:24, 45:55] = False  # 1 deep
    result[5:15, 5:15] = True  # 5 deep
    result[50, 5:60] = True  # 1 deep
    expected = TRUTH.copy()
    expected[25:35, 30:40] = False
    expected[5:15, 5:15] = True
    np.testing.assert_array_equal(as_seen(TRUTH, result, ONE, 2.0), expected)
    np.testing.assert_array_equal(as_seen(TRUTH, result, ONE, 0.0), result)
    np.testing.assert_array_equal(as_seen(TRUTH, result, ONE, 5.1), TRUTH)


def test_a_mistake_is_seen_in_the_slice_that_shows_it():
    truth = np.zeros((7, 30, 30), bool)
    truth[1:6, 5:25, 5:25] = True
    result = truth.copy()
    result[3] = False  # one slice lost: a voxel thin, but 20 x 20 in its plane
    assert np.array_equal(as_seen(truth, result, (1.0, 1.0, 1.0), 5.0), result)
    assert np.array_equal(as_seen(truth, result, (6.5, 1.0, 1.0), 5.0), result)
    rim = truth.copy()
    rim[:, 5] = False  # a sheet on edge: one row in its slices, wide from the side, where nobody scrolls
    assert np.array_equal(as_seen(truth, rim, (1.0, 1.0, 1.0), 3.0), rim)
    assert np.array_equal(as_seen(truth, rim, (6.5, 1.0, 1.0), 3.0), truth)


def test_a_completely_missed_object_is_never_overlooked():
    truth = np.zeros((20, 20), bool)
    truth[8:11, 8:20] = True
    assert as_seen(truth, np.zeros_like(truth), ONE, 99.0).sum() == 0
    assert _by(truth, np.zeros_like(truth), unseen_below_mm=99.0)


def test_no_error_is_overlooked_in_the_first_round():
    result = TRUTH.copy()
    result[40:45, 20:60] = True
    for overlooks, n_strokes in ((True, 0), (False, 1)):
        robot = user_profile("careless").plays(policy("centre-line/1"), overlooks)
        assert len(robot.strokes(TRUTH, result, ONE, generator(0))) == n_strokes


def test_skipping_of_drawn_voxels_follows_the_policy():
    for name in POLICIES:
        assert user_profile("novice").plays(policy(name)).skips_drawn == policy(name).skips_drawn


def test_slack_of_a_box_in_mm_outwards_and_clipped():
    someone = UserProfile("someone", 1, "", UserParams(box_slack_mm=10.0))
    box, shape = Box((5, 50), (15, 70)), (30, 200)
    drawn = [someone.loosened(box, shape, (5.0, 1.0), generator(k)) for k in range(400)]
    assert {b.lower[0] for b in drawn} == {3, 4, 5}
    assert {b.upper[0] for b in drawn} == {15, 16, 17}
    assert {b.lower[1] for b in drawn} == set(range(40, 51))
    assert max(b.upper[1] for b in drawn) == 80
    assert USERS["expert"].loosened(box, shape, (5.0, 1.0), generator(0)) == box
    assert someone.loosened(Box((0, 0), shape), shape, (5.0, 1.0), generator(0)) == Box((0, 0), shape)


@settings(deadline=None, max_examples=60)
@given(
    wrong=arrays(bool, (3, 6, 7), elements=st.sampled_from([True, True, True, False])),
    spacing=st.sampled_from([(1.0, 1.0, 1.0), (6.5, 1.0, 0.8)]),
    below=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
)
def test_overlooked_errors_agree_with_the_depth_of_every_voxel(wrong, spacing, below):
    shown = as_seen(np.zeros_like(wrong), wrong, spacing, below)
    labels, n = ndimage.label(wrong, np.ones((3, 3, 3)))
    padded = np.pad(wrong, 1)
    seen = np.zeros(n + 1, bool)
    for voxel in np.argwhere(wrong):
        right = (np.argwhere(~padded) - 1 - voxel) * spacing
        for axes in drawing_planes(spacing):
            (through,) = {0, 1, 2} - set(axes)
            in_plane = right[right[:, through] == 0]
            seen[labels[tuple(voxel)]] |= np.linalg.norm(in_plane, axis=1).min() >= below - 1e-9
    np.testing.assert_array_equal(shown, seen[labels])
