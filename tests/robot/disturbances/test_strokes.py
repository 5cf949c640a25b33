import numpy as np
import pytest

from bifseg.core.geometry import Box
from bifseg.core.scribbles import Stroke
from bifseg.robot.disturbances.strokes import Canvas, crossing, displaced, mislabelled, slipped

TRUTH = np.zeros((40, 60), bool)
TRUTH[10:30, 20:50] = True
WHOLE = Box((0, 0), (40, 60))
CANVAS = Canvas(TRUTH, (1.0, 1.0), WHOLE)


def stroke(rows, columns, foreground=True):
    voxels = np.array([(row, column) for row in rows for column in columns])
    return Stroke(foreground, voxels[[0, -1]].astype(float), voxels)


INSIDE = stroke([14], range(25, 45))  # 4 voxels below the upper border


def rng(seed=0):
    return np.random.default_rng(seed)


def outside(moved):
    return float((TRUTH[tuple(moved.voxels.T)] != moved.foreground).mean())


def test_a_displaced_stroke_keeps_its_shape_and_goes_so_many_mm():
    canvas = Canvas(TRUTH, (2.0, 1.0), WHOLE)
    for seed in range(10):
        moved = displaced(INSIDE, canvas, 6.0, rng(seed))
        ways = moved.voxels - INSIDE.voxels
        assert len(np.unique(ways, axis=0)) == 1
        assert np.linalg.norm(ways[0] * (2.0, 1.0)) == pytest.approx(6.0, abs=1.2)


def test_no_stroke_leaves_the_window():
    window = Box((12, 22), (20, 48))
    for seed in range(20):
        voxels = displaced(INSIDE, Canvas(TRUTH, (1.0, 1.0), window), 30.0, rng(seed)).voxels
        assert (voxels >= window.lower).all()
        assert (voxels < window.upper).all()


def test_a_displaced_stroke_of_a_volume_stays_in_its_slice():
    truth = np.zeros((5, 40, 60), bool)
    truth[1:4, 10:30, 20:50] = True
    volume = Stroke(True, np.insert(INSIDE.path, 0, 2, axis=1), np.insert(INSIDE.voxels, 0, 2, axis=1))
    canvas = Canvas(truth, (3.0, 1.0, 1.0), Box((0, 0, 0), truth.shape))
    for change, strength in ((displaced, 5.0), (crossing, 0.4)):
        moved = change(volume, canvas, strength, rng())
        assert set(moved.voxels[:, 0]) == {2}
        assert (moved.voxels != volume.voxels).any()


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4, 1.0])
def test_a_crossing_stroke_reaches_the_share_and_little_more(share):
    thick = stroke(range(13, 18), range(25, 45))  # rows 13 to 17: each row is a fifth
    moved = crossing(thick, CANVAS, share, rng())
    assert share <= outside(moved) <= share + 0.2
    assert set(moved.voxels[:, 1]) == set(thick.voxels[:, 1])  # straight up, the nearest border


def test_a_background_stroke_crosses_into_the_object():
    moved = crossing(stroke([5, 6], range(25, 45), foreground=False), CANVAS, 0.4, rng())
    assert outside(moved) == 0.5


def test_a_share_that_cannot_be_reached_gives_the_most():
    truth = np.zeros((40, 60), bool)
    truth[20, 30] = True
    moved = crossing(
        stroke([25], range(25, 45), foreground=False), Canvas(truth, (1.0, 1.0), WHOLE), 0.4, rng()
    )
    assert truth[tuple(moved.voxels.T)].sum() == 1


def test_a_plane_without_another_side_leaves_the_stroke():
    everywhere = Canvas(np.ones((40, 60), bool), (1.0, 1.0), WHOLE)
    assert crossing(INSIDE, everywhere, 0.4, rng()) is INSIDE


def test_labels_change_for_the_share_of_strokes():
    labels = [mislabelled(INSIDE, CANVAS, 0.4, rng(seed)).foreground for seed in range(500)]
    assert np.mean(labels) == pytest.approx(0.6, abs=0.07)
    fewer = [mislabelled(INSIDE, CANVAS, 0.1, rng(seed)).foreground for seed in range(500)]
    assert all(
        label or not other for label, other in zip(fewer, labels, strict=True)
    )  # a wrong one stays wrong


def test_a_stroke_is_cut_at_voxels_that_nobody_annotated():
    ignored = np.zeros(TRUTH.shape, bool)
    ignored[:, 40:] = True
    moved = slipped(INSIDE, np.array([0, 10]), WHOLE, ignored)
    assert moved.voxels[:, 1].max() == 39
    ignored[:] = True
    assert slipped(INSIDE, np.array([0, 10]), WHOLE, ignored) is INSIDE


def test_a_stroke_that_cannot_move_is_cut_where_it_is():
    """Strokes of `person` cross borders: of one that would move onto unannotated voxels alone, the rest stays."""
    ignored = np.ones(TRUTH.shape, bool)
    first = tuple(INSIDE.voxels[0])
    ignored[first] = False
    stays = slipped(INSIDE, np.array([0, 10]), WHOLE, ignored)
    assert stays.voxels.tolist() == [list(first)]
    assert len(stays.path)
    under = np.floor(INSIDE.path + 0.5).astype(int)
    ignored[tuple(under.T)] = True  # of a thick brush, the voxels beside the path stay
    beside = next(v for v in INSIDE.voxels if tuple(v) not in set(map(tuple, under)))
    ignored[tuple(beside)] = False
    stays = slipped(INSIDE, np.array([0, 10]), WHOLE, ignored)
    assert stays.voxels.tolist() == stays.path.tolist() == [beside.tolist()]
