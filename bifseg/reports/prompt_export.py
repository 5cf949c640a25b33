"""A run's prompts as JSON, in the working-group contract that IS_Validate publishes.

The contract (README of ParhomEsmaeili/IS_Validate at a5ce09d, section "Prompting Contract", work in progress) names the
keys and says nothing of coordinates; ours are points of the image file's world, which `aux` states.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.analysis.names import SESSION
from bifseg.analysis.scores import read_scores
from bifseg.cards.entries import entry_name
from bifseg.core.files import write_json
from bifseg.core.geometry import Box, Grid
from bifseg.core.scribbles import Stroke
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.record import Session, Step

BACKGROUND, OBJECT = 0, 1
"""Semantic codes of the output."""
_WORLD = {
    True: "mm, x y z of the image file's world (LPS)",
    False: "pixels, x y: the image states no spacing",
}


def export_prompts(run: Path, out: Path) -> int:
    """Write OUT/COHORT/PROTOCOL/ENTRY/SESSION.json for every session of a run's scores.

    Args:
        run: RESULTS/RUN, with scores.
        out: folder of the files.

    Returns:
        The number of sessions.

    Raises:
        InputError: the scores or a session are missing or damaged.
    """
    scores = read_scores(run / "scores.parquet")
    sessions = list(scores[SESSION].drop_duplicates().itertuples(index=False, name=None))
    archives: dict[Path, Archive] = {}
    for cohort, protocol, method, network, name, replicate, seed in sessions:
        entry = Path(cohort, protocol, entry_name(method, network, seed))
        if entry not in archives:
            archives[entry] = Archive(run / "sessions" / entry)
        session = Trial(name, replicate).session
        write_json(out / entry / f"{session}.json", session_prompts(archives[entry].load(session)))
    return len(sessions)


def session_prompts(session: Session) -> dict[str, Any]:
    """The prompts of a session, one request for each step that the user gave prompts for.

    Args:
        session: the record.

    Returns:
        `requests`, each with the contract's keys and the prompts that are new in it, and `aux` with the names of case,
        object, entry and protocol. A mask that the session began with is left out, as the contract has no masks.
    """
    identity = session.identity
    names = ("cohort", "case", "object", "structure", "replicate", "method", "network", "protocol")
    requests = [
        {
            "semantic_id_dictionary": {"background": BACKGROUND, identity.structure: OBJECT},
            "segmentation_task_type": "semantic",
            "prompts": list(_prompts(session, step)),
            "aux": {"step": step.name, "undo": step.undo},
        }
        for step in session.steps
        if step.name != "unsupervised"
    ]
    return {"requests": requests, "aux": {name: getattr(identity, name) for name in names}}


def _prompts(session: Session, step: Step) -> Iterator[dict[str, Any]]:
    if step.name == "initial" and session.box_drawn:
        yield _box(session.drawn_box or session.box, session.grid)
    for stroke in step.strokes:
        yield _stroke(stroke, session.grid)


def _box(box: Box, grid: Grid) -> dict[str, Any]:
    """The centres of the box's first and last voxel."""
    corners = np.array([box.lower, np.array(box.upper) - 1])
    return _spatial("bounding_box", corners, True, grid, {"corners": "voxel centres, inclusive"})


def _stroke(stroke: Stroke, grid: Grid) -> dict[str, Any]:
    """A point if it covers one voxel, else a scribble along its path."""
    if stroke.is_point:
        return _spatial("point", stroke.path, stroke.foreground, grid, {})
    return _spatial("scribble", stroke.path, stroke.foreground, grid, {"painted_voxels": len(stroke.voxels)})


def _spatial(
    subtype: str, at: NDArray[Any], foreground: bool, grid: Grid, aux: dict[str, Any]
) -> dict[str, Any]:
    points = grid.to_world(at).round(4).tolist()
    return {
        "type": "spatial",
        "subtype": subtype,
        "prompt": {"coordinates": points[0] if subtype == "point" else points},
        "semantic_id_key": {"semantic_id": OBJECT if foreground else BACKGROUND, "instance_id": 1},
        "aux": {"coordinates": _WORLD[grid.in_mm], **aux},
    }
