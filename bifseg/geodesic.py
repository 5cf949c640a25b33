"""Voxels within a geodesic distance of a scribble."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bifseg.geometry import Mask
from bifseg.neighbours import contrast, offsets, pair_slices


class GeodesicBand:
    """Where the geodesic distance G to a set of voxels is below eps.

    G is the least sum of intensity differences along a path of neighbouring voxels (Wang et al. 2018).
    The search is a shortest path cut off at eps: exact, and only as long as the band is large.

    Args:
        intensity: the crop's intensities scaled to about [0, 1], any dimension.
        full: paths through 8 or 26 neighbours instead of 4 or 6.
    """

    def __init__(self, intensity: NDArray, full: bool) -> None:
        nodes = np.arange(intensity.size, dtype=np.int32).reshape(intensity.shape)
        values = np.asarray(intensity, np.float64)
        starts, ends, costs = [], [], []
        for offset in offsets(intensity.ndim, full):
            first, second = pair_slices(offset)
            cost = contrast(values, offset).ravel()
            starts += [nodes[first].ravel(), nodes[second].ravel()]
            ends += [nodes[second].ravel(), nodes[first].ravel()]
            costs += [cost, cost]
        size = (intensity.size, intensity.size)
        edges = (np.concatenate(starts), np.concatenate(ends))
        self._graph = csr_array((np.concatenate(costs), edges), shape=size)
        self._shape = intensity.shape

    def __call__(self, sources: Mask, eps: float) -> Mask:
        """True where G < eps; nowhere when there are no sources."""
        seeds = np.flatnonzero(sources)
        if not len(seeds):
            return np.zeros(self._shape, bool)
        reached = dijkstra(self._graph, indices=seeds, limit=eps, min_only=True)
        return (reached < eps).reshape(self._shape)
