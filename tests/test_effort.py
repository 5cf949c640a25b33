import numpy as np
import pytest

from bifseg.effort import ASSUMED, user_seconds
from bifseg.scribbles import Stroke


def stroke(*path: tuple[float, ...]) -> Stroke:
    points = np.array(path, float)
    return Stroke(True, points, np.rint(points).astype(np.intp))


def test_a_box_alone():
    assert user_seconds(True, [], (1.0, 1.0)) == ASSUMED.box_s
    assert user_seconds(False, [], (1.0, 1.0)) == 0.0


def test_strokes_by_hand_in_mm():
    """3 rows of 2 mm and 8 columns of 1 mm: 10 mm; then a dot."""
    drawn = [stroke((0, 0), (3, 8)), stroke((5, 5))]
    expected = ASSUMED.box_s + 2 * ASSUMED.find_s + 10.0 / ASSUMED.speed_mm_s
    assert user_seconds(True, drawn, (2.0, 1.0)) == pytest.approx(expected)


def test_in_three_dimensions_and_additive():
    one, two = stroke((0, 0, 0), (0, 3, 4)), stroke((1, 1, 1), (2, 1, 1))
    spacing = (4.0, 1.0, 1.0)
    together = user_seconds(False, [one, two], spacing)
    assert together == pytest.approx(sum(user_seconds(False, [s], spacing) for s in (one, two)))
    assert together == pytest.approx(2 * ASSUMED.find_s + 9.0 / ASSUMED.speed_mm_s)
