"""How far brightness alone goes: a check that a cohort is not solved by a threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifseg.geometry import Box, Mask

MARGIN = 5
"""Voxels on every side between the object and the box in which bands are compared."""


def best_band_dice(voxels: NDArray, truth: Mask, levels: int = 128) -> tuple[float, float, float]:
    """The best Dice that one intensity band reaches when it is chosen with the truth in hand.

    Every band between two of `levels` quantiles of the voxels is tried; with at most `levels` different
    values that is every band.

    Args:
        voxels: intensities, any shape: the inside of an object's box.
        truth: mask of the same shape.
        levels: number of quantile bins, at least 1.

    Returns:
        (dice, low, high): `(voxels >= low) & (voxels <= high)` has this Dice.

    Raises:
        ValueError: the shapes differ, or the truth is empty.
    """
    if voxels.shape != truth.shape:
        raise ValueError(f"voxels have shape {voxels.shape}, truth has {truth.shape}")
    if not truth.any():
        raise ValueError("an empty truth has no band")
    lows, highs, bins = _bins(voxels.ravel(), levels)
    every = _cumulative(bins, len(lows))
    inside = _cumulative(bins[truth.ravel()], len(lows))
    chosen = every[None, 1:] - every[:-1, None]
    right = inside[None, 1:] - inside[:-1, None]
    dice = np.triu(2.0 * right / np.maximum(chosen + inside[-1], 1))
    first, last = np.unravel_index(int(dice.argmax()), dice.shape)
    return float(dice[first, last]), float(lows[first]), float(highs[last])


def boxed_band_dice(voxels: NDArray, truth: Mask) -> float:
    """`best_band_dice` inside the box around the truth with `MARGIN` voxels on every side, clipped to the image.

    Raises ValueError when the truth is empty.
    """
    margin = (MARGIN,) * truth.ndim
    box = Box.around(truth).grow(margin, margin, truth.shape)
    return best_band_dice(voxels[box.slices], truth[box.slices])[0]


def _bins(values: NDArray, levels: int) -> tuple[NDArray, NDArray, NDArray]:
    """Lowest and highest value of each quantile bin, and the bin of each value."""
    order = np.sort(values)
    different = np.unique(order)
    if len(different) <= levels:
        highs = different
    else:
        highs = np.unique(np.quantile(order, np.arange(1, levels + 1) / levels, method="inverted_cdf"))
    starts = np.searchsorted(order, highs[:-1], side="right")
    return order[np.r_[0, starts]], highs, np.searchsorted(highs, values)


def _cumulative(bins: NDArray, n: int) -> NDArray:
    return np.r_[0, np.bincount(bins, minlength=n).cumsum()]
