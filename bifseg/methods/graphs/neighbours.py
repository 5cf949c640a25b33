"""Pairs of neighbouring voxels on a grid: the edges of the min-cut and of the geodesic distance."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Index


def offsets(ndim: int, full: bool) -> list[Index]:
    """The offsets to half of a voxel's neighbours, so that each pair occurs once.

    Args:
        ndim: 2 or 3.
        full: 8 or 26 neighbours instead of 4 or 6.

    Returns:
        Offsets in array order, in whole voxels.
    """
    steps = [step for step in product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim]
    return [step for step in steps if full or sum(map(abs, step)) == 1]


def pair_slices(offset: Index) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Indices `a`, `b` such that `array[a]` and `array[b]` are the two ends of every pair at this offset.

    Args:
        offset: whole voxels in array order.

    Returns:
        A slice per axis for each end. Both ends are empty if the array is too small for the offset.
    """
    first = tuple(slice(max(0, -step), -step if step > 0 else None) for step in offset)
    second = tuple(slice(max(0, step), step if step < 0 else None) for step in offset)
    return first, second


def distance(offset: Index, spacing: tuple[float, ...]) -> float:
    """Euclidean distance of a pair in units of the finest spacing.

    Args:
        offset: whole voxels in array order.
        spacing: mm per axis, in the same order.

    Returns:
        1 for the closest neighbours.
    """
    return float(np.linalg.norm(np.multiply(offset, spacing)) / min(spacing))


def typical_contrast(values: NDArray[Any], full: bool) -> float:
    """Root mean square difference of neighbours.

    With this as sigma, exp(-d^2 / (2 sigma^2)) is the contrast term of Rother et al. (ACM TOG 2004), whose beta is
    1 / (2 <d^2>).

    Args:
        values: intensities, an array of any dimension.
        full: over 8 or 26 neighbours instead of 4 or 6.

    Returns:
        At least 1e-4, the value of a flat image and of one without neighbours.
    """
    squares = [contrast(values, offset) ** 2 for offset in offsets(values.ndim, full)]
    count = sum(part.size for part in squares)
    mean = sum(float(part.sum()) for part in squares) / max(count, 1)
    return max(float(np.sqrt(mean)), 1e-4)


def contrast(values: NDArray[Any], offset: Index) -> NDArray[Any]:
    """Absolute difference of the values at the two ends of every pair at this offset.

    Args:
        values: an array of any dimension.
        offset: whole voxels in array order.

    Returns:
        One difference a pair, in the order of `pair_slices`; empty if the array is too small for the offset.
    """
    first, second = pair_slices(offset)
    difference: NDArray[Any] = np.abs(values[first] - values[second])
    return difference
