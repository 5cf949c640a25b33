"""The policy `centre-line`: a smooth stroke along the middle of each of the largest errors.

docs/robot.md describes the policy for users. The golden files under tests/robot hold what version 1 draws; a change
of the rule is a new version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.robot.drawing.lines import Line, centre_line, drawn_part
from bifseg.robot.drawing.regions import Patch
from bifseg.robot.policies.policy import PathPolicy, between


@dataclass(frozen=True)
class CentreLineParams:
    """Numbers of `centre-line`: our defaults, chosen so that strokes look like people's. The paper's user was a person.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the brush paints the voxel centres within this radius of the path; 0: the path's voxels alone.
        smoothing_mm: sigma of the Gaussian along the path.
        share_kept: (least, most) share of the centre line, around its middle, that the stroke follows; uniform.
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
        """The drawn part of the centre line, as smooth as possible with every point inside the patch."""
        # share of the line, place of a shortened stroke, direction in a compact patch
        p, (draw, place, turn) = self.params, rng.random(3)
        line = centre_line(patch.mask, patch.spacing, np.pi * turn)
        share = between(p.share_kept, draw)
        return drawn_part(line, patch.mask, patch.spacing, p.smoothing_mm, share, p.max_length_mm, place)
