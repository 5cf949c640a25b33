"""How far intensity alone goes: one band of intensities, chosen by an object's own truth or on other objects.

Chosen by the truth, it is an oracle that no user has: the best Dice that any band reaches. Chosen on other objects, it
is a method that can be compared with a network that never saw the object.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Mask

MARGIN = 5
"""Voxels on every side between the object and the box in which bands are compared."""
_LEVELS = 128

Boxed = tuple[NDArray[Any], Mask]
"""Intensities inside an object's box, of any shape, and the bool mask of the object in the same shape."""
Band = tuple[int, int]
"""First and last level, as of `_levels`, that belong to the band."""


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
    _check(voxels, truth)
    highs = _highs(voxels)
    return float(_dice_of_bands(np.searchsorted(highs, voxels), truth, len(highs)).max())


def common_band(objects: Iterable[Boxed]) -> Band:
    """The one band with the best mean Dice over several objects.

    A band has to make sense in boxes of other images, so its ends are ranks: a voxel's level is the share of its box's
    voxels that are darker, in 128 steps. Equal voxels have equal levels.

    Args:
        objects: at least one object in its box.

    Returns:
        The band; of bands with equal means the one that begins and ends lowest.

    Raises:
        ValueError: there is no object, shapes differ, or a truth is empty.
    """
    dices = [_dice_of_bands(_levels(voxels, truth), truth, _LEVELS) for voxels, truth in objects]
    if not dices:
        raise ValueError("no object to choose a band on")
    mean = np.mean(dices, axis=0)
    first, last = np.unravel_index(mean.argmax(), mean.shape)
    return int(first), int(last)


def band_dice(voxels: NDArray[Any], truth: Mask, band: Band) -> float:
    """The Dice of a band in an object's box.

    Args:
        voxels: intensities inside the box, of any shape.
        truth: bool mask of the same shape.
        band: a band that `common_band` returned.

    Returns:
        Dice in [0, 1].

    Raises:
        ValueError: the shapes differ, or the truth is empty.
    """
    return float(_dice_of_bands(_levels(voxels, truth), truth, _LEVELS)[band])


def boxed(voxels: NDArray[Any], truth: Mask) -> Boxed:
    """An image and a truth inside the box around the truth with `MARGIN` voxels on every side.

    Args:
        voxels: intensities of the whole image; the box is clipped to it.
        truth: bool mask of the same shape.

    Returns:
        The arrays inside the box.

    Raises:
        ValueError: the truth is empty.
    """
    margin = (MARGIN,) * truth.ndim
    box = Box.around(truth).grow(margin, margin, truth.shape)
    return voxels[box.slices], truth[box.slices]


def _check(voxels: NDArray[Any], truth: Mask) -> None:
    if voxels.shape != truth.shape:
        raise ValueError(f"voxels have shape {voxels.shape}, truth has {truth.shape}")
    if not truth.any():
        raise ValueError("an empty truth has no band")


def _highs(values: NDArray[Any]) -> NDArray[Any]:
    """Highest value of each quantile bin, ascending."""
    different = np.unique(values)
    if len(different) <= _LEVELS:
        return different
    return np.unique(np.quantile(values, np.arange(1, _LEVELS + 1) / _LEVELS, method="inverted_cdf"))


def _levels(voxels: NDArray[Any], truth: Mask) -> NDArray[Any]:
    """The level of each voxel: the share of voxels that are darker, in steps from 0 to `_LEVELS` - 1."""
    _check(voxels, truth)
    return np.searchsorted(np.sort(voxels, axis=None), voxels) * _LEVELS // voxels.size


def _dice_of_bands(levels: NDArray[Any], truth: Mask, n: int) -> NDArray[np.float64]:
    """Dice of each band from level i to level j as (n, n) array; 0 below the diagonal."""
    every, inside = _cumulative(levels, n), _cumulative(levels[truth], n)
    chosen = every[None, 1:] - every[:-1, None]
    right = inside[None, 1:] - inside[:-1, None]
    dices: NDArray[np.float64] = np.triu(2.0 * right / np.maximum(chosen + inside[-1], 1))
    return dices


def _cumulative(bins: NDArray[Any], n: int) -> NDArray[Any]:
    sums: NDArray[Any] = np.r_[0, np.bincount(bins.ravel(), minlength=n).cumsum()]
    return sums
