"""Checks that refuse positions outside an array, and grids that hold none.

NumPy reads a negative index from the array's other end and cuts a slice that is too long, both without an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.errors import InputError, short

_ORDER = {2: "(y, x)", 3: "(z, y, x)"}
_TOLERANCE = 0.51  # voxels beyond the outermost centres: half a voxel, and what rounding of a record may add


def check_voxels(voxels: NDArray[Any], shape: tuple[int, ...], name: str) -> None:
    """Refuse voxels that are not in an array.

    Args:
        voxels: (n, axes) indices.
        shape: shape of the array.
        name: what the voxels are, for the message.

    Raises:
        InputError: they are not an (n, axes) array of whole numbers, or one lies outside.
    """
    if np.asarray(voxels).dtype.kind not in "iu":
        raise InputError(
            f"{name}: {short(voxels)} are not whole numbers; round positions to the nearest voxel"
        )
    _check(np.asarray(voxels), shape, name, 0.0)


def check_positions(positions: NDArray[Any], shape: tuple[int, ...], name: str) -> None:
    """Refuse positions that are not in a voxel of an array.

    Args:
        positions: (n, axes) voxel positions, not necessarily whole.
        shape: shape of the array.
        name: what the positions are, for the message.

    Raises:
        InputError: they are not an (n, axes) array of finite numbers, or one lies outside.
    """
    _check(np.asarray(positions), shape, name, _TOLERANCE)


def check_grid(shape: tuple[int, ...], spacing: tuple[float, ...], n_directions: int) -> None:
    """Refuse a grid without voxels, or without distances between them.

    Args:
        shape: voxels per array axis.
        spacing: mm per array axis.
        n_directions: number of the axes' directions.

    Raises:
        InputError: a side has no voxel, a spacing is not above 0, or the numbers of axes differ.
    """
    grid = f"grid: shape {tuple(shape)}, spacing {tuple(spacing)}"
    if not len(shape) == len(spacing) == n_directions:
        raise InputError(f"{grid}: give one spacing and one direction for each axis")
    if min(shape) < 1 or not all(0 < mm < np.inf for mm in spacing):
        raise InputError(f"{grid}: each must be above 0, in voxels and mm")


def _check(at: NDArray[Any], shape: tuple[int, ...], name: str, tolerance: float) -> None:
    """Raise InputError if a position lies more than `tolerance` voxels beyond the outermost voxel centres."""
    order = _ORDER.get(len(shape), f"{len(shape)} numbers")
    if at.ndim != 2 or at.shape[1] != len(shape):
        raise InputError(
            f"{name}: an array of shape {at.shape} for a grid of {shape}; give one row {order} a point"
        )
    inside = (at >= -tolerance) & (at <= np.subtract(shape, 1) + tolerance)  # False for NaN
    if not inside.all():
        first = at[~inside.all(axis=1)][0].tolist()
        last = tuple(n - 1 for n in shape)
        raise InputError(
            f"{name}: {first} lies outside the grid of {shape}; give {order} indices from 0 to {last} "
            "of the image that it was drawn on"
        )
