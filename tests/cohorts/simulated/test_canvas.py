"""Painting: depth, partial volume, labels."""

from __future__ import annotations

import numpy as np
import pytest

from bifseg.cohorts.simulated.canvas import Canvas


@pytest.fixture
def canvas():
    """20 x 30 pixels of 2 mm, not warped."""
    blank = Canvas.blank(np.random.default_rng(0), (20, 30), 2.0)
    y, x = np.indices((20, 30), np.float32)
    blank.y, blank.x = (y - 9.5) * 2, (x - 14.5) * 2
    return blank


def test_borders_are_mixed_pixels_and_the_label_takes_the_inside(canvas):
    canvas.paint(canvas.y, 0.8, 3)  # the lower half; depths -1 and 1 mm beside the border are half a pixel
    assert canvas.image[9, 0] == pytest.approx(0)
    assert canvas.image[10, 0] == pytest.approx(0.8)
    canvas.paint(canvas.y + 1.0, 0.4, 2)  # the border runs through the middle of row 9
    assert canvas.image[9, 0] == pytest.approx(0.2)
    assert set(canvas.labels[:9].ravel()) == {0}
    assert set(canvas.labels[10:].ravel()) == {2}


def test_an_ellipse_has_its_area_and_turns(canvas):
    upright = canvas.ellipse(np.zeros(2), np.array([16.0, 8.0])) > 0
    assert upright.sum() * 4 == pytest.approx(np.pi * 16 * 8, rel=0.06)
    lying = canvas.ellipse(np.zeros(2), np.array([16.0, 8.0]), np.pi / 2) > 0
    assert lying[10].sum() == pytest.approx(16, abs=1)
    assert upright[:, 15].sum() == pytest.approx(16, abs=1)


def test_only_the_largest_pieces_keep_the_label(canvas):
    canvas.labels[1:3, 1:3] = canvas.labels[5:10, 5:10] = canvas.labels[12:16, 20:24] = 4
    canvas.keep_largest(4, 2)
    assert (canvas.labels == 4).sum() == 25 + 16
    assert canvas.labels[1, 1] == 0


def test_a_blank_canvas_is_warped_by_millimetres(canvas):
    blank = Canvas.blank(np.random.default_rng(0), (20, 30), 2.0)
    moved = np.hypot(blank.y - canvas.y, blank.x - canvas.x)
    assert 1 < np.sqrt((moved**2).mean()) < 6
