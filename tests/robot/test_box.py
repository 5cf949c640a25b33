import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bifseg.geometry import Box
from bifseg.robot.box import draw_box
from bifseg.seeds import generator


def _truth(shape, lower, upper):
    truth = np.zeros(shape, bool)
    truth[Box(lower, upper).slices] = True
    return truth


def test_margin_zero_is_the_tight_box():
    truth = _truth((9, 9), (2, 3), (5, 8))
    assert draw_box(truth, 0, generator(0)) == Box((2, 3), (5, 8))


def test_sides_are_drawn_axis_by_axis_lower_before_upper():
    truth = _truth((60, 60, 60), (20, 21, 22), (30, 31, 32))
    a, b, c, d, e, f = (int(generator_draw) for generator_draw in generator(3, "box").integers(0, 11, 6))
    assert draw_box(truth, 10, generator(3, "box")) == Box((20 - a, 21 - c, 22 - e), (30 + b, 31 + d, 32 + f))


def test_every_margin_of_every_side_is_equally_likely():
    truth = _truth((40, 40), (15, 15), (25, 25))
    rng = generator(0, "uniform")
    boxes = [draw_box(truth, 3, rng) for _ in range(2000)]
    margins = np.array([[15 - b.lower[0], b.upper[0] - 25, 15 - b.lower[1], b.upper[1] - 25] for b in boxes])
    for side in margins.T:
        assert np.bincount(side, minlength=4) / 2000 == pytest.approx([0.25] * 4, abs=0.04)
    assert np.abs(np.corrcoef(margins.T) - np.eye(4)).max() < 0.1


@given(lower=st.tuples(*[st.integers(0, 7)] * 3), margin=st.integers(0, 10), seed=st.integers(0, 99))
def test_holds_the_object_and_stays_in_the_image(lower, margin, seed):
    upper = tuple(v + 1 for v in lower)
    truth = _truth((8, 8, 8), lower, upper)
    box = draw_box(truth, margin, generator(seed))
    assert truth[box.slices].sum() == truth.sum()
    for tight, drawn in ((lower, box.lower), (upper, box.upper)):
        assert all(0 <= v <= 8 and abs(v - t) <= margin for t, v in zip(tight, drawn, strict=True))


def test_refuses_an_empty_truth_and_a_negative_margin():
    with pytest.raises(ValueError, match="empty"):
        draw_box(np.zeros((4, 4), bool), 3, generator(0))
    with pytest.raises(ValueError, match="high"):
        draw_box(np.ones((4, 4), bool), -1, generator(0))
