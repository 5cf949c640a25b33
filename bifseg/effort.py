"""Predicted seconds of a user: a plain model, so that systems can be compared before people are timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bifseg.scribbles import Stroke


@dataclass(frozen=True)
class User:
    """How fast a user works. Every value is an assumption: none was measured on people with this software.

    Attributes:
        box_s: seconds to draw a box. Assumption; of the size reported for boxes by extreme clicking in
            photographs (Papadopoulos et al., ICCV 2017), taken to hold for volumes too.
        find_s: seconds to see a mistake, choose the brush and move to it, per stroke. Assumption.
        speed_mm_s: mm of the object drawn per second while the brush is down. Assumption.
    """

    box_s: float = 7.0
    find_s: float = 2.0
    speed_mm_s: float = 20.0


ASSUMED = User()


def user_seconds(box_drawn: bool, strokes: Sequence[Stroke], spacing: tuple[float, ...]) -> float:
    """Predicted seconds: the box, then per stroke the time to find its place and to draw its length.

    Args:
        box_drawn: whether the user drew a box.
        strokes: all strokes, paths in voxels; none costs nothing, a dot costs the time to find its place.
        spacing: mm per array axis of the strokes' paths.
    """
    box = ASSUMED.box_s if box_drawn else 0.0
    return box + sum(ASSUMED.find_s + s.length_mm(spacing) / ASSUMED.speed_mm_s for s in strokes)
