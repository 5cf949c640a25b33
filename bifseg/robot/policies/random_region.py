"""The policy `random-region`: random dots in the mistakes, as DeepIGeoS was trained with.

A mistake of N pixels gets no dot where N < 30, else ceil(N / 100); a volume gets them in three slices. The pixels are
read as mm2, which is the same at pixels of 1 mm. What a version draws never changes: see docs/robot.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import dot
from bifseg.robot.drawing.regions import Patch, largest_patches, mistakes, patches_in, worst_slices

_N_SLICES = 3  # in 3D


@dataclass(frozen=True)
class RandomRegionParams:
    """The source's numbers, its pixels read as mm2.

    Attributes:
        min_area_mm2: a mistake of less area in its slice gets no dot.
        area_mm2_per_dot: a dot for each of these, rounded up.
    """

    min_area_mm2: float = 30.0
    area_mm2_per_dot: float = 100.0


class RandomRegion:
    """Random dots in the mistakes, in 3D on the three worst slices (DeepIGeoS's training)."""

    name = "random-region"
    version = 1
    skips_drawn = False

    def __init__(self, params: RandomRegionParams = RandomRegionParams()) -> None:
        self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """Dots of one voxel, each a stroke, in at most `most` mistakes of each label and slice: see `Policy`.

        Each mistake takes as many distinct voxels from `rng` as it gets dots.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        return [
            dot(foreground, voxel)
            for foreground, wrong in mistakes(truth, result, spacing)
            for patch in self._patches(wrong, spacing, most)
            for voxel in self._voxels(patch, rng)
        ]

    def _patches(self, wrong: Mask, spacing: tuple[float, ...], most: int) -> Iterator[Patch]:
        if wrong.ndim == 2:
            yield from largest_patches(wrong, spacing, self.params.min_area_mm2, most)
            return
        for axes, index in worst_slices(wrong, spacing, _N_SLICES):
            yield from patches_in(wrong, spacing, axes, index, self.params.min_area_mm2, most)

    def _voxels(self, patch: Patch, rng: np.random.Generator) -> np.ndarray:
        voxels = np.argwhere(patch.mask)
        n_dots = int(np.ceil(round(patch.area_mm2 / self.params.area_mm2_per_dot, 6)))
        return patch.to_image(rng.choice(voxels, min(n_dots, len(voxels)), replace=False))
