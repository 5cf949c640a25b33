"""When a user gives up: results repeat, or strokes on the same error have no effect.

A session whose results change without improving is not stuck: some methods get worse for a few rounds first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bifseg.core.geometry import Box, Grid, Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import errors_by_label
from bifseg.robot.policies.centre_click import deepest
from bifseg.sessions.record import Step

_DESCRIBED = 2  # regions


@dataclass(frozen=True)
class _Region:
    """A connected error under a stroke: whether foreground was missed, and its mask of the box's shape."""

    foreground: bool
    mask: Mask


def why_stuck(
    steps: Sequence[Step], strokes: Sequence[Stroke], truth: Mask, grid: Grid, box: Box, patience: int
) -> str:
    """Why a user gives up instead of drawing the next strokes.

    The user gives up in two cases. Each of the last `patience` rounds repeated an earlier result; or the next strokes
    lie on errors that had strokes in each of those rounds, and no round corrected a single voxel of them. Two errors
    are the same if they have the same label and share a voxel.

    Args:
        steps: results so far with masks of the box's shape, at least one.
        strokes: the strokes to be drawn next, on the object's grid.
        truth: the object's mask inside the box, of the box's shape.
        grid: the object's grid.
        box: the box on that grid.
        patience: rounds without effect until the user gives up, at least 1.

    Returns:
        One line: which rounds, what did not change, and where in world mm (x, y, z); empty if the user goes on.
    """
    rounds = [k for k, step in enumerate(steps) if step.round][-patience:]
    if len(rounds) < patience:
        return ""
    reason = _repeats(steps, rounds)
    if reason or all(_ignored_a_stroke(steps, k, box) for k in rounds):
        errors = list(_marked(steps[-1].mask, strokes, truth, grid, box))
        if not reason and errors and all(_without_effect(steps, rounds, e, truth, grid, box) for e in errors):
            reason = f"{_rounds(rounds, steps)} changed no voxel of the errors that the strokes marked"
        if reason:
            return f"{reason}; {_places(errors, grid, box)}".removesuffix("; ")
    return ""


def _repeats(steps: Sequence[Step], rounds: Sequence[int]) -> str:
    """Which earlier result each of these rounds repeated, in words; empty if one result was new."""
    again: dict[int, int] = {}
    for k in reversed(rounds):  # the last result is the most likely to be new
        known = next((j for j in range(k) if np.array_equal(steps[j].mask, steps[k].mask)), None)
        if known is None:
            return ""
        again[k] = known
    if all(np.array_equal(steps[k - 1].mask, steps[k].mask) for k in rounds):
        return f"{_rounds(rounds, steps)} changed nothing"
    repeats = (f"{steps[k].name} gave the result of {steps[again[k]].name}" for k in rounds)
    return f"results repeat: {', '.join(repeats)}"


def _ignored_a_stroke(steps: Sequence[Step], k: int, box: Box) -> bool:
    """Whether a round changed no voxel under some stroke. Checked first because it is cheap."""
    before, after = steps[k - 1].mask, steps[k].mask
    painted = [tuple((stroke.voxels - box.lower).T) for stroke in steps[k].strokes]
    return any(np.array_equal(before[voxels], after[voxels]) for voxels in painted)


def _without_effect(
    steps: Sequence[Step], rounds: Sequence[int], region: _Region, truth: Mask, grid: Grid, box: Box
) -> bool:
    """Whether each of these rounds had a stroke on this error and corrected no voxel of it."""
    return all(
        any(
            error.foreground == region.foreground
            and (error.mask & region.mask).any()
            and (steps[k].mask[error.mask] != region.foreground).all()
            for error in _marked(steps[k - 1].mask, steps[k].strokes, truth, grid, box)
        )
        for k in rounds
    )


def _marked(result: Mask, strokes: Iterable[Stroke], truth: Mask, grid: Grid, box: Box) -> Iterable[_Region]:
    """The connected errors of a result that have a stroke on them."""
    voxels = np.concatenate([stroke.voxels for stroke in strokes]) - box.lower
    for foreground, wrong in errors_by_label(truth, result, grid.spacing):
        labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
        for number in np.unique(labels[tuple(voxels.T)]):
            if number:
                yield _Region(foreground, labels == number)


def _rounds(rounds: Sequence[int], steps: Sequence[Step]) -> str:
    names = [str(steps[k].round) for k in rounds]
    return f"round {names[0]}" if len(names) == 1 else f"rounds {', '.join(names[:-1])} and {names[-1]}"


def _places(regions: Sequence[_Region], grid: Grid, box: Box) -> str:
    """Where the regions lie, the largest first."""
    if not regions:
        return ""
    largest = sorted(regions, key=lambda region: -int(region.mask.sum()))
    places = [_place(region, grid, box) for region in largest[:_DESCRIBED]]
    more = len(regions) - len(places)
    return "still " + " and ".join(places) + (f" and {more} more" if more else "")


def _place(region: _Region, grid: Grid, box: Box) -> str:
    voxels = np.argwhere(region.mask)
    centre = grid.to_world((deepest(voxels, grid.spacing) + box.lower)[np.newaxis])[0]
    where = ", ".join(f"{mm:.1f}" for mm in centre)
    what = "missed" if region.foreground else "too much"
    return f"{len(voxels)} voxels {what} around ({where}) mm"
