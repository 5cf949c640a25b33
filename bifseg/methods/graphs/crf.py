"""The label update of BIFSeg: an exact min-cut of a contrast-sensitive conditional random field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import maxflow
import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Mask
from bifseg.methods.graphs.first_flow import capacity, first_flow, first_flow_pays
from bifseg.methods.graphs.neighbours import contrast, distance, offsets, pair_slices

# It exceeds any finite energy of a crop, and sums with it stay exact to 1e-6.
_FORBIDDEN = 1e9
_SMALLEST = 1e-6


def unary(probability: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """phi(0) and phi(1) of every voxel: minus the log of the probability of background and of foreground.

    Args:
        probability: of foreground, any shape; clipped to [1e-6, 1 - 1e-6].

    Returns:
        Two float64 arrays of that shape.
    """
    p = np.clip(np.asarray(probability, np.float64), _SMALLEST, 1 - _SMALLEST)
    return -np.log1p(-p), -np.log(p)


def pair_weights(
    intensity: NDArray[Any], spacing: tuple[float, ...], strength: float, sigma: float, full: bool
) -> list[tuple[tuple[int, ...], NDArray[Any]]]:
    """Weights lambda * exp(-(X_i - X_j)^2 / (2 sigma^2)) / d_ij of every pair of neighbours.

    d_ij is in units of the finest spacing, so that lambda means the same at 0.5 and 2 mm (our default).

    Args:
        intensity: X, an array of any dimension.
        spacing: mm per axis, in array order.
        strength: lambda.
        sigma: in the unit of X.
        full: 8 or 26 neighbours instead of 4 or 6.

    Returns:
        For each offset, the weights of the pairs at this offset, as `neighbours.pair_slices` lists them.
    """
    return [
        (o, strength * np.exp(-(contrast(intensity, o) ** 2) / (2 * sigma**2)) / distance(o, spacing))
        for o in offsets(intensity.ndim, full)
    ]


class LabelUpdate:
    """Minimises E(Y) = sum phi(y_i) + lambda sum psi(y_i, y_j) with scribbles as hard constraints (Eq. 7).

    The weights of the pairs belong to the image and are computed once.

    Args:
        intensity: the crop's intensities scaled to about [0, 1], 2D or 3D.
        spacing: mm per axis, in array order.
        strength: lambda.
        sigma: intensity difference at which a boundary becomes cheap.
        full: 8 or 26 neighbours instead of 4 or 6.
    """

    def __init__(
        self, intensity: NDArray[Any], spacing: tuple[float, ...], strength: float, sigma: float, full: bool
    ) -> None:
        self._nodes = np.arange(intensity.size).reshape(intensity.shape)
        self._pairs = pair_weights(np.asarray(intensity, np.float64), spacing, strength, sigma, full)
        self._capacity = capacity(self._pairs, intensity.shape)

    def __call__(self, probability: NDArray[Any], scribbles: NDArray[np.uint8]) -> Mask:
        """The labels of least energy.

        Args:
            probability: of foreground, of the crop's shape.
            scribbles: of the crop's shape: 0 free, 1 must be foreground, 2 must be background.

        Returns:
            Bool array of the crop's shape, True for foreground.
        """
        as_background, as_foreground = unary(probability)
        on_foreground, on_background = scribbles == 1, scribbles == 2
        as_background[on_foreground] = as_foreground[on_background] = _FORBIDDEN
        as_foreground[on_foreground] = as_background[on_background] = 0.0
        excess = as_background - as_foreground
        flows: Sequence[NDArray[Any] | float] = [0.0] * len(self._pairs)
        if first_flow_pays(excess, self._capacity):
            flows, excess = first_flow(self._pairs, excess, self._capacity)
            as_foreground, as_background = np.maximum(-excess, 0), np.maximum(excess, 0)
        return self._cut(flows, as_foreground, as_background)

    def _cut(
        self, flows: Sequence[NDArray[Any] | float], as_foreground: NDArray[Any], as_background: NDArray[Any]
    ) -> Mask:
        """The labels of least energy, from a flow that is there already."""
        graph = maxflow.GraphFloat(self._nodes.size, sum(weights.size for _, weights in self._pairs))
        graph.add_nodes(self._nodes.size)
        for (offset, weights), flow in zip(self._pairs, flows, strict=True):
            first, second = (self._nodes[ends].ravel() for ends in pair_slices(offset))
            graph.add_edges(first, second, (weights + flow).ravel(), (weights - flow).ravel())
        # A node on the sink's side is foreground and cuts its edge from the source.
        graph.add_grid_tedges(self._nodes, as_foreground, as_background)
        graph.maxflow()
        return np.asarray(graph.get_grid_segments(self._nodes), dtype=bool)
