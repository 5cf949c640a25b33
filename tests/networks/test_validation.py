"""Boxes of validation objects."""

from types import SimpleNamespace

import numpy as np

from bifseg.core.geometry import Grid, Image
from bifseg.networks.validation import validation_dice


def boxes_in_world(grid, truth):
    """The corners of the boxes in which an object is segmented, in world mm."""
    drawn = []

    def answer(image, box):
        corners = grid.to_world(np.array([box.lower, np.array(box.upper) - 1]))
        drawn.append(np.sort(corners, axis=0).tolist())
        return truth

    cohort = SimpleNamespace(
        name="c",
        box_margin=6,
        image=lambda row, channels: Image(np.zeros(grid.shape, np.float32), grid, "t2"),
        truth=lambda row: truth,
        ignored=lambda row: None,
    )
    assert validation_dice(answer, cohort, [SimpleNamespace(object="a")], 1, 3) == [1.0]
    return drawn


def test_boxes_do_not_depend_on_how_the_image_is_stored():
    truth = np.zeros((40, 50), bool)
    truth[15:25, 20:40] = True
    upright = boxes_in_world(Grid.plain((40, 50)), truth)
    # columns first, each from the last row to the first
    turned = Grid((50, 40), (1.0, 1.0), (0.0, 39.0), ((1.0, 0.0), (0.0, -1.0)))
    assert boxes_in_world(turned, truth[::-1].T.copy()) == upright
    assert len({str(box) for box in upright}) == 3
