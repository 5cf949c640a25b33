"""The policy `econet`: random dots in the volume of the mistakes, as ECONet's evaluation places them.

A mistake of V voxels gets no dot where V < 6^3, else V / 10^3. The voxels are read as cubes of 1 mm, and in a 2D image
both powers are squares. What a version draws never changes: see docs/robot.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import dot
from bifseg.robot.drawing.regions import largest_regions, mistakes


@dataclass(frozen=True)
class EconetParams:
    """The source's numbers, its voxels read as mm.

    Attributes:
        min_edge_mm: a mistake smaller than the cube (2D: square) with this edge gets no dot.
        edge_mm_per_dot: a dot for each cube (2D: square) with this edge, rounded up.
    """

    min_edge_mm: float = 6.0
    edge_mm_per_dot: float = 10.0


class Econet:
    """Random dots anywhere in the volume of the mistakes (ECONet's 3D rule)."""

    name = "econet"
    version = 1
    skips_drawn = False

    def __init__(self, params: EconetParams = EconetParams()) -> None:
        self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """Dots of one voxel, each a stroke, in at most `most` mistakes of each label: see `Policy`.

        Each mistake takes as many distinct voxels from `rng` as it gets dots.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        return [
            dot(foreground, voxel)
            for foreground, wrong in mistakes(truth, result, spacing)
            for voxels in largest_regions(wrong)[:most]
            for voxel in self._chosen(voxels, spacing, rng)
        ]

    def _chosen(self, voxels: np.ndarray, spacing: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
        p, ndim = self.params, len(spacing)
        size = round(len(voxels) * float(np.prod(spacing)) / p.edge_mm_per_dot**ndim, 6)
        if size < round((p.min_edge_mm / p.edge_mm_per_dot) ** ndim, 6):
            return voxels[:0]
        return rng.choice(voxels, min(int(np.ceil(size)), len(voxels)), replace=False)
