"""Smooth random fields, and warps of such fields."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Field = NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Field:
    """Gaussian noise, smoothed by a Gaussian.

    We smooth in Fourier space, where every sigma costs the same, so opposite sides of the array nearly match.

    Args:
        rng: generator of the noise.
        shape: shape of the array, of any dimension.
        sigma: standard deviation of the Gaussian, in voxels.

    Returns:
        Array of the shape, with mean 0 and standard deviation 1.
    """
    fast = [fft.next_fast_len(n, real=True) for n in shape]
    spectrum = fft.rfftn(rng.standard_normal(fast, dtype=np.float32))
    # Real and imaginary parts are scaled as real numbers, which is faster.
    parts = spectrum.view(np.float32).reshape(*spectrum.shape, 2)
    frequencies = [fft.fftfreq(n) for n in fast[:-1]] + [fft.rfftfreq(fast[-1])]
    for axis, frequency in enumerate(frequencies):
        along = [1] * parts.ndim
        along[axis] = -1
        parts *= np.exp(-2 * (np.pi * sigma * frequency.reshape(along)) ** 2).astype(np.float32)
    field = fft.irfftn(spectrum, fast)[tuple(slice(n) for n in shape)]
    values: Field = (field - field.mean()) / field.std()
    return values


def displacement(rng: np.random.Generator, shape: tuple[int, ...], scales: dict[float, float]) -> Field:
    """A random displacement, the sum of one smooth field for each scale.

    Args:
        rng: generator of the noise.
        shape: shape of the array, any dimension.
        scales: amplitude (standard deviation along each axis) by the sigma of the smoothing, both in voxels; the field
            folds if an amplitude comes near its sigma.

    Returns:
        (axes, *shape) in voxels.
    """
    return np.stack(
        [sum(size * smooth_noise(rng, shape, sigma) for sigma, size in scales.items()) for _ in shape]
    ).astype(np.float32)


def rotation(angles: NDArray[Any]) -> NDArray[np.float64]:
    """The matrix of three rotations, one about each axis in turn.

    Args:
        angles: (3,) in radians.

    Returns:
        (3, 3).
    """
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        i, j = (k for k in range(3) if k != axis)
        turn = np.eye(3)
        turn[[i, j], [i, j]] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix
