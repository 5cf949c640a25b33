"""GrabCut in 2D and 3D: intensity mixtures and an exact min-cut in turn (after Rother et al., ACM TOG 2004)."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit

from bifseg.cards.card import Card, Positive
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.graphs.neighbours import typical_contrast
from bifseg.methods.tools.mixture import LEVELS, Mixture, histogram
from bifseg.methods.tools.window import SurroundedBox

# Least unit of contrast, of a grey range of 1: less than a grey level, so that it matters in flat images only.
_LEAST_CONTRAST = 1e-3


class GrabCutSettings(Card):
    """Settings of GrabCut; docs/method.md says which images chose the defaults.

    K = 5 and the contrast scale are the original's. Its gamma of 50 is for colour photographs.
    """

    surround: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.5,
        description="width of the margin around the box that background is learnt from, as a multiple of the box's "
        "length along each axis",
    )
    components: Positive = Field(5, description="K: Gaussians of object and of background")
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        10.0, description="lambda (gamma of the original): weight of the pairwise term"
    )
    contrast: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0,
        description="sigma: contrast at which a boundary becomes cheap, as a multiple of the root mean square "
        "contrast of neighbouring voxels",
    )
    full_neighbourhood: bool | None = Field(
        None, description="8 or 26 neighbours instead of 4 or 6; null: 8 in 2D, 6 in 3D"
    )
    iterations: Positive = Field(5, description="most rounds of learning and cutting per call")


class GrabCut:
    """Cuts the object out by two mixtures of intensities, learnt from the box and its surroundings.

    The pairwise term is that of `crf.LabelUpdate` in the image's spacing. Voxels next to the box are background, so
    that an object along a side of the box pays for its boundary there. Scribbles are hard constraints; each round
    continues from the labels and mixtures of the round before. If object or background has no voxel, there is
    nothing to learn from, and the labels stay as they are.

    Voxels at the lowest value of the image (skull-stripped, or out of view) start as background, and those around
    the box are not learnt: otherwise the mixtures separate the head from the air instead of the object from the
    brain.

    Args:
        **settings: fields of `GrabCutSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrabCutSettings(**settings)

    def start(self, image: Image, box: Box) -> Mask:
        """The cut inside the box.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        s = self.settings
        margin = tuple(int(np.ceil(s.surround * n)) for n in box.shape)
        self._window = window = SurroundedBox(image, box, margin)
        self._around = histogram(window.grey[window.around & ~window.lowest])
        rim = window.rim
        self._grey, self._inner = window.grey[rim], window.inner_of_rim
        full = image.voxels.ndim == 2 if s.full_neighbourhood is None else s.full_neighbourhood
        intensity = window.grey / (LEVELS - 1.0)
        sigma = s.contrast * max(typical_contrast(intensity, full=False), _LEAST_CONTRAST)
        self._cut = LabelUpdate(intensity[rim], window.spacing, s.strength, sigma, full)
        self._mixtures: dict[bool, Mixture] = {}
        guess = window.first_guess() & ~window.lowest[window.inner]
        return self._segment(guess, np.zeros(window.shape, np.uint8))

    def refine(self, scribbles: Scribbles) -> Mask:
        """The cut with the scribbles as hard constraints.

        Args:
            scribbles: all scribbles so far; those outside the box have no effect.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        return self._segment(self._labels, self._window.label_map(scribbles))

    def _segment(self, labels: Mask, drawn: NDArray[np.uint8]) -> Mask:
        labels = np.where(drawn == 0, labels, drawn == 1)
        fixed = np.full(self._grey.shape, 2, np.uint8)
        fixed[self._inner] = drawn
        grey = self._grey[self._inner]
        for _ in range(self.settings.iterations):
            before = labels
            as_object, as_background = histogram(grey[labels]), histogram(grey[~labels]) + self._around
            if not as_object.any() or not as_background.any():
                break
            # Dividing both likelihoods by their sum leaves the labelling of least energy as it is.
            odds = self._log_likelihood(True, as_object) - self._log_likelihood(False, as_background)
            labels = self._cut(expit(odds)[self._grey], fixed)[self._inner]
            if (labels == before).all():
                break
        self._labels = labels
        return self._window.to_image(labels)

    def _log_likelihood(self, is_object: bool, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-likelihood of each grey level under the object's or background's mixture, after a step of learning."""
        mixture = self._mixtures.get(is_object)
        learnt = mixture.updated(counts) if mixture else Mixture.clustered(counts, self.settings.components)
        self._mixtures[is_object] = learnt
        return learnt.log_likelihood()
