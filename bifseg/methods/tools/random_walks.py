"""Random Walks: which scribble a random walker meets first (Grady, IEEE TPAMI 2006)."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.segmentation import random_walker

from bifseg.cards.cards import Card
from bifseg.core.geometry import Mask
from bifseg.methods.tools.from_scribbles import FromScribbles


class RandomWalksSettings(Card):
    """Parameters of Random Walks."""

    beta: Annotated[float, Field(ge=0)] = Field(
        300.0,
        description="a walker crosses a contrast x with weight exp(-beta * x^2); 90 in Grady's program, from "
        "memory; 300 did better on the validation splits of the embedded cohorts",
    )
    tolerance: Annotated[float, Field(gt=0)] = Field(
        1e-3, description="relative residual of the conjugate gradients in 3D (scikit-image's default)"
    )


class RandomWalks(FromScribbles):
    """Starts from scribbles: foreground where a walker reaches the object's scribbles first in half the cases.

    Contrast is the difference of intensities in [0, 1] of neighbours, whatever their distance, as in Grady's weight:
    with a spacing scikit-image would divide the contrast by it, and leave next to no border between thick slices.
    In 2D the linear system is factorised, in 3D it is solved by conjugate gradients in single precision: a factor
    of a volume does not fit into memory. While a label has no scribble, and in a window without any contrast, the
    result is the foreground that was drawn.

    Args:
        settings: any of `RandomWalksSettings`.
    """

    dimensions = frozenset({2, 3})

    def __init__(self, **settings: Any) -> None:
        self.settings = RandomWalksSettings(**settings)

    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """Where the probability of foreground is at least 0.5."""
        solvable = np.any(drawn == 0) and self._window.intensity.std() > 0
        return self._probability(drawn) >= 0.5 if solvable else drawn == 1

    def _probability(self, drawn: NDArray[np.uint8]) -> NDArray:
        """Probability of foreground from a label map with free, foreground and background voxels."""
        precision, mode = (np.float64, "bf") if drawn.ndim == 2 else (np.float32, "cg_j")
        intensity = self._window.intensity.astype(precision)
        with warnings.catch_warnings():
            # The solver's rounding below 0 and above 1 does not move the threshold.
            warnings.filterwarnings("ignore", message="The probability range")
            probability: NDArray = random_walker(
                intensity,
                drawn,
                # scikit-image divides beta by ten standard deviations.
                beta=self.settings.beta * 10 * float(intensity.std()),
                mode=mode,
                tol=self.settings.tolerance,
                return_full_prob=True,
            )[0]
        return probability
