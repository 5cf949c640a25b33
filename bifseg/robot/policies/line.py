"""The policy `line`: a nearly straight stroke between two random places of each of the largest errors.

It follows the line scribbles of ScribblePrompt: random ends in the region, a random warp, the part inside the region.
A released version never changes what it draws (docs/robot.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.robot.drawing.lines import DECIMALS, Line, cut, longest_inside, rounded, travelled_mm
from bifseg.robot.drawing.regions import Patch
from bifseg.robot.policies.policy import PathPolicy


@dataclass(frozen=True)
class LineParams:
    """Numbers of `line`: our defaults in mm; ScribblePrompt warps by 1 to 6 voxels of images of 128 x 128.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the brush paints the voxel centres within this radius of the path; 0: the path's voxels alone.
        bow_mm: largest displacement to a side in one bow; half of it in an S.
        bow_share: largest displacement as a share of the distance between the ends.
    """

    min_area_mm2: float = 30.0
    max_length_mm: float = 40.0
    brush_radius_mm: float = 2.0
    bow_mm: float = 3.0
    bow_share: float = 0.1


class LineStrokes(PathPolicy):
    """Nearly straight strokes between random places of the largest errors (ScribblePrompt's lines)."""

    name = "line"
    params = LineParams()

    def _path(self, patch: Patch, rng: np.random.Generator) -> Line:
        """The longest part inside the patch of three lines from one of its voxels to others, cut to the cap."""
        # the start and three ends; then the bow, the S, and the place of a shortened stroke
        ends, (bow, swing, place) = rng.random(4), rng.random(3)
        spacing = np.array(patch.spacing)
        voxels = np.argwhere(patch.mask) * spacing
        start, *others = voxels[(ends * len(voxels)).astype(int)]
        aside = (2 * bow - 1, swing - 0.5)
        lines = [self._bowed(start, end, min(patch.spacing), *aside) / spacing for end in others]
        runs = [longest_inside(line.round(DECIMALS), patch.mask) for line in lines]
        run = max(runs, key=lambda run: travelled_mm(run, patch.spacing)[-1].round(DECIMALS))
        path = cut(run, patch.spacing, 1.0, self.params.max_length_mm, place)
        # a single point becomes its voxel's centre, so that a dot lies where it is painted
        return path if len(path) > 1 else rounded(path).astype(float)

    def _bowed(self, a: Line, b: Line, step_mm: float, bow: float, swing: float) -> Line:
        """Points (n, 2) in mm from a to b, about a step apart, displaced from the straight line by two sines."""
        length = float(np.hypot(*(b - a)))
        if length == 0:
            return a[np.newaxis]
        t = np.linspace(0, 1, int(np.ceil(length / step_mm)) + 1)
        most_mm = min(self.params.bow_mm, self.params.bow_share * length)
        aside = most_mm * (bow * np.sin(np.pi * t) + swing * np.sin(2 * np.pi * t))
        across = np.array([-(b - a)[1], (b - a)[0]]) / length
        return a + np.outer(t, b - a) + np.outer(aside, across)
