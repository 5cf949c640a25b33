"""The policy `centre-line`: a smooth stroke along the middle of the largest mistakes.

docs/robot.md describes the policy for users. What a version draws never changes: the golden files under
tests/robot hold it, and a change of rule is a new version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import painted
from bifseg.robot.drawing.lines import Line, centre_line, drawn_part
from bifseg.robot.drawing.regions import Patch, largest_mistakes


@dataclass(frozen=True)
class CentreLineParams:
    """Defaults of ours, chosen for strokes like people's; the paper's user was a person.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the round brush paints voxel centres this near the path; 0: the path's voxels alone.
        smoothing_mm: sigma of the Gaussian along the path.
        share_kept: (least, most) share of the centre line that is drawn, its middle; uniform between them.
    """

    min_area_mm2: float = 30.0
    max_length_mm: float = 40.0
    brush_radius_mm: float = 2.0
    smoothing_mm: float = 4.0
    share_kept: tuple[float, float] = (0.6, 0.9)


class CentreLine:
    """Smooth strokes along the middle of the largest mistakes: the default."""

    name = "centre-line"
    version = 1
    skips_drawn = False

    def __init__(self, params: CentreLineParams = CentreLineParams()) -> None:
        self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """The strokes of one round: foreground where truth was missed, then background where result leaks.

        Every stroke lies in one plane and wholly in the mistake that it corrects. Each takes three numbers
        from `rng`: the share kept, the place of a capped stroke, and the direction in a compact patch.

        Args:
            truth: ground truth, (z, y, x) or (y, x); may be empty.
            result: the segmentation to be corrected, same shape; may be empty.
            spacing: mm, in the same order.
            rng: source of what varies between people.
            most: most strokes of each label.

        Returns:
            At most `2 * most` strokes; none where no mistake is worth one: the robot is satisfied.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        p = self.params
        return [
            painted(foreground, patch, self._path(patch, *rng.random(3)), p.brush_radius_mm)
            for foreground, patch in largest_mistakes(truth, result, spacing, p.min_area_mm2, most)
        ]

    def _path(self, patch: Patch, share: float, place: float, turn: float) -> Line:
        """The drawn part of the centre line, as smooth as can be with every point inside the patch."""
        p = self.params
        least, most = p.share_kept
        line = centre_line(patch.mask, patch.spacing, np.pi * turn)
        kept = least + share * (most - least)
        return drawn_part(line, patch.mask, patch.spacing, p.smoothing_mm, kept, p.max_length_mm, place)
