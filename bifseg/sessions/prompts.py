"""Prompts as a method is given them: clicks as single voxels, scribbles as points where its card says so."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from bifseg.cards.plays import Drawn, Plays, ScribblesAsPoints
from bifseg.core.scribbles import Scribbles, Stroke


def clicked(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Points: of each click the clicked voxel alone, without the paint around it.

    Args:
        strokes: of a click policy, so that the path of each is one position.

    Returns:
        A stroke of one voxel for each, in order.
    """
    return [_point(stroke.foreground, stroke.path[0]) for stroke in strokes]


def adapted(scribbles: Scribbles, drawn: Drawn, prompts: Collection[str], plays: Plays | None) -> Scribbles:
    """The scribbles as a method is given them: unchanged, or by the rule of its card.

    Points are strokes of one voxel already, so that points as scribbles need no change.

    Args:
        scribbles: all that the user drew so far.
        drawn: what the protocol draws.
        prompts: what the method takes.
        plays: what the method's card says.

    Returns:
        The user's scribbles, or points along them; points of equal voxels come once a stroke.
    """
    rule = plays.scribbles_as_points if plays else None
    if drawn in prompts or drawn == "points" or rule is None:
        return scribbles
    points = [point for stroke in scribbles.strokes for point in _points_of(stroke, rule)]
    return Scribbles(scribbles.shape, tuple(points))


def _points_of(stroke: Stroke, rule: ScribblesAsPoints) -> list[Stroke]:
    """Points of a stroke, each on the painted voxel nearest to its place on the path; lengths are in voxels."""
    shares = (
        np.linspace(0, 1, rule.points)
        if rule.where == "ends" and rule.points > 1
        else (np.arange(rule.points) + 0.5) / rule.points
    )
    steps = np.sqrt((np.diff(stroke.path, axis=0) ** 2).sum(axis=1))
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    at = shares * travelled[-1]
    places = np.stack([np.interp(at, travelled, axis) for axis in stroke.path.T], axis=1)
    nearest = [int(((stroke.voxels - place) ** 2).sum(axis=1).argmin()) for place in places]
    return [_point(stroke.foreground, stroke.voxels[k]) for k in dict.fromkeys(nearest)]


def _point(foreground: bool, place: NDArray[np.float64] | NDArray[np.intp]) -> Stroke:
    voxel = np.rint(place).astype(np.intp)[np.newaxis]
    return Stroke(foreground, voxel.astype(float), voxel)
