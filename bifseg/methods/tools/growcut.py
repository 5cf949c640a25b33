"""GrowCut: scribbles that conquer their neighbours (Vezhnevets and Konouchine, GraphiCon 2005)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bifseg.cards.cards import Card
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.geodesic import grid_graph
from bifseg.methods.graphs.neighbours import contrast, distance, offsets
from bifseg.methods.tools.from_scribbles import FromScribbles
from bifseg.methods.tools.window import Window

# Too cheap to outweigh a difference in strength that anyone could see, dear enough to survive rounding.
_STEP = 1e-9


class GrowCutSettings(Card):
    """Settings of GrowCut; docs/method.md says which images chose the defaults."""

    full_neighbourhood: bool | None = Field(
        None,
        description="8 or 26 neighbours (Moore) instead of 4 or 6 (von Neumann); null: 8 in 2D, 6 in 3D",
    )


class GrowCut(FromScribbles):
    """Starts from scribbles: every voxel goes to the scribble that reaches it with the greatest strength.

    In the cellular automaton a scribble has strength 1, and a voxel p that attacks its neighbour q arrives with
    g(|C_p - C_q|) times p's strength, g(x) = 1 - x / max C, where intensities go up to max C = 1. Where the
    automaton comes to rest, a voxel's strength is the largest product of g along any path from a scribble: a
    shortest path whose edges cost -log g. So the state of rest is found at once, and exactly. Ties, as in flat
    regions where strength does not fade, go to the nearer scribble, as in the automaton, whose labels spread one
    voxel a step; lengths are in units of the finest spacing, otherwise spacing plays no part. Voxels cut off on
    every side by full contrast, which the automaton never reaches, are background. While a label has no scribble,
    the result is the foreground that was drawn.

    Args:
        settings: any of `GrowCutSettings`.
    """

    dimensions = frozenset({2, 3})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrowCutSettings(**settings)

    def _prepare(self, window: Window) -> None:
        """The graph of the window."""
        full = self.settings.full_neighbourhood
        full = window.intensity.ndim == 2 if full is None else full
        self._graph = _strength_graph(window.intensity, window.spacing, full)

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """The automaton at rest, begun from the scribbles."""
        seeds = np.flatnonzero(drawn)
        cost, _, source = dijkstra(self._graph, indices=seeds, min_only=True, return_predecessors=True)
        reached = np.isfinite(cost)
        foreground = np.zeros(drawn.shape, bool)
        foreground.ravel()[reached] = drawn.ravel()[source[reached]] == 1
        return foreground


def _strength_graph(intensity: NDArray[Any], spacing: tuple[float, ...], full: bool) -> csr_array:
    """Edges that cost -log g, infinite at full contrast, and next to nothing for their length."""
    values = np.asarray(intensity, np.float64)
    steps = offsets(values.ndim, full)
    with np.errstate(divide="ignore"):
        costs = [(o, _STEP * distance(o, spacing) - np.log1p(-contrast(values, o))) for o in steps]
    return grid_graph(values.shape, costs)
