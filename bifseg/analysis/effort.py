"""The effort that a session took up to a step: prompts, strokes, slices and predicted seconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bifseg.robot.effort import ASSUMED, UNDO_S, n_slices, round_seconds, slices_across
from bifseg.sessions.record import Session, Step


def effort(session: Session, steps: Sequence[Step]) -> dict[str, float]:
    """The effort of a session's first steps. It does not depend on how the image is stored.

    Args:
        session: a session, in whose canonical axes slices are counted.
        steps: its steps up to one of them.

    Returns:
        Numbers by the names of the columns of scores.
    """
    grid, turn = session.grid, session.grid.canonical()
    spacing, box = turn.ordered(grid.spacing), turn.ordered(session.box.shape)
    drawn = [[stroke.reoriented(turn, grid.shape) for stroke in step.strokes] for step in steps]
    strokes = [stroke for of_step in drawn for stroke in of_step]
    undos = sum(step.undo for step in steps)
    rounds = [round_seconds(new, box, spacing) for step, new in zip(steps, drawn, strict=True) if step.round]
    return {
        "n_prompts": len(strokes) + session.box_drawn + undos,
        "n_undos": undos,
        "obeyed": obeyed(session, len(steps)),
        "n_strokes": len(strokes),
        "n_scribble_voxels": len({tuple(voxel) for stroke in strokes for voxel in stroke.voxels.tolist()}),
        "n_slices": n_slices(strokes, spacing),
        "stroke_mm": float(sum(stroke.length_mm(spacing) for stroke in strokes)),
        "box_slices": slices_across(box, spacing),
        "box_mm": float(np.multiply(box, spacing).max()),
        "user_s": (ASSUMED.box_s if session.box_drawn else 0.0) + sum(rounds) + undos * UNDO_S,
    }


def obeyed(session: Session, steps: int) -> float:
    """The share of scribbled voxels that have their scribble's label in a result.

    Args:
        session: a session with at least `steps` steps.
        steps: number of steps; the result is that of the last one.

    Returns:
        0 to 1, over scribbled voxels inside the window, where the last stroke on a voxel counts; NaN without scribbles.
    """
    strokes = session.scribbles(steps).strokes
    if not strokes:
        return np.nan
    voxels = np.concatenate([stroke.voxels for stroke in strokes])
    labels = np.concatenate([np.full(len(stroke.voxels), stroke.foreground) for stroke in strokes])
    inside = np.all((voxels >= session.box.lower) & (voxels < session.box.upper), axis=1)
    places = np.ravel_multi_index(tuple((voxels[inside] - session.box.lower).T), session.box.shape)
    _, last = np.unique(places[::-1], return_index=True)
    result = session.steps[steps - 1].mask.ravel()
    agrees = (result[places] == labels[inside])[::-1][last]
    return float(agrees.mean()) if len(agrees) else np.nan
