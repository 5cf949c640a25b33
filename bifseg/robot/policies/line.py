"""The policy `line`: a nearly straight stroke between two random places of the largest mistakes.

After the line scribbles of ScribblePrompt (ends at random in the region, warped by a random field, kept inside).
What a version draws never changes: see docs/robot.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import painted
from bifseg.robot.drawing.lines import Line, cut, longest_inside, rounded, travelled_mm
from bifseg.robot.drawing.regions import Patch, largest_mistakes

_DECIMALS = 4  # of a voxel: rounding noise must not choose one


@dataclass(frozen=True)
class LineParams:
    """Defaults of ours in mm; ScribblePrompt warps by 1 to 6 voxels of images of 128 x 128.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the round brush paints voxel centres this near the path; 0: the path's voxels alone.
        bow_mm: the hand strays at most this far to a side in one bow, and half as far in an S.
        bow_share: and at most by this share of the distance between the ends.
    """

    min_area_mm2: float = 30.0
    max_length_mm: float = 40.0
    brush_radius_mm: float = 2.0
    bow_mm: float = 3.0
    bow_share: float = 0.1


class LineStrokes:
    """Nearly straight strokes between random places of the largest mistakes (ScribblePrompt's lines)."""

    name = "line"
    version = 1
    skips_drawn = False

    def __init__(self, params: LineParams = LineParams()) -> None:
        self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """One stroke in each of the largest mistakes, foreground first: see `Policy`.

        Each takes seven numbers from `rng`: the start, three ends of which the one with the longest stroke counts,
        the bow, the S, and the place of a capped stroke.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        p = self.params
        return [
            painted(foreground, patch, self._path(patch, rng.random(4), *rng.random(3)), p.brush_radius_mm)
            for foreground, patch in largest_mistakes(truth, result, spacing, p.min_area_mm2, most)
        ]

    def _path(self, patch: Patch, ends: np.ndarray, bow: float, swing: float, place: float) -> Line:
        """The longest part inside the patch of three lines from one of its voxels to others, as long as the cap."""
        p, spacing = self.params, np.array(patch.spacing)
        voxels = np.argwhere(patch.mask) * spacing
        start, *others = voxels[(ends * len(voxels)).astype(int)]
        aside = (2 * bow - 1, swing - 0.5)
        lines = [self._bowed(start, end, min(patch.spacing), *aside) / spacing for end in others]
        runs = [longest_inside(line.round(_DECIMALS), patch.mask) for line in lines]
        run = max(runs, key=lambda run: travelled_mm(run, patch.spacing)[-1].round(_DECIMALS))
        path = cut(run, patch.spacing, 1.0, p.max_length_mm, place)
        # a single point becomes its voxel's centre, so that a dot lies where it is painted
        return path if len(path) > 1 else rounded(path).astype(float)

    def _bowed(self, a: np.ndarray, b: np.ndarray, step_mm: float, bow: float, swing: float) -> Line:
        """Points (n, 2) in mm from a to b, about a step apart, strayed from the straight by two sines."""
        length = float(np.hypot(*(b - a)))
        if length == 0:
            return a[np.newaxis]
        t = np.linspace(0, 1, int(np.ceil(length / step_mm)) + 1)
        most_mm = min(self.params.bow_mm, self.params.bow_share * length)
        aside = most_mm * (bow * np.sin(np.pi * t) + swing * np.sin(2 * np.pi * t))
        across = np.array([-(b - a)[1], (b - a)[0]]) / length
        return a + np.outer(t, b - a) + np.outer(aside, across)
