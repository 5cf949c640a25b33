"""The policy `econet`: random dots in the volume of the errors, as ECONet's evaluation places them.

An error of V voxels gets V / 10^3 dots, rounded up, and none if V < 6^3. We read the voxels as cubes of 1 mm; in a 2D
image both powers are squares. A released version never changes what it draws (docs/robot.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import dot
from bifseg.robot.drawing.regions import largest_regions
from bifseg.robot.policies.policy import Errors, Policy


@dataclass(frozen=True)
class EconetParams:
    """Numbers of `econet`: those of the source, with its voxels read as mm.

    Attributes:
        min_edge_mm: an error smaller than the cube (2D: square) with this edge gets no dot.
        edge_mm_per_dot: an error gets a dot for each cube (2D: square) with this edge, rounded up.
    """

    min_edge_mm: float = 6.0
    edge_mm_per_dot: float = 10.0


class Econet(Policy):
    """Random dots anywhere in the volume of the errors (ECONet's 3D rule)."""

    name = "econet"
    params = EconetParams()
    per_correction = None  # an error gets more dots the larger it is

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterator[Stroke]:
        """Dots at distinct random voxels of each error, each a stroke of one voxel."""
        for foreground, wrong in errors.by_label():
            for voxels in largest_regions(wrong)[:most]:
                yield from (dot(foreground, voxel) for voxel in self._chosen(voxels, errors.spacing, rng))

    def _chosen(
        self, voxels: NDArray[np.intp], spacing: tuple[float, ...], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        p, ndim = self.params, len(spacing)
        size = round(len(voxels) * float(np.prod(spacing)) / p.edge_mm_per_dot**ndim, 6)
        if size < round((p.min_edge_mm / p.edge_mm_per_dot) ** ndim, 6):
            return voxels[:0]
        return rng.choice(voxels, min(int(np.ceil(size)), len(voxels)), replace=False)
