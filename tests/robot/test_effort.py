import numpy as np
import pytest

from bifseg.core.scribbles import Stroke
from bifseg.robot.effort import ASSUMED, longest_seconds, n_slices, round_seconds, slices_across

CLICK = 1.35 + 1.1 + 0.2


def stroke(*path: tuple[float, ...]) -> Stroke:
    points = np.array(path, float)
    return Stroke(True, points, np.rint(points).astype(np.intp))


def test_a_round_in_2d_by_hand():
    """One slice to look at; 3 rows of 2 mm and 8 columns of 1 mm are 10 mm, 3 cm on the screen; then a dot."""
    drawn = [stroke((0, 0), (3, 8)), stroke((5, 5))]
    assert round_seconds(drawn, (30, 40), (2.0, 1.0)) == pytest.approx(
        0.54 + (CLICK + 0.9 + 0.16 * 3) + CLICK
    )


@pytest.mark.parametrize(("box", "spacing"), [((30, 40), (2.0, 1.0)), ((12, 40, 50), (6.5, 1.0, 1.0))])
def test_the_longest_rounds_are_rounds_of_long_strokes(box, spacing):
    """Strokes as long as the longest side of the box, each in a slice of its own."""
    longest = float(np.multiply(box, spacing).max())
    axis = int(np.argmax(np.multiply(box, spacing)))
    drawn = []
    for k in range(2):
        start = np.full(len(box), k, float)
        end = start + np.eye(len(box))[axis] * longest / spacing[axis]
        drawn.append(Stroke(True, np.array([start, end]), np.full((1, len(box)), k)))
    spent = ASSUMED.box_s + 11 * round_seconds(drawn, box, spacing)
    assert longest_seconds(11, 2, [slices_across(box, spacing)], [longest]).tolist() == pytest.approx([spent])


def test_more_strokes_than_slices_go_back_to_each_slice_once():
    """Two slices, five strokes of 10 mm: 3 cm on the screen."""
    expected = 7 + 2 * 0.54 + 2 * 1.1 + 5 * (CLICK + 0.9 + 0.16 * 3)
    assert longest_seconds(1, 5, [2], [10.0]).tolist() == pytest.approx([expected])


def test_a_round_without_strokes_is_a_look():
    assert round_seconds([], (30, 40), (1.0, 1.0)) == pytest.approx(0.54)
    assert round_seconds([], (30, 40, 50), (1.0, 1.0, 1.0)) == pytest.approx(30 * 0.54)


def test_a_round_in_a_volume_by_hand():
    """12 thick slices to look through, and a way back to each of the two that are drawn on."""
    drawn = [stroke((3, 0, 0), (3, 3, 4)), stroke((3, 9, 9)), stroke((5, 1, 1))]
    spacing = (6.5, 1.0, 1.0)
    expected = 12 * 0.54 + 2 * 1.1 + (CLICK + 0.9 + 0.16 * 1.5) + 2 * CLICK
    assert round_seconds(drawn, (12, 40, 50), spacing) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("spacing", "slices"),
    [((1.0, 1.0, 1.0), 10), ((6.5, 1.0, 1.0), 10), ((1.0, 6.5, 1.0), 20), ((1.0, 1.0, 6.5), 30)],
)
def test_the_slices_are_those_that_a_person_scrolls_through(spacing, slices):
    assert slices_across((10, 20, 30), spacing) == slices


def test_slices_are_counted_once_and_orientations_apart():
    axial, sagittal = stroke((3, 1, 1), (3, 5, 9)), stroke((1, 1, 7), (9, 5, 7))
    cube = (1.0, 1.0, 1.0)
    assert n_slices([], cube) == 0
    assert n_slices([axial, axial, sagittal], cube) == 2
    assert n_slices([axial, stroke((4, 1, 1), (4, 5, 9))], cube) == 2
    # along a row of voxels: the first orientation that holds it
    assert n_slices([axial, stroke((3, 2, 1), (3, 2, 9))], cube) == 1


def test_a_stroke_in_no_plane_counts_in_every_slice_that_it_crosses():
    assert n_slices([stroke((3, 1, 1), (5, 5, 9))], (1.0, 1.0, 1.0)) == 2  # two voxels, two slices


def test_an_image_is_one_slice():
    assert n_slices([stroke((3, 1), (5, 5)), stroke((0, 0))], (1.0, 1.0)) == 1


def test_the_numbers_are_frozen():
    with pytest.raises(AttributeError):
        ASSUMED.box_s = 1.0
