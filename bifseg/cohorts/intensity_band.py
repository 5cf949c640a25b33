"""The best Dice of an intensity threshold: a check that a cohort needs more than one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Mask

MARGIN = 5
"""Voxels on every side between the object and the box in which bands are compared."""
_LEVELS = 128


def best_band_dice(voxels: NDArray[Any], truth: Mask) -> float:
    """The best Dice of one intensity band, chosen by the truth.

    The bands lie between any two of 128 quantiles of the voxels; with at most 128 different values, these are all
    bands.

    Args:
        voxels: intensities inside an object's box, of any shape.
        truth: bool mask of the same shape.

    Returns:
        Dice in [0, 1].

    Raises:
        ValueError: the shapes differ, or the truth is empty.
    """
    if voxels.shape != truth.shape:
        raise ValueError(f"voxels have shape {voxels.shape}, truth has {truth.shape}")
    if not truth.any():
        raise ValueError("an empty truth has no band")
    highs = _highs(voxels)
    bins = np.searchsorted(highs, voxels)
    every, inside = _cumulative(bins, len(highs)), _cumulative(bins[truth], len(highs))
    chosen = every[None, 1:] - every[:-1, None]
    right = inside[None, 1:] - inside[:-1, None]
    return float(np.triu(2.0 * right / np.maximum(chosen + inside[-1], 1)).max())


def boxed_band_dice(voxels: NDArray[Any], truth: Mask) -> float:
    """`best_band_dice` inside the box around the truth with `MARGIN` voxels on every side.

    Args:
        voxels: intensities of the whole image; the box is clipped to it.
        truth: bool mask of the same shape.

    Returns:
        Dice in [0, 1].

    Raises:
        ValueError: the truth is empty.
    """
    margin = (MARGIN,) * truth.ndim
    box = Box.around(truth).grow(margin, margin, truth.shape)
    return best_band_dice(voxels[box.slices], truth[box.slices])


def _highs(values: NDArray[Any]) -> NDArray[Any]:
    """Highest value of each quantile bin, ascending."""
    different = np.unique(values)
    if len(different) <= _LEVELS:
        return different
    return np.unique(np.quantile(values, np.arange(1, _LEVELS + 1) / _LEVELS, method="inverted_cdf"))


def _cumulative(bins: NDArray[Any], n: int) -> NDArray[Any]:
    sums: NDArray[Any] = np.r_[0, np.bincount(bins.ravel(), minlength=n).cumsum()]
    return sums
