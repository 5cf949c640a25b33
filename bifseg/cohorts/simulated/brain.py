"""Random brains: affine maps and warps of the ICBM-152 template that nilearn ships.

Source: ICBM 2009 nonlinear symmetric template (Fonov et al., NeuroImage 54, 2011), skull-stripped T1 with
grey- and white-matter probabilities, read from nilearn's own files without a download.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import distribution
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.cohorts.simulated.fields import Field, displacement, rotation
from bifseg.core.geometry import Box, Grid, Mask

SPACING_MM = 2.0
_EVERY_OTHER = np.s_[::2, ::-2, ::-2]
"""Every other voxel. The files' arrays run towards head, front and right; reversed, they run along the axes of LPS."""
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
    images = [_read(tissue) for tissue in ("t1", "gm", "wm")]
    t1, grey, white = (sitk.GetArrayFromImage(image).astype(np.float32) for image in images)
    t1, grey, white = ((part / part.max())[_EVERY_OTHER] for part in (t1, grey, white))
    inside = ndimage.binary_fill_holes(t1 > 0.1)
    last = [n - 1 for n in images[0].GetSize()]
    origin = images[0].TransformIndexToPhysicalPoint([last[0], last[1], 0])
    grid = Grid(t1.shape, (SPACING_MM,) * 3, origin, Grid.plain(t1.shape).direction)
    box = Box.around(inside).grow((_MARGIN,) * 3, (_MARGIN,) * 3, t1.shape)
    at = box.slices
    return Brain(t1[at], grey[at], white[at], inside[at]), grid.crop(box)


def _read(tissue: str) -> sitk.Image:
    """One of the template's three images, 1 mm, 0 to 255; nilearn itself takes seconds to import."""
    name = f"nilearn/datasets/data/mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz"
    return sitk.ReadImage(str(distribution("nilearn").locate_file(name)))


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
