"""Gaussian mixtures of grey levels, learnt from a histogram of all voxels without random draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

LEVELS = 256
_GREY = np.arange(LEVELS, dtype=np.float64)
# Variance added to each component, since a grey level has width 1.
_WIDTH = 1.0
_CLUSTERING_STEPS = 10


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians over grey levels 0 to 255.

    Attributes:
        weight: (components,) share of the voxels; they sum to 1.
        mean: (components,) in grey levels.
        variance: (components,) in squared grey levels.
    """

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def clustered(cls, counts: NDArray[np.float64], components: int) -> Mixture:
        """The mixture of a k-means clustering that begins at evenly spaced quantiles.

        Args:
            counts: (256,) number of voxels of each grey level; at least one is positive.
            components: most components.

        Returns:
            At most as many components as grey levels occur.
        """
        size = min(components, int(np.count_nonzero(counts)))
        share = np.cumsum(counts) / counts.sum()
        centres = np.searchsorted(share, (np.arange(size) + 0.5) / size).astype(np.float64)
        for _ in range(_CLUSTERING_STEPS):
            nearest = np.abs(_GREY[:, None] - centres).argmin(axis=1)
            total = np.bincount(nearest, counts, size)
            moved = np.bincount(nearest, counts * _GREY, size)
            centres = np.divide(moved, total, out=centres, where=total > 0)
        return cls._of_clusters(counts, nearest)

    def updated(self, counts: NDArray[np.float64]) -> Mixture:
        """The mixture after one step of learning: each grey level joins the component of its highest density.

        Args:
            counts: (256,) number of voxels of each grey level; at least one is positive.

        Returns:
            A new mixture; components that no voxel joined are gone.
        """
        return self._of_clusters(counts, self._log_densities().argmax(axis=1))

    def log_likelihood(self) -> NDArray[np.float64]:
        """Log-likelihood of each grey level.

        Returns:
            (256,) natural logarithms.
        """
        table: NDArray[np.float64] = logsumexp(self._log_densities() + np.log(self.weight), axis=1)
        return table

    def _log_densities(self) -> NDArray[np.float64]:
        squared = (_GREY[:, None] - self.mean) ** 2
        densities: NDArray[np.float64] = -0.5 * (np.log(2 * np.pi * self.variance) + squared / self.variance)
        return densities

    @classmethod
    def _of_clusters(cls, counts: NDArray[np.float64], cluster: NDArray[np.intp]) -> Mixture:
        """Weight, mean and variance of each cluster that holds voxels."""
        total = np.bincount(cluster, counts)
        filled = total > 0
        mean = np.bincount(cluster, counts * _GREY)[filled] / total[filled]
        square = np.bincount(cluster, counts * _GREY**2)[filled] / total[filled]
        variance = np.maximum(square - mean**2, 0) + _WIDTH
        return cls(total[filled] / total.sum(), mean, variance)


def histogram(grey: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The number of voxels of each grey level.

    Args:
        grey: uint8 array of any shape.

    Returns:
        (256,) counts; all 0 for an empty array.
    """
    counts: NDArray[np.float64] = np.bincount(grey.ravel(), minlength=LEVELS).astype(np.float64)
    return counts
