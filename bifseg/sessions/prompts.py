"""Prompts for a method: clicks as single voxels, and scribbles as points if its card says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from bifseg.cards.plays import Drawn, Plays, ScribblesAsPoints
from bifseg.core.scribbles import Scribbles, Stroke


def clicked(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Clicks as points: the clicked voxels without the paint around them.

    Args:
        strokes: strokes of a click policy; the path of each is one position.

    Returns:
        A stroke of one voxel for each click, in order.
    """
    return [_point(stroke.foreground, stroke.path[0]) for stroke in strokes]


def adapted(
    scribbles: Scribbles,
    drawn: Drawn,
    prompts: Collection[str],
    plays: Plays | None,
    spacing: tuple[float, ...],
) -> Scribbles:
    """The scribbles that a method gets: those of the user, or points by the rule of its card.

    Points are already strokes of one voxel, so that a method for scribbles gets them unchanged.

    Args:
        scribbles: all scribbles of the user so far.
        drawn: kind of prompts that the protocol draws.
        prompts: kinds of prompts that the method takes.
        plays: `plays` of the method's card; None: no rule.
        spacing: mm, in the order of the array.

    Returns:
        The user's scribbles, or points along them, each voxel at most once a stroke.
    """
    rule = plays.scribbles_as_points if plays else None
    if drawn in prompts or drawn == "points" or rule is None:
        return scribbles
    points = [point for stroke in scribbles.strokes for point in _points_of(stroke, rule, spacing)]
    return Scribbles(scribbles.shape, tuple(points))


def _points_of(stroke: Stroke, rule: ScribblesAsPoints, spacing: tuple[float, ...]) -> list[Stroke]:
    """Points of a stroke, each on the painted voxel nearest to its position on the path; lengths in mm."""
    shares = (
        np.linspace(0, 1, rule.points)
        if rule.where == "ends" and rule.points > 1
        else (np.arange(rule.points) + 0.5) / rule.points
    )
    steps = np.linalg.norm(np.diff(stroke.path, axis=0) * spacing, axis=1)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    lengths = shares * travelled[-1]
    positions = np.stack([np.interp(lengths, travelled, axis) for axis in stroke.path.T], axis=1)
    away = [np.linalg.norm((stroke.voxels - position) * spacing, axis=1) for position in positions]
    nearest = [int(mm.argmin()) for mm in away]
    return [_point(stroke.foreground, stroke.voxels[k]) for k in dict.fromkeys(nearest)]


def _point(foreground: bool, place: NDArray[np.float64] | NDArray[np.intp]) -> Stroke:
    voxel = np.rint(place).astype(np.intp)[np.newaxis]
    return Stroke(foreground, voxel.astype(float), voxel)
