"""Random brains: affine maps and warps of the ICBM-152 template that nilearn ships.

Source: ICBM 2009 nonlinear symmetric template (Fonov et al., NeuroImage 54, 2011), skull-stripped T1 with
grey- and white-matter probabilities, read from nilearn's own files without a download.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.cohorts.simulated.fields import Field, displacement, rotation
from bifseg.core.geometry import Box, Grid, Mask

SPACING_MM = 2.0
_MARGIN = 2


@dataclass(frozen=True)
class Brain:
    """Tissue of one head on one grid (2 mm).

    Attributes:
        t1: T1-weighted intensity, 0 to 1; float32 (z, y, x).
        grey, white: share of grey and white matter in the voxel, 0 to 1.
        inside: bool mask of the brain.
    """

    t1: Field
    grey: Field
    white: Field
    inside: Mask

    @property
    def fluid(self) -> Field:
        """Share of cerebrospinal fluid, 0 to 1, zero outside the brain."""
        return np.where(self.inside, np.clip(1 - self.grey - self.white, 0, 1), 0).astype(np.float32)


@lru_cache(1)
def template() -> tuple[Brain, Grid]:
    """The template, cropped to the brain.

    Returns:
        Tissue and grid; the array axes run towards head, back and left (LPS).
    """
    from nilearn import datasets  # takes seconds to import

    loaders = (
        datasets.load_mni152_template,
        datasets.load_mni152_gm_template,
        datasets.load_mni152_wm_template,
    )
    files = [load(resolution=int(SPACING_MM)) for load in loaders]
    t1, grey, white = (np.asarray(file.dataobj, np.float32).T[:, ::-1, ::-1] for file in files)
    inside = ndimage.binary_fill_holes(t1 > 0.1)
    # nilearn's arrays run to the right and to the front (RAS); flipped, they run along the axes of LPS.
    far = files[0].affine @ [*(n - 1 for n in files[0].shape), 1]
    origin = (-float(far[0]), -float(far[1]), float(files[0].affine[2, 3]))
    grid = Grid(t1.shape, (SPACING_MM,) * 3, origin, Grid.plain(t1.shape).direction)
    box = Box.around(inside).grow((_MARGIN,) * 3, (_MARGIN,) * 3, t1.shape)
    at = box.slices
    return Brain(t1[at], grey[at], white[at], inside[at]), grid.crop(box)


def random_brain(rng: np.random.Generator) -> Brain:
    """The template under a random affine map and a random warp at two scales.

    Args:
        rng: generator of all draws.

    Returns:
        Tissue on the template's grid.
    """
    fixed, _ = template()
    shape = fixed.t1.shape
    matrix = rotation(rng.normal(0, np.radians(3), 3)) * rng.uniform(0.98, 1.08, 3)
    centre = (np.array(shape)[:, None, None, None] - 1) / 2
    at = np.indices(shape, np.float32) - centre - rng.normal(0, 0.7, (3, 1, 1, 1))
    at = np.tensordot(matrix, at, 1) + centre + displacement(rng, shape, {10: 1.5, 4: 0.6})

    def moved(part: NDArray[Any]) -> Field:
        voxels: Field = ndimage.map_coordinates(part, at.astype(np.float32), np.float32, order=1)
        return voxels

    return Brain(moved(fixed.t1), moved(fixed.grey), moved(fixed.white), moved(fixed.inside) > 0.5)
