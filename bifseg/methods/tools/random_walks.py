"""Random Walks: the label that a random walker reaches first (Grady, IEEE TPAMI 2006)."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pyamg import smoothed_aggregation_solver
from pyamg.krylov import cg
from pydantic import Field
from scipy.sparse import csr_array, csr_matrix, diags_array
from scipy.sparse.linalg import spsolve

from bifseg.cards.card import Card
from bifseg.core.geometry import Mask
from bifseg.methods.graphs.geodesic import grid_graph
from bifseg.methods.graphs.neighbours import contrast, offsets
from bifseg.methods.tools.from_scribbles import FromScribbles
from bifseg.methods.tools.window import Window

# Least weight of an edge, as in scikit-image: without it, voxels behind full contrast have no solution.
_LEAST_WEIGHT = 1e-10
_MOST_CYCLES = 1000
_MOST_DIRECT = {2: 1_000_000, 3: 100_000}
"""Most voxels of a direct solution by dimension: about a minute and some gigabytes."""
_COARSEST = 300
_STRONG = 1e-3
"""Strength from which neighbours are joined on a coarser grid: above that of the least weight, so that no island is
joined with what surrounds it, and low enough that hardly a voxel of it is left out."""


class RandomWalksSettings(Card):
    """Settings of Random Walks; docs/method.md says which images chose the defaults."""

    beta: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="a walker crosses a contrast x with weight exp(-beta * x^2). Our default; Grady's value could "
        "not be checked",
    )
    tolerance: Annotated[float, Field(gt=0, lt=1)] = Field(
        1e-5,
        description="greatest error of a 3D window's probabilities, relative to their norm; estimated by multigrid",
    )


class RandomWalks(FromScribbles):
    """Foreground where a walker reaches a foreground scribble first with probability 0.5 or more.

    Contrast is the difference of neighbours' intensities, in [0, 1], whatever their distance, as in Grady's weight.
    (scikit-image divides the contrast by the spacing, which leaves next to no border between thick slices.) The
    linear system of the foreground is solved in double precision: directly in 2D, in 3D by conjugate gradients with an
    algebraic multigrid as preconditioner, which also estimates the error. (A residual hardly counts a bright spot,
    which only the least weight ties to the object around it.) If they do not converge, a system of at most 100,000
    voxels is solved directly; a larger one is an error. In a window without contrast the result is the foreground
    scribbles themselves. The tool starts from scribbles (`FromScribbles`).

    Args:
        **settings: fields of `RandomWalksSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2, 3})

    def __init__(self, **settings: Any) -> None:
        self.settings = RandomWalksSettings(**settings)

    def _prepare(self, window: Window) -> None:
        """Build the Laplacian of the window."""
        values = np.asarray(window.intensity, np.float64)
        costs = ((o, self._weight(contrast(values, o))) for o in offsets(values.ndim, full=False))
        adjacency = grid_graph(values.shape, costs)
        self._laplacian = csr_array(diags_array(adjacency.sum(axis=1)) - adjacency)

    def _weight(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = np.exp(-self.settings.beta * difference**2) + _LEAST_WEIGHT
        return weight

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """Where the probability of foreground is at least 0.5."""
        solvable = np.any(drawn == 0) and np.ptp(self._window.intensity) > 0
        return self._probability(drawn) >= 0.5 if solvable else drawn == 1

    def _probability(self, drawn: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probability of foreground, of the window's shape: L_free x = -L_free,foreground 1."""
        free, foreground = (np.flatnonzero(drawn == label) for label in (0, 1))
        rows = self._laplacian[free]
        right = -np.asarray(rows[:, foreground].sum(axis=1)).ravel()
        probability: NDArray[np.float64] = (drawn == 1).astype(np.float64)
        probability.ravel()[free] = self._solution(csr_matrix(rows[:, free]), right)  # pyamg takes no arrays
        return probability

    def _solution(self, matrix: csr_matrix, right: NDArray[np.float64]) -> NDArray[np.float64]:
        """The solution of the linear system; RuntimeError if it is large and does not converge."""
        dimension = self._window.intensity.ndim
        is_small = len(right) <= _MOST_DIRECT[dimension]
        if not (is_small and dimension == 2):
            # Not smoothed: islands are constant inside, and smoothing would couple them with what surrounds them.
            grids = smoothed_aggregation_solver(
                matrix, strength=("symmetric", {"theta": _STRONG}), smooth=None, max_coarse=_COARSEST
            )
            by_error = partial(cg, criteria="MrMr")
            solution, too_many = grids.solve(
                right, tol=self.settings.tolerance, maxiter=_MOST_CYCLES, accel=by_error, return_info=True
            )
            if not too_many:
                return np.asarray(solution)
        if not is_small:
            raise RuntimeError(
                f"the linear system of {len(right)} voxels did not converge in {_MOST_CYCLES} cycles; lower the card's "
                "beta, or raise its tolerance"
            )
        return np.asarray(spsolve(matrix.tocsc(), right, permc_spec="MMD_AT_PLUS_A"))
