"""The predicted seconds that a user works: to find, to move, to draw. Nobody has been timed with this software yet.

It is a keystroke-level model (Card, Moran and Newell, CACM 1980), as Ramkumar et al. (Int. J. Human-Computer
Interaction 2017) applied to interactive segmentation. docs/robot.md says where each number comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bifseg.core.geometry import Index
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import drawing_planes, slices_of


@dataclass(frozen=True)
class Pace:
    """How fast a user works; no value was measured on people with this software.

    Attributes:
        box_s: seconds to draw a box, measured for extreme clicking in photographs (Papadopoulos et al., ICCV 2017). We
            assume the same for volumes.
        look_s: seconds to look at one slice, measured for an eye movement to the adjacent image of a chest CT (Beard et
            al., J. Digital Imaging 1994). We assume that a user looks once at every slice of the box in every round.
        return_s: seconds to go back to a slice of a volume before drawing: a pointing operation, our assumption.
        think_s: seconds to decide on a stroke (operator M).
        point_s: seconds to move to its place (operator P, the mean of Fitts' law over usual distances).
        press_s: seconds to press and release the button (operator K).
        draw_s: seconds to draw a stroke of any length (operator D).
        draw_s_cm: further seconds for each cm of a stroke on the screen (operator D).
        zoom: mm on the screen for a mm of the object, our assumption.
    """

    box_s: float = 7.0
    look_s: float = 0.54
    return_s: float = 1.1
    think_s: float = 1.35
    point_s: float = 1.1
    press_s: float = 0.2
    draw_s: float = 0.9
    draw_s_cm: float = 0.16
    zoom: float = 3.0

    @property
    def click_s(self) -> float:
        """Seconds to decide on a place, move there and press the button."""
        return self.think_s + self.point_s + self.press_s


ASSUMED = Pace()
"""The pace that all predictions use."""
UNDO_S = ASSUMED.click_s
"""Seconds to take back a correction: a click on a button."""


def round_seconds(strokes: Sequence[Stroke], box: Index, spacing: tuple[float, ...]) -> float:
    """The predicted seconds of one round: to look through the slices of the box, and to draw each stroke.

    Args:
        strokes: strokes of the round, in voxels. A dot has no length: it is clicked, not drawn.
        box: shape of the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Returns:
        Seconds; without strokes, the time of looking alone.
    """
    pace = ASSUMED
    slices = slices_across(box, spacing)
    back = pace.return_s * n_slices(strokes, spacing) if slices > 1 else 0.0
    return pace.look_s * slices + back + sum(_stroke_seconds(s.length_mm(spacing)) for s in strokes)


def longest_seconds(
    rounds: int, strokes: int, slices: ArrayLike, length_mm: ArrayLike
) -> NDArray[np.float64]:
    """The predicted seconds of n sessions, each a box and then rounds with the most and longest strokes.

    Args:
        rounds: number of rounds.
        strokes: strokes in each round, each in a slice of its own as long as there are enough slices.
        slices: (n,) slices of the box that the user looks through in every round; 1 in 2D.
        length_mm: (n,) length of every stroke.

    Returns:
        (n,) seconds.
    """
    pace, across = ASSUMED, np.asarray(slices, float)
    stroke = pace.click_s + pace.draw_s + pace.draw_s_cm * pace.zoom * np.asarray(length_mm, float) / 10
    back = np.where(across > 1, pace.return_s * np.minimum(strokes, across), 0.0)
    return np.asarray(pace.box_s + rounds * (pace.look_s * across + back + strokes * stroke))


def slices_across(box: Index, spacing: tuple[float, ...]) -> int:
    """The number of slices of a box in the first orientation that a person scrolls through.

    Args:
        box: shape of the box, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Returns:
        The number of slices; 1 in 2D.
    """
    if len(box) == 2:
        return 1
    axes = drawing_planes(spacing)[0]
    return next(box[axis] for axis in range(3) if axis not in axes)


def n_slices(strokes: Sequence[Stroke], spacing: tuple[float, ...]) -> int:
    """The number of distinct slices, over all orientations, in which strokes lie.

    Args:
        strokes: in voxels, all 3D or all 2D.
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        The number of slices; 0 without strokes.
    """
    return len({slice_ for stroke in strokes for slice_ in slices_of(stroke.voxels, spacing)})


def _stroke_seconds(length_mm: float) -> float:
    """The predicted seconds of a stroke; a stroke of length 0 is a click."""
    pace = ASSUMED
    return pace.click_s + (pace.draw_s + pace.draw_s_cm * pace.zoom * length_mm / 10 if length_mm else 0.0)
