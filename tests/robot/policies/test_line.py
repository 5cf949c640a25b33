import numpy as np
import pytest

from bifseg.core.seeds import generator
from bifseg.robot.policies.line import LineParams, LineStrokes

ROBOT = LineStrokes()
BAR = np.zeros((15, 120), bool)
BAR[5:10, 5:115] = True
NONE = np.zeros_like(BAR)


def _draw(truth, seed, spacing=(1.0, 1.0), params=None):
    robot = LineStrokes(params) if params else ROBOT
    return robot.strokes(truth, np.zeros_like(truth), spacing, generator(seed))[0]


def test_without_a_bow_the_line_is_straight():
    for seed in range(10):
        path = _draw(BAR, seed, params=LineParams(bow_mm=0.0)).path
        chord = path[-1] - path[0]
        away = (path - path[0]) @ [-chord[1], chord[0]] / np.hypot(*chord)
        assert np.abs(away).max() < 1e-3


def test_a_bow_strays_by_no_more_than_its_mm():
    disc = np.hypot(*(np.indices((120, 120)) - 60)) < 55
    for seed in range(30):
        path = _draw(disc, seed, params=LineParams(bow_mm=3.0, max_length_mm=1e3)).path
        chord = path[-1] - path[0]
        away = np.abs((path - path[0]) @ [-chord[1], chord[0]]) / np.hypot(*chord)
        assert away.max() <= 3.0 + 1.5 + 0.1


def test_a_line_across_a_gap_keeps_its_longest_part_in_one_drag():
    ring = np.abs(np.hypot(*(np.indices((60, 60)) - 30)) - 22) < 5
    for seed in range(40):
        path = _draw(ring, seed).path
        assert np.abs(np.diff(path, axis=0)).max() <= 1.5
        assert ring[tuple(np.floor(path + 0.5).astype(int).T)].all()


def test_lines_are_long_more_often_than_a_pair_of_random_places():
    disc = np.hypot(*(np.indices((44, 44)) - 22)) < 20
    lengths = [_draw(disc, seed).length_mm((1.0, 1.0)) for seed in range(200)]
    assert np.mean(lengths) == pytest.approx(25, abs=3)  # 18 for two places at random
    assert min(lengths) > 5


def test_a_long_line_is_capped_in_mm_at_a_varying_place():
    paths = [_draw(BAR, seed, (2.0, 2.0), LineParams(bow_mm=0.0)).path for seed in range(60)]
    lengths = [2 * np.hypot(*np.diff(p, axis=0).T).sum() for p in paths]
    assert max(lengths) <= 40
    assert np.quantile(lengths, 0.8) > 36
    assert np.ptp([p[:, 1].min() for p in paths]) > 50


def test_one_voxel_is_a_dot():
    truth = np.zeros((5, 5), bool)
    truth[2, 3] = True
    stroke = _draw(truth, 0, params=LineParams(min_area_mm2=0))
    assert (stroke.path.tolist(), stroke.voxels.tolist()) == ([[2, 3]], [[2, 3]])
