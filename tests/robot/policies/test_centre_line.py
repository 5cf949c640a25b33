import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bifseg.core.seeds import generator
from bifseg.robot.drawing.brush import brushed
from bifseg.robot.policies.centre_line import CentreLine, CentreLineParams

ROBOT = CentreLine()
SPACINGS = {2: [(1.0, 1.0), (0.6, 1.4)], 3: [(2.0, 2.0, 2.0), (6.5, 1.0, 1.0), (1.0, 1.2, 4.0)]}


@st.composite
def rounds(draw):
    """Two smooth random masks with a spacing, as truth and result of a round."""
    ndim = draw(st.sampled_from([2, 3]))
    shape = (40, 44) if ndim == 2 else (14, 20, 18)
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    sigma = draw(st.sampled_from([1.0, 3.0]))
    masks = [ndimage.gaussian_filter(rng.standard_normal(shape), sigma) > 0 for _ in range(2)]
    return masks[0], masks[1], draw(st.sampled_from(SPACINGS[ndim]))


def _same(a, b):
    return len(a) == len(b) and all(
        s.foreground == t.foreground
        and np.array_equal(s.voxels, t.voxels)
        and np.allclose(s.path, t.path, rtol=0, atol=1e-9)
        for s, t in zip(a, b, strict=True)
    )


@given(game=rounds(), seed=st.integers(0, 99), most=st.integers(1, 3))
def test_strokes_lie_in_the_mistake_that_they_correct(game, seed, most):
    truth, result, spacing = game
    strokes = ROBOT.strokes(truth, result, spacing, generator(seed), most)
    signs = [stroke.foreground for stroke in strokes]
    assert signs == sorted(signs, reverse=True)
    assert max(signs.count(True), signs.count(False)) <= most
    regions = set()
    for stroke in strokes:
        wrong = truth & ~result if stroke.foreground else result & ~truth
        assert wrong[tuple(stroke.voxels.T)].all()
        assert len(np.unique(stroke.voxels, axis=0)) == len(stroke.voxels)
        on_path = {tuple(v) for v in np.floor(stroke.path + 0.5).astype(int)}
        assert on_path <= {tuple(v) for v in stroke.voxels}
        assert stroke.length_mm(spacing) <= ROBOT.params.max_length_mm + 1e-9
        labels, _ = ndimage.label(wrong, np.ones((3,) * truth.ndim))
        regions.add((stroke.foreground, int(labels[tuple(stroke.voxels[0])])))
    assert len(regions) == len(strokes)


@given(game=rounds(), seed=st.integers(0, 99))
def test_a_stroke_lies_in_one_plane_and_near_its_path(game, seed):
    truth, result, spacing = game
    for stroke in ROBOT.strokes(truth, result, spacing, generator(seed)):
        assert (np.ptp(stroke.voxels, axis=0) > 0).sum() <= 2
        far = np.linalg.norm((stroke.voxels[:, None] - stroke.path) * spacing, axis=2).min(axis=1)
        half_voxel = np.linalg.norm(spacing) / 2
        assert far.max() <= max(ROBOT.params.brush_radius_mm + 1e-3, half_voxel)


@given(game=rounds(), seed=st.integers(0, 99))
def test_the_same_seed_draws_the_same_strokes(game, seed):
    assert _same(ROBOT.strokes(*game, generator(seed)), ROBOT.strokes(*game, generator(seed)))


@given(game=rounds(), seed=st.integers(0, 99), pad=st.integers(1, 7))
def test_the_place_of_a_mistake_in_the_array_does_not_matter(game, seed, pad):
    truth, result, spacing = game
    wider = [np.pad(m, [(pad, 2 * pad)] * truth.ndim) for m in (truth, result)]
    moved = [s.shifted((pad,) * truth.ndim) for s in ROBOT.strokes(truth, result, spacing, generator(seed))]
    assert _same(ROBOT.strokes(*wider, spacing, generator(seed)), moved)


@given(noise=arrays(bool, (6, 7)), seed=st.integers(0, 99))
def test_any_small_shape_can_be_drawn_on(noise, seed):
    robot = CentreLine(CentreLineParams(min_area_mm2=0))
    strokes = robot.strokes(noise, np.zeros_like(noise), (1.0, 1.0), generator(seed), most=99)
    assert len(strokes) == ndimage.label(noise, np.ones((3, 3)))[1]
    assert all(noise[tuple(stroke.voxels.T)].all() for stroke in strokes)


def _bar(rows=5, columns=60):
    truth = np.zeros((rows + 10, columns + 10), bool)
    truth[5 : 5 + rows, 5 : 5 + columns] = True
    return truth


def test_a_bar_is_drawn_along_its_middle():
    truth = _bar()
    (stroke,) = ROBOT.strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(0))
    assert stroke.foreground
    assert stroke.path[:, 0] == pytest.approx(7, abs=0.3)  # the skeleton turns to the corners at its ends
    assert set(stroke.voxels[:, 0]) == {5, 6, 7, 8, 9}  # 2 mm of brush on either side
    assert 30 < stroke.length_mm((1.0, 1.0)) <= 40


def test_lengths_are_mm_whatever_the_voxels():
    for mm in (0.5, 1.0, 2.0):
        truth = _bar(columns=round(200 / mm))
        (stroke,) = ROBOT.strokes(truth, np.zeros_like(truth), (mm, mm), generator(0))
        assert stroke.length_mm((mm, mm)) == pytest.approx(40, abs=2 * mm)


def test_the_share_kept_lies_between_its_bounds_and_varies():
    truth = _bar(columns=40)
    lengths = [
        ROBOT.strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(k))[0].length_mm((1.0, 1.0))
        for k in range(200)
    ]
    line = 36  # the skeleton of 5 x 40 voxels ends about two voxels before the border
    assert 0.6 * line - 3 <= min(lengths) <= 0.65 * line
    assert 0.85 * line <= max(lengths) <= 0.9 * line + 3


def test_a_capped_stroke_is_not_always_in_the_same_place():
    truth = _bar(columns=200)
    starts = [
        ROBOT.strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(k))[0].path[:, 1].min()
        for k in range(50)
    ]
    assert np.ptp(starts) > 60


def test_a_missed_disc_is_crossed_away_from_its_border():
    y, x = np.indices((60, 60)) - 30
    truth = np.hypot(y, x) <= 20
    for seed in range(20):
        (stroke,) = ROBOT.strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(seed))
        assert 0.6 * 40 - 3 <= stroke.length_mm((1.0, 1.0)) <= 0.9 * 40 + 1
        assert np.hypot(*(stroke.path - 30).T).max() <= 19


@pytest.mark.parametrize(("radius", "width"), [(0.0, 1), (0.5, 1), (1.0, 3), (2.0, 5)])
def test_the_brush(radius, width):
    robot = CentreLine(CentreLineParams(brush_radius_mm=radius))
    truth = _bar(rows=9)
    (stroke,) = robot.strokes(truth, np.zeros_like(truth), (1.0, 1.0), generator(0))
    assert len(set(stroke.voxels[:, 0])) == width


def test_the_brush_is_round_in_mm_and_clipped():
    shape = np.ones((7, 7), bool)
    painted = brushed(np.array([[3.0, 3.0]]), shape, (1.0, 2.0), 2.0)
    expected = [[1, 3], [2, 3], [3, 2], [3, 3], [3, 4], [4, 3], [5, 3]]
    assert painted.tolist() == expected
    shape[3, 4] = False
    assert painted.tolist() != brushed(np.array([[3.0, 3.0]]), shape, (1.0, 2.0), 2.0).tolist()


def test_both_labels_in_one_round_foreground_first():
    truth, result = np.zeros((2, 40, 60), bool)
    truth[5:35, 5:40] = True
    result[5:35, 20:55] = True
    strokes = ROBOT.strokes(truth, result, (1.0, 1.0), generator(0))
    assert [stroke.foreground for stroke in strokes] == [True, False]
    assert strokes[0].voxels[:, 1].max() < 20
    assert strokes[1].voxels[:, 1].min() >= 40


@pytest.mark.parametrize(
    ("pixels", "mm", "n_strokes"), [(29, 1.0, 0), (30, 1.0, 1), (7, 2.0, 0), (8, 2.0, 1)]
)
def test_regions_under_the_minimum_are_not_worth_a_stroke(pixels, mm, n_strokes):
    truth = np.zeros((3, 40), bool)
    truth[1, :pixels] = True
    assert len(ROBOT.strokes(truth, np.zeros_like(truth), (mm, mm), generator(0))) == n_strokes


@pytest.mark.parametrize("shape", [(8, 9), (5, 8, 9)])
def test_the_robot_is_satisfied_without_mistakes(shape):
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert ROBOT.strokes(mask, mask, (1.0,) * len(shape), generator(0)) == []


def test_thick_slices_are_drawn_on_in_their_own_plane():
    truth = np.zeros((9, 40, 40), bool)
    truth[1:8, 10:30, 18:24] = True
    (stroke,) = ROBOT.strokes(truth, np.zeros_like(truth), (6.5, 1.0, 1.0), generator(0))
    assert set(stroke.voxels[:, 0]) == {4}
    assert set(stroke.path[:, 0]) == {4.0}


def test_refuses_what_does_not_match():
    mask = np.zeros((4, 4), bool)
    with pytest.raises(ValueError, match="do not match"):
        ROBOT.strokes(mask, mask[:1], (1.0, 1.0), generator(0))
    with pytest.raises(ValueError, match="do not match"):
        ROBOT.strokes(mask, mask, (1.0, 1.0, 1.0), generator(0))
