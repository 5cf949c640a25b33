"""The brush: the voxels that a path paints on a flat shape, and the dot of a single voxel."""

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
    """The voxels of a shape that lie within the brush's radius of a path point, or under the path.

    Args:
        path: (n, 2) positions in voxels (rows, columns), n >= 1, inside the shape's array.
        shape: mask (rows, columns); nothing outside it is painted.
        spacing: mm between rows and between columns.
        radius_mm: radius of the brush; 0 paints the voxels under the path.

    Returns:
        (m, 2) indices in array order.
    """
    rim, under = radius_mm + _TOLERANCE_MM, rounded(_without_gaps(path))
    reach = np.ceil(rim / np.array(spacing)).astype(int)
    low = np.maximum(under.min(axis=0) - reach, 0)
    near = shape[tuple(map(slice, low, under.max(axis=0) + reach + 1))]
    voxels = np.argwhere(near) + low
    far, _ = cKDTree(path * spacing).query(voxels * spacing, distance_upper_bound=rim)
    held = np.zeros_like(near)
    held[tuple((under - low).T)] = True
    under_brush: NDArray[np.intp] = voxels[np.isfinite(far) | held[near]]
    return under_brush


def _without_gaps(path: Line) -> Line:
    """The path with points between those that skip a voxel, which a brush finer than a voxel would leave out."""
    skips = np.abs(np.diff(rounded(path), axis=0)).max(axis=1, initial=0) > 1
    if not skips.any():
        return path
    pieces = np.where(skips, np.ceil(np.abs(np.diff(path, axis=0)).max(axis=1)), 1).astype(int)
    at = [k + np.arange(n) / n for k, n in enumerate(pieces)]
    whole = np.concatenate([*at, [len(path) - 1.0]])
    return np.stack([np.interp(whole, np.arange(len(path)), axis) for axis in path.T], axis=1)


def painted(foreground: bool, patch: Patch, path: Line, radius_mm: float) -> Stroke:
    """The stroke of a round brush along a path, clipped to the patch.

    Args:
        foreground: whether the stroke marks foreground.
        patch: the piece of the error to draw on.
        path: (n, 2) positions in voxels of the patch, n >= 1, inside it.
        radius_mm: radius of the brush; 0 paints the path's voxels alone.

    Returns:
        The stroke in voxels of the image.
    """
    voxels = brushed(path, patch.mask, patch.spacing, radius_mm)
    return Stroke(foreground, patch.to_image(path), patch.to_image(voxels))


def dot(foreground: bool, voxel: ArrayLike) -> Stroke:
    """A stroke without length that marks a single voxel.

    Args:
        foreground: whether the stroke marks foreground.
        voxel: index in the image, (z, y, x) or (y, x).

    Returns:
        The stroke in voxels of the image.
    """
    voxels = np.array([voxel], np.intp)
    return Stroke(foreground, voxels.astype(float), voxels)
