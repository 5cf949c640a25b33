"""The policy `random-region`: random dots in the errors, as in the training of DeepIGeoS.

An error of N pixels gets ceil(N / 100) dots, and none if N < 30; in a volume the dots lie in three slices. We read
pixels as mm2, which is the same at pixels of 1 mm. A released version never changes what it draws (docs/robot.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import dot
from bifseg.robot.drawing.regions import Patch, largest_patches, patches_in, worst_slices
from bifseg.robot.policies.policy import Errors, Policy

_N_SLICES = 3  # in 3D


@dataclass(frozen=True)
class RandomRegionParams:
    """Numbers of `random-region`: those of the source, with its pixels read as mm2.

    Attributes:
        min_area_mm2: an error of less area in its slice gets no dot.
        area_mm2_per_dot: an error gets a dot for each such area in its slice, rounded up.
    """

    min_area_mm2: float = 30.0
    area_mm2_per_dot: float = 100.0


class RandomRegion(Policy):
    """Random dots in the errors, in 3D on the three worst slices (DeepIGeoS's training)."""

    name = "random-region"
    params = RandomRegionParams()
    per_correction = None  # an error gets more dots the larger it is

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterator[Stroke]:
        """Dots at distinct random voxels of at most `most` errors of each label and slice; each dot is a stroke."""
        for foreground, wrong in errors.by_label():
            for patch in self._patches(wrong, errors.spacing, most):
                yield from (dot(foreground, voxel) for voxel in self._voxels(patch, rng))

    def _patches(self, wrong: Mask, spacing: tuple[float, ...], most: int) -> Iterator[Patch]:
        if wrong.ndim == 2:
            yield from largest_patches(wrong, spacing, self.params.min_area_mm2, most)
            return
        for axes, index in worst_slices(wrong, spacing, _N_SLICES):
            yield from patches_in(wrong, spacing, axes, index, self.params.min_area_mm2, most)

    def _voxels(self, patch: Patch, rng: np.random.Generator) -> NDArray[np.intp]:
        voxels = np.argwhere(patch.mask)
        n_dots = int(np.ceil(round(patch.area_mm2 / self.params.area_mm2_per_dot, 6)))
        return patch.to_image(rng.choice(voxels, min(n_dots, len(voxels)), replace=False))
