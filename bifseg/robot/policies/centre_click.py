"""The policy `centre-click`: a click in the depth of the largest mistake, as NoC is counted.

As RITM and the interactive challenges click: the voxel of the largest mistake farthest from what is right, where
the border of the image counts as right. Here the depth is in mm. What a version draws never changes: see
docs/robot.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import painted
from bifseg.robot.drawing.regions import largest_regions, mistakes, patch_through

_DECIMALS = 4  # of a mm: below it lies rounding noise, which must not choose a voxel


@dataclass(frozen=True)
class CentreClickParams:
    """The sources click a point; the dab is a default of ours, the brush of `centre-line`.

    Attributes:
        brush_radius_mm: a click paints voxel centres this near in its plane; 0: the clicked voxel alone.
    """

    brush_radius_mm: float = 2.0


class CentreClick:
    """A click a round in the depth (mm) of the largest mistake of either label (NoC of RITM)."""

    name = "centre-click"
    version = 1
    skips_drawn = True

    def __init__(self, params: CentreClickParams = CentreClickParams()) -> None:
        self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """A click in each of the `most` largest mistakes of both labels together: see `Policy`.

        Nothing is random. Of equal mistakes foreground comes first, then array order; of equal depths the
        first in array order. Every mistake is worth a click, however small.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        regions = [
            (foreground, voxels)
            for foreground, wrong in mistakes(truth, result, spacing)
            for voxels in largest_regions(wrong)
        ]
        largest = sorted(regions, key=lambda region: -len(region[1]))[:most]
        return [self._click(foreground, voxels, spacing) for foreground, voxels in largest]

    def _click(self, foreground: bool, voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> Stroke:
        patch, centre = patch_through(voxels, deepest(voxels, spacing), spacing)
        return painted(foreground, patch, centre[np.newaxis].astype(float), self.params.brush_radius_mm)


def deepest(voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> NDArray[np.intp]:
    """The voxel of a region (n, axes) whose centre is farthest in mm from all voxels outside the region.

    What lies outside the image counts as outside the region.
    """
    corner = voxels.min(axis=0) - 1
    region = np.zeros(voxels.max(axis=0) - corner + 2, bool)
    region[tuple((voxels - corner).T)] = True
    depth_mm = ndimage.distance_transform_edt(region, sampling=spacing).round(_DECIMALS)
    return np.array(np.unravel_index(depth_mm.argmax(), region.shape), np.intp) + corner
