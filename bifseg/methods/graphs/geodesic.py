"""Shortest paths between voxels, and the geodesic distance to scribbles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bifseg.core.geometry import Index, Mask
from bifseg.methods.graphs.neighbours import contrast, offsets, pair_slices


def grid_graph(shape: Index, costs: Iterable[tuple[Index, NDArray[Any]]]) -> csr_array:
    """The graph of an image: voxels in array order are nodes, pairs of neighbours are edges in both directions.

    Args:
        shape: of the image, 2D or 3D.
        costs: for each offset, the cost of every pair at this offset, as `neighbours.pair_slices` lists them. An edge
            may cost nothing.

    Returns:
        A sparse matrix (voxels, voxels) of costs.
    """
    size = int(np.prod(shape))
    nodes = np.arange(size, dtype=np.int32).reshape(shape)
    starts, ends, weights = [], [], []
    for offset, cost in costs:
        first, second = (nodes[s].ravel() for s in pair_slices(offset))
        starts += [first, second]
        ends += [second, first]
        weights += [cost.ravel()] * 2
    edges = (np.concatenate(starts), np.concatenate(ends))
    return csr_array((np.concatenate(weights), edges), shape=(size, size))


def path_cost(graph: csr_array, sources: Mask, limit: float = np.inf) -> NDArray[np.float64]:
    """The least cost of a path from any source to each voxel: an exact shortest path (Dijkstra).

    Args:
        graph: see `grid_graph`.
        sources: bool of the image's shape.
        limit: the search stops at this cost.

    Returns:
        Costs of the image's shape. Infinity if no path leads to a voxel or its cost exceeds `limit`, and everywhere
        if there are no sources.
    """
    seeds = np.flatnonzero(sources)
    if not len(seeds):
        return np.full(sources.shape, np.inf)
    reached: NDArray[np.float64] = dijkstra(graph, indices=seeds, limit=limit, min_only=True)
    return reached.reshape(sources.shape)


class GeodesicBand:
    """The geodesic distance G to a set of voxels, as far as eps.

    G is the least sum of intensity differences along a path of neighbouring voxels (Wang et al. 2018).
    The search is a shortest path cut off at eps: exact, and its time grows with the band, not with the image.

    Args:
        intensity: the crop's intensities scaled to about [0, 1], any dimension.
        full: paths through 8 or 26 neighbours instead of 4 or 6.
    """

    def __init__(self, intensity: NDArray[Any], full: bool) -> None:
        values = np.asarray(intensity, np.float64)
        costs = ((offset, contrast(values, offset)) for offset in offsets(values.ndim, full))
        self._graph = grid_graph(values.shape, costs)

    def distance(self, sources: Mask, eps: float) -> NDArray[np.float64]:
        """G where it is at most eps, and infinity elsewhere.

        Args:
            sources: bool array of the crop's shape.
            eps: in the unit of the intensities.

        Returns:
            Array of the crop's shape, in the unit of the intensities; infinity everywhere without sources.
        """
        return path_cost(self._graph, sources, eps)
