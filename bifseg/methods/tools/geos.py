"""GeoS: geodesic distances to the scribbles, smoothed by a min-cut (Criminisi, Sharp and Blake, ECCV 2008)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from bifseg.cards.card import Card
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.graphs.geodesic import grid_graph, path_cost
from bifseg.methods.graphs.neighbours import contrast, distance, offsets
from bifseg.methods.tools.from_scribbles import FromScribbles
from bifseg.methods.tools.window import Window


class GeoSSettings(Card):
    """Settings of GeoS; docs/method.md says which images chose the defaults."""

    gamma: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="length in mm of a step across a contrast of 1; 0: Euclidean distance along the grid",
    )
    strength: Annotated[float, Field(ge=0)] = Field(5.0, description="lambda: weight of the pairwise term")
    sigma: Annotated[float, Field(gt=0)] = Field(
        0.05, description="contrast at which a boundary becomes cheap"
    )
    full_neighbourhood: bool = Field(False, description="8 or 26 neighbours instead of 4 or 6")


class GeoS(FromScribbles):
    """Foreground where the foreground scribbles are nearer by geodesic distance; a min-cut smooths the boundary.

    A step along a path costs sqrt(length^2 + (gamma * contrast)^2) in mm, and the distances D_f and D_b are exact
    shortest paths. P(foreground) = D_b / (D_f + D_b) is the data term of a contrast-sensitive random field with
    the scribbles as hard constraints. The paper minimises that field's energy over labellings that geodesic opening
    and closing propose; we minimise it exactly, by min-cut. The tool starts from scribbles (`FromScribbles`).

    Args:
        **settings: fields of `GeoSSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2, 3})

    def __init__(self, **settings: Any) -> None:
        self.settings = GeoSSettings(**settings)

    def _prepare(self, window: Window) -> None:
        """Build both graphs of the window."""
        s = self.settings
        self._graph = _path_graph(window.intensity, window.spacing, s.gamma, s.full_neighbourhood)
        self._smooth = LabelUpdate(
            window.intensity, window.spacing, s.strength, s.sigma, s.full_neighbourhood
        )

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """The labels of least energy."""
        to_foreground, to_background = (path_cost(self._graph, drawn == label) for label in (1, 2))
        probability = to_background / (to_foreground + to_background)
        return self._smooth(probability, drawn)


def _path_graph(intensity: NDArray[Any], spacing: tuple[float, ...], gamma: float, full: bool) -> csr_array:
    """Edges that cost sqrt(length^2 + (gamma * contrast)^2), in mm."""
    values = np.asarray(intensity, np.float64)
    mm = min(spacing)
    steps = offsets(values.ndim, full)
    costs = ((o, np.hypot(mm * distance(o, spacing), gamma * contrast(values, o))) for o in steps)
    return grid_graph(values.shape, costs)
