"""The brush: what a path paints on a flat shape, and the dot of a single voxel."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.lines import Flat, Line, rounded
from bifseg.robot.drawing.regions import Patch

_TOLERANCE_MM = 1e-3  # a voxel exactly on the brush's rim is painted


def brushed(path: Line, shape: Mask, spacing: Flat, radius_mm: float) -> NDArray[np.intp]:
    """The voxels (n, 2) of `shape` within `radius_mm` of a path point or holding one, in array order."""
    rim, under = radius_mm + _TOLERANCE_MM, rounded(path)
    reach = np.ceil(rim / np.array(spacing)).astype(int)
    low = np.maximum(under.min(axis=0) - reach, 0)
    near = shape[tuple(map(slice, low, under.max(axis=0) + reach + 1))]
    voxels = np.argwhere(near) + low
    far, _ = cKDTree(path * spacing).query(voxels * spacing, distance_upper_bound=rim)
    held = np.zeros_like(near)
    held[tuple((under - low).T)] = True
    under_brush: NDArray[np.intp] = voxels[np.isfinite(far) | held[near]]
    return under_brush


def painted(foreground: bool, patch: Patch, path: Line, radius_mm: float) -> Stroke:
    """The stroke on the image of a path (n, 2) in a patch: a round brush, clipped to the patch."""
    voxels = brushed(path, patch.mask, patch.spacing, radius_mm)
    return Stroke(foreground, patch.to_image(path), patch.to_image(voxels))


def dot(foreground: bool, voxel: ArrayLike) -> Stroke:
    """A stroke without length that marks one voxel (image axes) and nothing around it."""
    voxels = np.array([voxel], np.intp)
    return Stroke(foreground, voxels.astype(float), voxels)
