"""When a person gives up: the result goes in circles, or the same place is asked for again without effect.

A result that changes without getting better is not stuck: some methods get worse for a few rounds, and then well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from bifseg.core.geometry import Box, Grid, Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import mistakes
from bifseg.robot.policies.centre_click import deepest
from bifseg.sessions.record import Step

_SHOWN = 2  # regions that are described


@dataclass(frozen=True)
class Region:
    """A connected mistake that was asked for: its label and its voxels, a mask of the box's shape."""

    foreground: bool
    mask: Mask


def why_stuck(
    steps: Sequence[Step], strokes: Sequence[Stroke], truth: Mask, grid: Grid, box: Box, patience: int
) -> str:
    """Why a person would rather give up than draw these strokes; empty where nothing speaks for it.

    Either each of the last `patience` rounds gave a result that was there before. Or the strokes ask for mistakes
    of which not one voxel became right in any of those rounds, though each of them asked for it. A mistake is
    asked for by a stroke on one of its voxels, and the same mistake is one of the same label that shares a voxel.

    Args:
        steps: so far, their masks inside the box, at least one.
        strokes: what would be drawn next, on the object's grid.
        truth: of the object inside the box.
        grid: the object's grid.
        box: on that grid.
        patience: rounds, at least 1.

    Returns:
        One line: which rounds, what did not change, and where in world mm.
    """
    rounds = [k for k, step in enumerate(steps) if step.round][-patience:]
    if len(rounds) < patience:
        return ""
    told = _in_circles(steps, rounds)
    if told or all(_heeded_nothing(steps, k, box) for k in rounds):
        asked = list(_asked(steps[-1].mask, strokes, truth, grid, box))
        if not told and asked and all(_in_vain(steps, rounds, region, truth, grid, box) for region in asked):
            told = f"{_rounds(rounds, steps)} changed not one voxel of what was asked for"
        if told:
            return f"{told}; {_places(asked, grid, box)}".removesuffix("; ")
    return ""


def _in_circles(steps: Sequence[Step], rounds: Sequence[int]) -> str:
    """In words, which earlier result each of these rounds gave again; empty where one of them was new."""
    again: dict[int, int] = {}
    for k in reversed(rounds):  # the last is the one that most likely was new
        known = next((j for j in range(k) if np.array_equal(steps[j].mask, steps[k].mask)), None)
        if known is None:
            return ""
        again[k] = known
    if all(np.array_equal(steps[k - 1].mask, steps[k].mask) for k in rounds):
        return f"{_rounds(rounds, steps)} changed nothing"
    told = (f"{steps[k].name} gave the result of {steps[again[k]].name}" for k in rounds)
    return f"in circles: {', '.join(told)}"


def _heeded_nothing(steps: Sequence[Step], k: int, box: Box) -> bool:
    """Whether all that some stroke of a round painted is as it was: quick to tell, and else nothing was in vain."""
    before, after = steps[k - 1].mask, steps[k].mask
    painted = [tuple((stroke.voxels - box.lower).T) for stroke in steps[k].strokes]
    return any(np.array_equal(before[voxels], after[voxels]) for voxels in painted)


def _in_vain(
    steps: Sequence[Step], rounds: Sequence[int], region: Region, truth: Mask, grid: Grid, box: Box
) -> bool:
    """Whether each of these rounds asked for this region and none of what it asked for became right."""
    return all(
        any(
            asked.foreground == region.foreground
            and (asked.mask & region.mask).any()
            and (steps[k].mask[asked.mask] != region.foreground).all()
            for asked in _asked(steps[k - 1].mask, steps[k].strokes, truth, grid, box)
        )
        for k in rounds
    )


def _asked(result: Mask, strokes: Iterable[Stroke], truth: Mask, grid: Grid, box: Box) -> Iterable[Region]:
    """The connected mistakes of a result that strokes lie on."""
    voxels = np.concatenate([stroke.voxels for stroke in strokes]) - box.lower
    for foreground, wrong in mistakes(truth, result, grid.spacing):
        labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
        for number in np.unique(labels[tuple(voxels.T)]):
            if number:
                yield Region(foreground, labels == number)


def _rounds(rounds: Sequence[int], steps: Sequence[Step]) -> str:
    names = [str(steps[k].round) for k in rounds]
    return f"round {names[0]}" if len(names) == 1 else f"rounds {', '.join(names[:-1])} and {names[-1]}"


def _places(regions: Sequence[Region], grid: Grid, box: Box) -> str:
    """Where the regions lie, the largest first."""
    if not regions:
        return ""
    largest = sorted(regions, key=lambda region: -int(region.mask.sum()))
    told = [_place(region, grid, box) for region in largest[:_SHOWN]]
    more = len(regions) - len(told)
    return "still " + " and ".join(told) + (f" and {more} more" if more else "")


def _place(region: Region, grid: Grid, box: Box) -> str:
    voxels = np.argwhere(region.mask)
    at = grid.to_world((deepest(voxels, grid.spacing) + box.lower)[np.newaxis])[0]
    where = ", ".join(f"{mm:.1f}" for mm in at)
    what = "missed" if region.foreground else "too much"
    return f"{len(voxels)} voxels {what} around ({where}) mm"
