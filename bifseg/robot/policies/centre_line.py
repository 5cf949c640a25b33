"""The policy `centre-line`: a smooth stroke along the middle of each of the largest errors.

docs/robot.md describes the policy for users. The golden files under tests/robot hold what version 1 draws; a change
of the rule is a new version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.robot.drawing.lines import Line, centre_line, drawn_part
from bifseg.robot.drawing.regions import Patch
from bifseg.robot.policies.policy import PathPolicy


@dataclass(frozen=True)
class CentreLineParams:
    """Our defaults, chosen so that strokes look like people's. The paper's user was a person.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the round brush paints voxel centres this near the path; 0: the path's voxels alone.
        smoothing_mm: sigma of the Gaussian along the path.
        share_kept: (least, most) share of the centre line that is drawn, around its middle; uniform between them.
    """

    min_area_mm2: float = 30.0
    max_length_mm: float = 40.0
    brush_radius_mm: float = 2.0
    smoothing_mm: float = 4.0
    share_kept: tuple[float, float] = (0.6, 0.9)


class CentreLine(PathPolicy):
    """Smooth strokes along the middle of the largest errors: the default."""

    name = "centre-line"
    params = CentreLineParams()

    def _path(self, patch: Patch, rng: np.random.Generator) -> Line:
        """The drawn part of the centre line, as smooth as possible with every point inside the patch.

        Three numbers from `rng`: the share kept, the place of a capped stroke, the direction in a compact patch.
        """
        p, (share, place, turn) = self.params, rng.random(3)
        least, most = p.share_kept
        line = centre_line(patch.mask, patch.spacing, np.pi * turn)
        kept = least + share * (most - least)
        return drawn_part(line, patch.mask, patch.spacing, p.smoothing_mm, kept, p.max_length_mm, place)
