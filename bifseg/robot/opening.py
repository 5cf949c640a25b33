"""The first strokes of a session without an initial result: on the object, in the plane that shows most of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bifseg.core.geometry import Box, Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import largest_patches
from bifseg.robot.policies.policy import Policy


def opening_strokes(
    robot: Policy,
    truth: Mask,
    spacing: tuple[float, ...],
    side_rng: Callable[[int], np.random.Generator],
    most: int,
    ignored: Mask | None = None,
) -> list[Stroke]:
    """The strokes of a policy in the opening: for each result of `openings` the object first, then the background.

    The policy corrects one label at a time, so that a policy for the single largest error marks both labels.

    Args:
        robot: the policy, with the flaws of its user.
        truth: ground truth inside the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.
        side_rng: gives a random generator for the number, from 0, of each result of `openings`.
        most: most errors of each label that get a stroke, for each result.
        ignored: voxels that nobody annotated, of the truth's shape; no stroke marks them.

    Returns:
        The strokes in voxels of the box; none if the truth is empty.
    """
    drawn: list[Stroke] = []
    for side, result in enumerate(openings(truth, spacing, robot.surrounds)):
        rng = side_rng(side)
        if ignored is not None:
            result = result & ~ignored
        for wrong_on_one_label in (result & truth, result | truth):
            drawn += robot.strokes(truth, wrong_on_one_label, spacing, rng, most)
    return drawn


def openings(truth: Mask, spacing: tuple[float, ...], surrounds: bool = False) -> list[Mask]:
    """The results that a policy corrects in turn before a method that starts from scribbles has a result.

    They differ from the truth only in the plane where the object's largest piece is largest. In this plane the
    first is wrong on the whole object and on the background to one side of its middle, the second on the background to
    the other side. So the policy marks the object, and its surroundings on two sides: those of the axis along which
    the piece is longer in mm. A 2D image is the only plane. A policy that `surrounds` gets one result, wrong on both
    sides.

    Args:
        truth: ground truth inside the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.
        surrounds: as in `Policy`.

    Returns:
        Two masks of the same shape, or one; none if the truth is empty.
    """
    patches = largest_patches(truth, spacing, 0.0)
    if not patches:
        return []
    patch = patches[0]
    plane = tuple(slice(None) if k in patch.axes else patch.corner[k] for k in range(truth.ndim))
    shown = truth[plane]
    if surrounds:
        whole = truth.copy()
        whole[plane] = ~shown
        return [whole]
    piece = Box.around(patch.mask)
    long = int(np.argmax(np.multiply(piece.shape, patch.spacing)))
    middle = patch.corner[patch.axes[long]] + piece.shape[long] / 2
    first_side = np.indices(shown.shape)[long] < middle
    results = [truth.copy(), truth.copy()]
    results[0][plane] = ~shown & first_side
    results[1][plane] = shown | ~first_side
    return results
