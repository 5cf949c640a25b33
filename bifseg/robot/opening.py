"""Where a user begins who has no result yet: on the object itself, in the plane that shows most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bifseg.core.geometry import Box, Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import largest_patches
from bifseg.robot.policies.registry import Policy


def opening_strokes(
    robot: Policy,
    truth: Mask,
    spacing: tuple[float, ...],
    side_rng: Callable[[int], np.random.Generator],
    most: int,
) -> list[Stroke]:
    """What a policy draws in the opening: on each side of `openings` the object first, then the background.

    One label at a time: a policy that corrects the largest mistake alone marks both.

    Args:
        robot: the policy as its user follows it.
        truth: ground truth inside the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.
        side_rng: a generator for each side, by its number.
        most: most mistakes of each label on a side that are marked.
    """
    drawn: list[Stroke] = []
    for side, result in enumerate(openings(truth, spacing)):
        rng = side_rng(side)
        for wrong in (result & truth, result | truth):
            drawn += robot.strokes(truth, wrong, spacing, rng, most)
    return drawn


def openings(truth: Mask, spacing: tuple[float, ...]) -> list[Mask]:
    """What a policy corrects, one after the other, before a method that starts from scribbles has a result.

    In the plane where the object's largest piece is largest, the first is wrong on the whole object and on the
    background to one side of its middle, the second on the background to the other side; everywhere else both
    are right. So the policy marks the object, and what surrounds it on two sides. The sides are those of the
    axis along which that piece is longer in mm. In 2D there is one plane.

    Args:
        truth: ground truth inside the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Returns:
        Two masks of the same shape; none where the truth is empty.
    """
    patches = largest_patches(truth, spacing, 0.0)
    if not patches:
        return []
    patch = patches[0]
    plane = tuple(slice(None) if k in patch.axes else patch.corner[k] for k in range(truth.ndim))
    shown = truth[plane]
    piece = Box.around(patch.mask)
    long = int(np.argmax(np.multiply(piece.shape, patch.spacing)))
    middle = patch.corner[patch.axes[long]] + piece.shape[long] / 2
    first_side = np.indices(shown.shape)[long] < middle
    results = [truth.copy(), truth.copy()]
    results[0][plane] = ~shown & first_side
    results[1][plane] = shown | ~first_side
    return results
