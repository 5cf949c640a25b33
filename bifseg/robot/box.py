"""The box that the robot draws around an object."""

from __future__ import annotations

import numpy as np

from bifseg.geometry import Box, Mask


def draw_box(truth: Mask, margin: int, rng: np.random.Generator) -> Box:
    """The object's box with each side U{0..margin} voxels further out, clipped to the image.

    The sides are drawn axis by axis in array order, the lower side before the upper one. Seed `rng` without
    the method's name, and every method gets the same box (paper, section on the user's bounding box).

    Args:
        truth: ground truth of the object, (z, y, x) or (y, x).
        margin: most voxels between the object and a side of the box; 0 gives the tight box.
        rng: source of the margins.

    Raises:
        ValueError: where `truth` is empty or `margin` is negative.
    """
    tight = Box.around(truth)
    margins = rng.integers(0, margin, size=(truth.ndim, 2), endpoint=True)
    before, after = (tuple(int(m) for m in side) for side in margins.T)
    return tight.grow(before, after, truth.shape)
