"""What the code of two challenges draws on fixed masks, and what the policies of our cards draw: point by point.

The references below follow the challenges' public code as read (CVPR25_iter_eval.py of CVPR-MedSegFMCompetition at
748e862, simulate_scribbles.py of autoPET V), written anew from its rules and slow. docs/robot.md lists the differences.
"""

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import skeletonize

from bifseg.cards.cards import ProtocolCard, read_card
from bifseg.cards.shipped import shipped_folder
from bifseg.core.geometry import Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.sessions.record import Step
from bifseg.sessions.users import SimulatedUser, View

CARDS = shipped_folder() / "config"
ISOTROPIC, THICK = (1.0, 1.0, 1.0), (5.0, 1.0, 1.0)


def cvpr_clicks(truth, result):
    """All voxels that the CVPR 2025 evaluation may click next, and whether each is a foreground click.

    The largest error of 26-connected voxels, whatever their label; of it the voxels that are deepest in voxels. Which
    of equally deep ones is clicked is a seeded draw.
    """
    errors, n = ndimage.label(truth != result, np.ones((3, 3, 3)))
    if n == 0:
        return {}
    sizes = [int((errors == k + 1).sum()) for k in range(n)]
    error = np.pad(errors == 1 + int(np.argmax(sizes)), 1)
    depth = ndimage.distance_transform_edt(error)[1:-1, 1:-1, 1:-1]
    return {tuple(map(int, at)): bool(truth[tuple(at)]) for at in np.argwhere(depth == depth.max())}


def our_click(truth, result, spacing, before=()):
    """The voxel that `cvpr25` clicks, and whether it is a foreground click."""
    image = Image(np.zeros(truth.shape, np.float32), Grid.plain(truth.shape, spacing))
    card = read_card(ProtocolCard, CARDS / "protocols/cvpr25.yaml")
    user = SimulatedUser(image, truth, card)
    view = View(
        1 + len(before), user.window(user.box()), [_step(result)], _points(truth.shape, before), False
    )
    [stroke] = user.next_strokes(view)
    return tuple(map(int, stroke.voxels[0])), stroke.foreground


def autopet_scribble(truth, result):
    """The scribble that autoPET V draws next by its strategy `centerline`, and whether it is on a missed lesion.

    Of each label the largest 8-connected piece of any axial slice; the longest skeleton's voxels between its two
    farthest ones, without a tenth at both ends. The label with more voxels is drawn, a tie on the missed one.
    """
    drawn = [_centre_line(wrong) for wrong in (truth & ~result, result & ~truth)]
    foreground = len(drawn[1]) <= len(drawn[0])
    return drawn[0 if foreground else 1], foreground


def _centre_line(wrong):
    best = None
    for z, shown in enumerate(wrong):
        pieces, n = ndimage.label(shown.T, np.ones((3, 3)))
        for k in range(n):
            piece = pieces == k + 1
            if best is None or piece.sum() > best[1].sum():
                best = (z, piece)
    if best is None:
        return []
    z, piece = best
    bones, _ = ndimage.label(skeletonize(piece), np.ones((3, 3)))
    voxels = np.argwhere(bones == np.bincount(bones[bones > 0]).argmax()) if bones.any() else []
    if len(voxels) < 2:
        return [(z, int(y), int(x)) for x, y in np.argwhere(piece)]
    path = _shortest(list(map(tuple, voxels.tolist())))
    middle = path[int(0.1 * len(path)) : int(0.9 * len(path))] if len(path) > 10 else path
    return [(z, y, x) for x, y in middle]


def _shortest(voxels):
    """A shortest path between the two voxels that are farthest apart."""
    far = [[np.hypot(a[0] - b[0], a[1] - b[1]) for b in voxels] for a in voxels]
    start, end = np.unravel_index(int(np.argmax(far)), (len(voxels), len(voxels)))
    came_from, front = {voxels[start]: None}, [voxels[start]]
    while voxels[end] not in came_from:
        reached = []
        for a in front:
            for b in voxels:
                if b not in came_from and max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1:
                    came_from[b] = a
                    reached.append(b)
        front = reached
    path = [voxels[end]]
    while came_from[path[-1]] is not None:
        path.append(came_from[path[-1]])
    return path[::-1]


def our_scribbles(truth, result, spacing):
    """The strokes that `autopet` draws."""
    card = read_card(ProtocolCard, CARDS / "protocols/autopet.yaml")
    image = Image(np.zeros(truth.shape, np.float32), Grid.plain(truth.shape, spacing))
    user = SimulatedUser(image, truth, card)
    view = View(1, user.window(user.box()), [_step(result)], Scribbles(truth.shape), False)
    return user.next_strokes(view)


def _step(result):
    return Step("initial", (), result, {})


def _points(shape, voxels):
    strokes = (Stroke(True, np.array([at], float), np.array([at])) for at in voxels)
    return Scribbles(shape, tuple(strokes))


def _box(shape, *spans):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(*span) for span in spans)] = True
    return mask


SHAPE = (12, 30, 40)
NOTHING = np.zeros(SHAPE, bool)
BLOCK = _box(SHAPE, (3, 10), (5, 16), (8, 21))
CORNER = _box(SHAPE, (0, 1), (0, 2), (0, 2))  # a correct part, so that the object is not empty


@pytest.mark.parametrize(
    ("truth", "result", "foreground"),
    [
        (BLOCK, NOTHING, True),
        (CORNER, CORNER | BLOCK, False),
        (BLOCK, np.roll(BLOCK, 30, axis=2) | BLOCK & np.roll(BLOCK, 5, axis=1), None),
        (BLOCK, BLOCK ^ _box(SHAPE, (4, 5), (6, 7), (9, 10)), True),
    ],
)
def test_isotropic_voxels_and_one_label_give_the_same_click(truth, result, foreground):
    voxel, label = our_click(truth, result, ISOTROPIC)
    published = cvpr_clicks(truth, result)
    assert published[voxel] == label
    assert foreground in (None, label)


def test_depth_is_in_mm_and_not_in_voxels():
    thin = _box(SHAPE, (4, 6), (5, 20), (5, 20)) | _box(SHAPE, (6, 11), (5, 8), (5, 8))
    assert our_click(thin, NOTHING, ISOTROPIC)[0] in cvpr_clicks(thin, NOTHING)
    assert our_click(thin, NOTHING, THICK)[0] not in cvpr_clicks(thin, NOTHING)


def test_a_missed_part_beside_a_leak_is_one_error_to_them_and_two_to_us():
    truth, result = _box(SHAPE, (2, 9), (5, 15), (5, 15)), _box(SHAPE, (2, 9), (5, 15), (15, 24))
    alone = _box(SHAPE, (2, 9), (17, 28), (28, 39))  # 847 voxels; the two others have 700 and 630
    assert not any(alone[at] for at in cvpr_clicks(truth | alone, result))
    voxel, label = our_click(truth | alone, result, ISOTROPIC)
    assert alone[voxel]
    assert label


def test_they_click_a_voxel_twice_and_we_do_not():
    published = cvpr_clicks(BLOCK, NOTHING)
    first, _ = our_click(BLOCK, NOTHING, ISOTROPIC)
    second, _ = our_click(BLOCK, NOTHING, ISOTROPIC, before=[first])
    assert first in published
    assert second != first
    assert cvpr_clicks(BLOCK, NOTHING) == published


@pytest.mark.parametrize(("truth", "result"), [(BLOCK, NOTHING), (CORNER, CORNER | BLOCK)])
def test_their_scribble_lies_in_our_slice_and_label_if_one_label_is_wrong(truth, result):
    published, foreground = autopet_scribble(truth, result)
    [stroke] = our_scribbles(truth, result, THICK)
    assert stroke.foreground == foreground
    error = truth ^ result
    assert error[tuple(np.array(published).T)].all()
    assert len(np.unique(stroke.voxels[:, 0])) == len({z for z, _, _ in published}) == 1


def test_they_correct_one_label_a_round_and_we_correct_both():
    truth, result = BLOCK, np.roll(BLOCK, 6, axis=2)
    published, foreground = autopet_scribble(truth, result)
    assert foreground  # a tie
    assert published
    assert {stroke.foreground for stroke in our_scribbles(truth, result, THICK)} == {True, False}


def test_they_draw_axial_slices_only_and_one_voxel_wide():
    wall = _box(SHAPE, (0, 12), (3, 28), (10, 12))  # largest in sagittal slices
    published, _ = autopet_scribble(wall, NOTHING)
    [stroke] = our_scribbles(wall, NOTHING, ISOTROPIC)
    assert len({z for z, _, _ in published}) == 1
    assert len(np.unique(stroke.voxels[:, 0])) > 1
    assert len(np.unique(stroke.voxels[:, 2])) == 1


def test_a_small_compact_error_is_painted_whole_by_them_and_passed_over_by_us():
    cross = _box(SHAPE, (5, 6), (25, 28), (31, 32)) | _box(SHAPE, (5, 6), (26, 27), (30, 33))
    published, _ = autopet_scribble(BLOCK | cross, BLOCK)
    assert len(published) == 5
    assert our_scribbles(BLOCK | cross, BLOCK, ISOTROPIC) == []  # 5 of 30 mm2


@pytest.mark.parametrize("seed", range(12))
def test_random_errors(seed):
    """Both always mark an error, with the right label; how often they agree stands in docs/robot.md."""
    truth, result = random_masks(seed)
    voxel, label = our_click(truth, result, THICK)
    assert truth[voxel] != result[voxel]
    assert truth[voxel] == label
    for at, foreground in cvpr_clicks(truth, result).items():
        assert truth[at] == foreground != result[at]
    published, foreground = autopet_scribble(truth, result)
    wrong = truth & ~result if foreground else result & ~truth
    assert wrong[tuple(np.array(published).T)].all()


def random_masks(seed):
    """A smooth random object and a result with errors of both labels."""
    rng = np.random.default_rng(seed)
    smooth = [ndimage.gaussian_filter(rng.standard_normal(SHAPE), (1.5, 3, 3)) for _ in range(2)]
    return smooth[0] > 0.03, smooth[0] + 0.6 * smooth[1] > 0.03
