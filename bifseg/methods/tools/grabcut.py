"""GrabCut in 2D and 3D: intensity mixtures and an exact min-cut in turn (after Rother et al., ACM TOG 2004)."""

from __future__ import annotations

import warnings
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from bifseg.cards.cards import Card, Positive
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.core.seeds import generator
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.methods.tools.window import SurroundedBox

_LEVELS = np.arange(256) / 255
# A component is no narrower than a grey level.
_NARROWEST = 1 / 255**2
# Steps of a mixture's learning; the labels change in between, so that it need not end.
_STEPS = 10


class GrabCutSettings(Card):
    """K = 5 is the original's, lambda = 10 and 5 iterations that of first-party code of BIFSeg's authors.

    Their sigma, 40 of 255 grey levels, keeps whole boxes of our validation objects; 0.05 was chosen on these.
    """

    surround: Annotated[int, Field(ge=0)] = Field(
        10, description="voxels around the box that teach what background looks like"
    )
    components: Positive = Field(5, description="K: Gaussians of object and of background")
    strength: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        10.0, description="lambda (gamma of the original): weight of the pairwise term"
    )
    sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        0.05, description="contrast at which a boundary becomes cheap, of a grey range of 1"
    )
    iterations: Positive = Field(5, description="most rounds of learning and cutting per call")
    samples: Positive = Field(
        2000, description="voxels a side that a mixture is learnt from, with replacement"
    )
    scribble_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="of the samples, from scribbles of that side where there are any; the rest from all"
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of the samples and the clustering")


class GrabCut:
    """Cuts the object out by two intensity mixtures, learnt from the box and what lies around it.

    The pairwise term is BIFSeg's (`bifseg.methods.graphs.crf`): contrast-sensitive, in the image's spacing,
    4 or 6 neighbours. Scribbles are hard constraints; each round goes on from the labels of the one before. When
    nothing is left of
    object or of background there is nothing to learn: the labels stay as they are.

    Voxels at the image's lowest value (stripped away, or out of view) start as background, and around the box teach
    nothing: else the mixtures part the head from the air, not the object from the brain.

    Args:
        settings: any of `GrabCutSettings`; raises pydantic's ValidationError for others.
    """

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrabCutSettings(**settings)

    def start(self, image: Image, box: Box) -> Mask:
        """The cut inside the box."""
        s = self.settings
        self._window = window = SurroundedBox(image, box, s.surround)
        self._grey = window.grey[window.inner]
        self._around = window.grey[window.around & ~window.lowest]
        self._cut = LabelUpdate(_LEVELS[self._grey], window.spacing, s.strength, s.sigma, full=False)
        return self._segment(
            window.first_guess() & ~window.lowest[window.inner], np.zeros(box.shape, np.uint8)
        )

    def refine(self, scribbles: Scribbles) -> Mask:
        """The cut that obeys the scribbles; those outside the box say nothing new."""
        return self._segment(self._labels, self._window.label_map(scribbles))

    def _segment(self, labels: Mask, drawn: NDArray[np.uint8]) -> Mask:
        labels = np.where(drawn == 0, labels, drawn == 1)
        for _ in range(self.settings.iterations):
            before, background = labels, np.concatenate([self._around, self._grey[~labels]])
            if not labels.any() or not background.size:
                break
            as_object = self._log_likelihood(self._grey[labels], self._grey[drawn == 1])
            as_background = self._log_likelihood(background, self._grey[drawn == 2])
            # Dividing both likelihoods by their sum adds the same to both labels: the least energy stays where it is.
            labels = self._cut(expit(as_object - as_background)[self._grey], drawn)
            if (labels == before).all():
                break
        self._labels = labels
        return self._window.to_image(labels)

    def _log_likelihood(self, values: NDArray[np.uint8], scribbled: NDArray[np.uint8]) -> NDArray:
        """Of each of the 256 grey levels, by a mixture learnt from a sample of a label's voxels."""
        s = self.settings
        random = generator(s.seed, "grabcut")
        told = round(s.scribble_share * s.samples) if scribbled.size else 0
        drawn = [random.choice(kind, n) for kind, n in ((values, s.samples - told), (scribbled, told)) if n]
        sample = np.concatenate(drawn)
        most = min(s.components, len(np.unique(sample)))
        mixture = GaussianMixture(most, reg_covar=_NARROWEST, max_iter=_STEPS, random_state=s.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(_LEVELS[sample][:, None])
        found: NDArray = mixture.score_samples(_LEVELS[:, None])
        return found
