"""Disturbed voxels: noise, a bias field, blur, gamma, lower resolution. The grid stays as it is."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]


def noisy(voxels: Array, inside: NDArray[np.bool_], sds: float, rng: np.random.Generator) -> Array:
    """The voxels with Gaussian noise.

    Args:
        voxels: intensities.
        inside: voxels that are not background.
        sds: standard deviation of the noise, in units of that of the intensities inside.
        rng: source of the noise.

    Returns:
        An array of the same shape.
    """
    return np.asarray(voxels + sds * voxels[inside].std() * rng.standard_normal(voxels.shape))


def biased(voxels: Array, log_gain: float, rng: np.random.Generator) -> Array:
    """The voxels under a smooth gain, as of a receive coil: one wave across the image in a random direction.

    Args:
        voxels: intensities; the gain acts on their distance from the lowest.
        log_gain: natural logarithm of the largest gain; the smallest gain is its inverse.
        rng: source of direction and phase.

    Returns:
        An array of the same shape.
    """
    direction = rng.standard_normal(voxels.ndim)
    direction *= 2 * np.pi / np.linalg.norm(direction)
    places = [rate * np.linspace(-0.5, 0.5, size) for rate, size in zip(direction, voxels.shape, strict=True)]
    wave = np.cos(rng.uniform(0, 2 * np.pi) + reduce(np.add.outer, places))
    lowest = voxels.min()
    return np.asarray(lowest + (voxels - lowest) * np.exp(log_gain * wave))


def blurred(voxels: Array, spacing: tuple[float, ...], sigma_mm: float) -> Array:
    """The voxels after a Gaussian blur.

    Args:
        voxels: intensities.
        spacing: mm per array axis.
        sigma_mm: standard deviation of the Gaussian.

    Returns:
        An array of the same shape.
    """
    return np.asarray(ndimage.gaussian_filter(voxels, sigma_mm / np.array(spacing), mode="nearest"))


def with_gamma(voxels: Array, log_exponent: float, rng: np.random.Generator) -> Array:
    """The voxels after a power law on their range, made brighter or darker at random.

    Args:
        voxels: intensities.
        log_exponent: natural logarithm of the exponent; its sign is random.
        rng: source of the sign.

    Returns:
        An array of the same shape and range.
    """
    lowest, highest = voxels.min(), voxels.max()
    exponent = np.exp(log_exponent * rng.choice([-1, 1]))
    share = (voxels - lowest) / max(highest - lowest, np.finfo(float).tiny)
    return np.asarray(lowest + (highest - lowest) * share**exponent)


def coarser(voxels: Array, more: float) -> Array:
    """The voxels of an image with larger voxels, interpolated linearly on the same grid.

    Args:
        voxels: intensities.
        more: share by which the voxels grow along every axis.

    Returns:
        An array of the same shape.
    """
    shape = np.array(voxels.shape)
    small = np.maximum(np.rint(shape / (1 + more)), 1)
    smooth = ndimage.gaussian_filter(voxels, more / 2, mode="nearest")
    for zoom in (small / shape, shape / small):
        smooth = ndimage.zoom(smooth, zoom, order=1, mode="nearest", grid_mode=True)
    return np.asarray(smooth)
