"""What a scanner makes of an ideal image: coil shading, noise and arbitrary units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.cohorts.simulated.fields import smooth_noise


def acquire(rng: np.random.Generator, ideal: NDArray[Any], shading: float, noise: float) -> NDArray[np.int16]:
    """The scan of an ideal image (intensities about 0 to 1): shading, Rician noise, arbitrary units.

    Args:
        rng: generator of all draws.
        ideal: noise-free intensities, any dimension.
        shading: standard deviation of the logarithm of the bias field.
        noise: standard deviation of the noise in each of the two channels, in units of the intensities.

    Returns:
        int16 array of the same shape; 1 of the ideal image becomes 600 to 1000.
    """
    bias = np.exp(shading * smooth_noise(rng, ideal.shape, max(ideal.shape) / 5))
    real = ideal * bias + noise * rng.standard_normal(ideal.shape, dtype=np.float32)
    imaginary = noise * rng.standard_normal(ideal.shape, dtype=np.float32)
    gain = rng.uniform(600, 1000)
    values: NDArray[np.int16] = np.round(gain * np.hypot(real, imaginary)).astype(np.int16)
    return values


def thick_slices(voxels: NDArray[Any], factor: int) -> NDArray[Any]:
    """An image with thicker slices.

    Args:
        voxels: (z, y, x).
        factor: number of slices that are averaged; slices left over at the end are dropped.

    Returns:
        (z // factor, y, x).
    """
    n = len(voxels) // factor
    values: NDArray[Any] = voxels[: n * factor].reshape(n, factor, *voxels.shape[1:]).mean(axis=1)
    return values
