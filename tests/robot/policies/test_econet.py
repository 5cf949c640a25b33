import numpy as np
import pytest

from bifseg.core.seeds import generator
from bifseg.robot.policies.econet import Econet


def _block(*edges, pad=2):
    return np.pad(np.ones(edges, bool), pad)


def _dots(truth, spacing, seed=0, most=1):
    return Econet().strokes(truth, np.zeros_like(truth), spacing, generator(seed), most)


@pytest.mark.parametrize(
    ("edges", "mm", "dots"),
    [
        ((6, 6, 6), 1.0, 1),
        ((5, 6, 7), 1.0, 0),  # 210 < 216
        ((10, 10, 10), 1.0, 1),
        ((10, 10, 11), 1.0, 2),
        ((20, 10, 10), 1.0, 2),
        ((3, 3, 3), 2.0, 1),
        ((3, 3, 2), 2.0, 0),
        ((10, 10, 10), 2.0, 8),
        ((6, 6), 1.0, 1),
        ((5, 7), 1.0, 0),  # 35 < 36
        ((10, 21), 1.0, 3),
    ],
)
def test_the_rule_in_mm(edges, mm, dots):
    assert len(_dots(_block(*edges), (mm,) * len(edges))) == dots


def test_thickness_of_slices_counts():
    assert len(_dots(_block(4, 20, 20), (6.5, 1.0, 1.0))) == 11  # 10 400 mm3
    assert len(_dots(_block(4, 20, 20), (1.0, 1.0, 1.0))) == 2


def test_dots_lie_anywhere_in_the_volume():
    (*dots,) = _dots(_block(30, 30, 30), (1.0, 1.0, 1.0))
    where = np.array([d.voxels[0] for d in dots])
    assert len(np.unique(where, axis=0)) == 27
    assert (np.ptp(where, axis=0) > 18).all()


def test_largest_volumes_first_and_both_labels():
    truth = np.zeros((20, 40, 60), bool)
    truth[:10, :10, :10] = truth[:12, :12, 20:32] = True
    result = np.zeros_like(truth)
    result[:10, 30:, 40:50] = True
    first = Econet().strokes(truth, result, (1.0, 1.0, 1.0), generator(0), 1)
    assert [d.foreground for d in first] == [True, True, False]
    assert all(20 <= d.voxels[0, 2] < 32 for d in first[:2])
    assert len(Econet().strokes(truth, result, (1.0, 1.0, 1.0), generator(0), 2)) == 4
