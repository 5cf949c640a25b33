"""The policy `centre-click`: a click on the deepest voxel of the largest error, the rule behind NoC (number of clicks).

RITM and the interactive challenges click on the voxel of the largest error that is farthest from the correct voxels,
where voxels outside the image count as correct. We measure the depth in mm. A released version never changes what it
draws (docs/robot.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import painted
from bifseg.robot.drawing.regions import largest_regions, patch_through
from bifseg.robot.policies.policy import Errors, Policy

_DECIMALS = 4  # of a mm: below it lies rounding noise, which must not choose a voxel


@dataclass(frozen=True)
class CentreClickParams:
    """Numbers of `centre-click`: the sources click a point; the dab is our default, the brush of `centre-line`.

    Attributes:
        brush_radius_mm: a click paints the voxel centres within this radius in its plane; 0: the clicked voxel alone.
    """

    brush_radius_mm: float = 2.0


class CentreClick(Policy):
    """One click a round on the deepest voxel (in mm) of the largest error of either label (the NoC of RITM)."""

    name = "centre-click"
    params = CentreClickParams()
    skips_drawn = True
    per_correction = 1

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterator[Stroke]:
        """A click in each of the `most` largest errors of both labels together, however small; nothing is random."""
        # Of equal errors, foreground comes first, then array order: the sort is stable.
        regions = [
            (foreground, voxels)
            for foreground, wrong in errors.by_label()
            for voxels in largest_regions(wrong)
        ]
        for foreground, voxels in sorted(regions, key=lambda region: -len(region[1]))[:most]:
            yield self._click(foreground, voxels, errors.spacing)

    def _click(self, foreground: bool, voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> Stroke:
        patch, centre = patch_through(voxels, deepest(voxels, spacing), spacing)
        return painted(foreground, patch, centre[np.newaxis].astype(float), self.params.brush_radius_mm)


def deepest(voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> NDArray[np.intp]:
    """The voxel of a region that is farthest in mm from all voxels outside the region.

    Args:
        voxels: (n, axes) indices of the region, n >= 1. Voxels outside the image count as outside the region.
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        The voxel's index (axes,); of equal depths the first in array order.
    """
    corner = voxels.min(axis=0) - 1
    region = np.zeros(voxels.max(axis=0) - corner + 2, bool)
    region[tuple((voxels - corner).T)] = True
    depth_mm = ndimage.distance_transform_edt(region, sampling=spacing).round(_DECIMALS)
    voxel: NDArray[np.intp] = np.array(np.unravel_index(depth_mm.argmax(), region.shape), np.intp) + corner
    return voxel
