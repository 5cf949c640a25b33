import numpy as np
import pytest

from bifseg.core.seeds import generator
from bifseg.robot.policies.random_region import RandomRegion

ROBOT = RandomRegion()


def _bar(pixels):
    truth = np.zeros((3, 1000), bool)
    truth[1, :pixels] = True
    return truth


def _dots(truth, spacing=None, seed=0, most=1):
    spacing = spacing or (1.0,) * truth.ndim
    return ROBOT.strokes(truth, np.zeros_like(truth), spacing, generator(seed), most)


@pytest.mark.parametrize(
    ("pixels", "dots"), [(29, 0), (30, 1), (100, 1), (101, 2), (200, 2), (201, 3), (950, 10)]
)
def test_the_rule_of_deepigeos_at_one_mm(pixels, dots):
    assert len(_dots(_bar(pixels))) == dots


@pytest.mark.parametrize(("pixels", "mm", "dots"), [(7, 2.0, 0), (8, 2.0, 1), (25, 2.0, 1), (26, 2.0, 2)])
def test_pixels_are_read_as_mm2(pixels, mm, dots):
    assert len(_dots(_bar(pixels), (mm, mm))) == dots


def test_dots_are_single_distinct_voxels_spread_over_the_mistake():
    dots = _dots(_bar(950))
    where = [tuple(d.voxels[0]) for d in dots]
    assert all(len(d.voxels) == len(d.path) == 1 and d.foreground for d in dots)
    assert len(set(where)) == 10
    assert np.ptp([column for _, column in where]) > 400


def test_every_voxel_of_the_mistake_is_as_likely():
    columns = [d.voxels[0, 1] for seed in range(300) for d in _dots(_bar(950), seed=seed)]
    assert np.histogram(columns, 5, (0, 950))[0] / len(columns) == pytest.approx([0.2] * 5, abs=0.03)


def test_most_counts_mistakes_and_not_dots():
    truth = np.zeros((30, 60), bool)
    truth[:, :10] = truth[:, 20:25] = truth[:, 40:42] = True  # 300, 150 and 60 pixels
    assert [len(_dots(truth, most=n)) for n in (1, 2, 3, 9)] == [3, 5, 6, 6]


def test_three_orthogonal_slices_of_a_near_isotropic_volume():
    truth = np.zeros((30, 30, 30), bool)
    truth[2:28, 5:20, 10:22] = True
    truth[15, 5:29, 11] = True
    dots = np.array([d.voxels[0] for d in _dots(truth)])
    n_across = [15 * 12 + 9, 26 * 12, 26 * 15 + 9]  # pixels of the worst slice across z, y and x
    n_dots = [int(np.ceil(n / 100)) for n in n_across]
    assert len(dots) == sum(n_dots)
    x_first, y_then, z_last = np.split(dots, np.cumsum(n_dots[::-1])[:-1])
    assert set(x_first[:, 2]) == {11}
    assert len(set(y_then[:, 1])) == 1
    assert set(z_last[:, 0]) == {15}


def test_three_slices_of_a_stack_of_thick_slices():
    truth = np.zeros((6, 40, 40), bool)
    for z, rows in enumerate([5, 30, 10, 20, 25, 3]):
        truth[z, :rows, 10:20] = True
    dots = _dots(truth, (6.5, 1.0, 1.0))
    assert [int(d.voxels[0, 0]) for d in dots] == [1] * 3 + [4] * 3 + [3] * 2
