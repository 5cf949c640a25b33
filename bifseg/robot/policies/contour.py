"""The policy `contour`: a stroke along the inner side of the border of each of the largest errors.

It follows the contour scribbles of ScribblePrompt: the contour of the shrunk region, broken into a part inside the
region. A released version never changes what it draws (docs/robot.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import find_contours

from bifseg.core.geometry import Mask
from bifseg.robot.drawing.lines import Flat, Line, centre_line, drawn_part, travelled_mm
from bifseg.robot.drawing.regions import Patch
from bifseg.robot.policies.policy import PathPolicy, between


@dataclass(frozen=True)
class ContourParams:
    """Numbers of `contour`: our defaults in mm; ScribblePrompt shrinks by a blur of sigma 5 to 20 voxels.

    Attributes:
        min_area_mm2: smallest patch worth a stroke, mm2 in the drawn plane.
        max_length_mm: longest stroke, mm along its path.
        brush_radius_mm: the brush paints the voxel centres within this radius of the path; 0: the path's voxels alone.
        smoothing_mm: sigma of the Gaussian along the path.
        depth: (least, most) depth of the contour as a share of the patch's largest depth; uniform.
        share_kept: (least, most) share of the contour that the stroke follows; uniform.
    """

    min_area_mm2: float = 30.0
    max_length_mm: float = 80.0
    brush_radius_mm: float = 2.0
    smoothing_mm: float = 2.0
    depth: tuple[float, float] = (0.2, 0.6)
    share_kept: tuple[float, float] = (0.3, 0.8)


class ContourStrokes(PathPolicy):
    """Strokes along the inner side of the border of the largest errors (ScribblePrompt's contours)."""

    name = "contour"
    params = ContourParams()

    def _path(self, patch: Patch, rng: np.random.Generator) -> Line:
        """Part of an inner contour, as smooth as possible with every point inside the patch."""
        # depth of the contour, share of it, where it starts
        p, (depth, draw, start) = self.params, rng.random(3)
        line = _inner_contour(patch.mask, patch.spacing, between(p.depth, depth), start)
        share = between(p.share_kept, draw)
        return drawn_part(line, patch.mask, patch.spacing, p.smoothing_mm, share, p.max_length_mm, 0.5)


def _inner_contour(shape: Mask, spacing: Flat, share: float, start: float) -> Line:
    """The longest contour at `share` of the largest depth, opened at `start`; its two ends are one point."""
    depth_mm = ndimage.distance_transform_edt(np.pad(shape, 1), sampling=spacing)
    if depth_mm.max() < 2 * max(spacing):  # too thin for a contour that a hand could follow
        return centre_line(shape, spacing, np.pi * start)
    # beyond half a voxel from the outside, every point lies in a voxel of the shape
    level = max(share * depth_mm.max(), 0.6 * max(spacing))
    loops = [loop - 1 for loop in find_contours(depth_mm, level)]
    lengths = [travelled_mm(loop, spacing)[-1] for loop in loops]
    loop = loops[int(np.argmax(np.round(lengths, 4)))][:-1]
    opened = np.roll(loop, -int(start * len(loop)), axis=0)
    return np.concatenate([opened, opened[:1]])
