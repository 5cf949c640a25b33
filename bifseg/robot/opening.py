"""Where a user begins who has no result yet: on the object itself, in the plane that shows most of it."""

from __future__ import annotations

from bifseg.geometry import Mask
from bifseg.robot.regions import largest_patches


def opening(truth: Mask, spacing: tuple[float, ...]) -> Mask:
    """The result that a policy corrects in the first round of a method that starts from scribbles.

    Everything is wrong in the plane where the object's largest piece is largest, so that the policy marks the
    object and what surrounds it there; everything is right in all other planes. In 2D there is one plane.

    Args:
        truth: ground truth inside the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Returns:
        A mask of the same shape; empty where the truth is empty.
    """
    result = truth.copy()
    for patch in largest_patches(truth, spacing, 0.0):
        plane = tuple(slice(None) if k in patch.axes else patch.corner[k] for k in range(truth.ndim))
        result[plane] = ~truth[plane]
    return result
