"""Pairs of neighbouring voxels on a grid: the edges of the min-cut and of the geodesic distance."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Index


def offsets(ndim: int, full: bool) -> list[Index]:
    """Half of the neighbourhood, so that each pair comes once.

    4 (2D) or 6 (3D) neighbours; 8 or 26 where `full` is True.
    """
    steps = [step for step in product((-1, 0, 1), repeat=ndim) if step > (0,) * ndim]
    return [step for step in steps if full or sum(map(abs, step)) == 1]


def pair_slices(offset: Index) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Indices `a`, `b` such that `array[a]` and `array[b]` are the two ends of every pair at this offset."""
    first = tuple(slice(max(0, -step), -step if step > 0 else None) for step in offset)
    second = tuple(slice(max(0, step), step if step < 0 else None) for step in offset)
    return first, second


def distance(offset: Index, spacing: tuple[float, ...]) -> float:
    """Euclidean distance of the pair in units of the finest spacing: the closest neighbours are 1 apart."""
    return float(np.linalg.norm(np.multiply(offset, spacing)) / min(spacing))


def typical_contrast(values: NDArray, full: bool) -> float:
    """Root mean square difference of neighbours; 1e-4 at least, which a flat image gives.

    With this as sigma, exp(-d^2 / (2 sigma^2)) is the contrast term of Rother et al. (ACM TOG 2004), whose beta is
    1 / (2 <d^2>).

    Args:
        values: intensities of any shape.
        full: over 8 or 26 neighbours instead of 4 or 6.
    """
    squares = [contrast(values, offset) ** 2 for offset in offsets(values.ndim, full)]
    count = sum(part.size for part in squares)
    mean = sum(float(part.sum()) for part in squares) / max(count, 1)
    return max(float(np.sqrt(mean)), 1e-4)


def contrast(values: NDArray, offset: Index) -> NDArray:
    """Absolute difference of the values at the two ends of every pair at this offset."""
    first, second = pair_slices(offset)
    return np.abs(values[first] - values[second])
