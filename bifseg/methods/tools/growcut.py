"""GrowCut: scribbles grow by a cellular automaton (Vezhnevets and Konouchine, GraphiCon 2005)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from bifseg.cards.card import Card
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.geodesic import grid_graph
from bifseg.methods.graphs.neighbours import contrast, distance, offsets
from bifseg.methods.tools.from_scribbles import FromScribbles
from bifseg.methods.tools.window import Window

# Far below any visible difference in strength, and above the rounding error.
_STEP = 1e-9


class GrowCutSettings(Card):
    """Settings of GrowCut; docs/method.md says which images chose the defaults."""

    full_neighbourhood: bool | None = Field(
        None,
        description="8 or 26 neighbours (Moore) instead of 4 or 6 (von Neumann); null: 8 in 2D, 6 in 3D",
    )


class GrowCut(FromScribbles):
    """Every voxel takes the label of the scribble that reaches it with the greatest strength.

    In the cellular automaton a scribble has strength 1, and a voxel p attacks its neighbour q with strength
    g(|C_p - C_q|) times its own, where g(x) = 1 - x / max C and max C = 1. Once the automaton has come to rest, a
    voxel's strength is the largest product of g along any path from a scribble. A shortest path whose edges cost
    -log g gives this state exactly and without iterations. In flat regions, where strength does not fade, the nearer
    scribble wins, as in the automaton, whose labels spread one voxel a step; lengths are in units of the finest
    spacing, which has no other effect. Voxels that full contrast cuts off on every side, which the automaton never
    reaches, are background. The tool starts from scribbles (`FromScribbles`).

    Args:
        **settings: fields of `GrowCutSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2, 3})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrowCutSettings(**settings)

    def _prepare(self, window: Window) -> None:
        """Build the graph of the window."""
        full = self.settings.full_neighbourhood
        full = window.intensity.ndim == 2 if full is None else full
        self._graph = _strength_graph(window.intensity, window.spacing, full)

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """The automaton's labels at rest, from the scribbles."""
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
