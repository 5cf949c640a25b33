import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bifseg.core.seeds import generator
from bifseg.robot.policies.contour import ContourParams, ContourStrokes

DISC = np.hypot(*(np.indices((60, 60)) - 30)) <= 24


def _draw(truth, seed=0, spacing=(1.0, 1.0), **params):
    robot = ContourStrokes(ContourParams(**params))
    return robot.strokes(truth, np.zeros_like(truth), spacing, generator(seed))[0]


@pytest.mark.parametrize("depth", [0.2, 0.4, 0.6])
def test_a_disc_is_followed_at_the_depth(depth):
    path = _draw(DISC, depth=(depth, depth)).path
    assert np.hypot(*(path - 30).T) == pytest.approx(24.5 - depth * 25, abs=0.8)


def test_the_share_of_the_contour_and_its_cap():
    round_mm = 2 * np.pi * 15  # the contour of depth 0.4
    half = _draw(DISC, depth=(0.4, 0.4), share_kept=(0.5, 0.5)).length_mm((1.0, 1.0))
    assert half == pytest.approx(round_mm / 2, rel=0.08)
    capped = _draw(DISC, depth=(0.4, 0.4), share_kept=(0.5, 0.5), max_length_mm=20.0)
    assert capped.length_mm((1.0, 1.0)) == pytest.approx(20, abs=1.5)


def test_it_begins_anywhere_on_the_contour():
    angles = [np.arctan2(*(_draw(DISC, seed).path[0] - 30)) for seed in range(40)]
    assert np.bincount(np.digitize(angles, [-np.pi / 2, 0, np.pi / 2]), minlength=4).min() >= 4


def test_depth_is_mm_on_oblong_pixels():
    spacing = (1.0, 3.0)
    offset = (np.indices((100, 40)) - np.array([50, 20])[:, None, None]) * np.array(spacing)[:, None, None]
    path = _draw(np.hypot(*offset) <= 45, spacing=spacing, depth=(0.5, 0.5)).path
    assert np.hypot(*((path - [50, 20]) * spacing).T) == pytest.approx(22.5, abs=2.5)


def test_a_shape_too_thin_for_a_contour_is_drawn_along_its_middle():
    bar = np.zeros((5, 60), bool)
    bar[2, 5:55] = True
    stroke = _draw(bar, share_kept=(0.5, 0.5))
    assert set(stroke.voxels[:, 0]) == {2}
    assert stroke.length_mm((1.0, 1.0)) > 20


@given(
    shape=arrays(bool, (9, 11)),
    seed=st.integers(0, 99),
    spacing=st.sampled_from([(1.0, 1.0), (0.4, 1.7), (3.0, 0.5)]),
)
def test_any_small_shape_can_be_drawn_on(shape, seed, spacing):
    robot = ContourStrokes(ContourParams(min_area_mm2=0))
    for stroke in robot.strokes(shape, np.zeros_like(shape), spacing, generator(seed), most=99):
        assert shape[tuple(stroke.voxels.T)].all()
        assert shape[tuple(np.floor(stroke.path + 0.5).astype(int).T)].all()
