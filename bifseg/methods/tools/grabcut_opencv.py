"""GrabCut in 2D (Rother, Kolmogorov and Blake, ACM TOG 2004), by OpenCV."""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bifseg.cards.cards import Card, Positive
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.window import SurroundedBox


class GrabCutOpenCVSettings(Card):
    """OpenCV fixes the rest: K = 5 components a side, gamma = 50 and 8 neighbours, as in the original."""

    surround: Annotated[int, Field(ge=0)] | None = Field(
        None, description="voxels around the box that teach the background; null: the whole image"
    )
    iterations: Positive = Field(5, description="most rounds of learning and cutting per call")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of the first clustering")


class GrabCutOpenCV:
    """Cuts the object out by two colour mixtures, learnt from the box and what lies around it.

    Scribbles are hard constraints; each round continues from the labels and mixtures of the round before. A side
    without voxels has nothing to learn from: then the labels stay as they are. The first result is that of
    `cv2.grabCut` on the whole image, with the box as its rectangle.

    OpenCV fixes gamma at 50, which often leaves the initial result of a noisy grey image empty. `grabcut` has
    gamma as a setting (`strength`).

    Args:
        settings: any of `GrabCutOpenCVSettings`.

    Raises:
        pydantic.ValidationError: a setting is unknown or out of range.
    """

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrabCutOpenCVSettings(**settings)

    def start(self, image: Image, box: Box) -> Mask:
        """The cut inside the box, of the image's shape."""
        surround = self.settings.surround
        margin = None if surround is None else (surround,) * len(box.shape)
        self._window = SurroundedBox(image, box, margin)
        self._pixels = np.repeat(self._window.grey[..., None], 3, axis=2)
        self._background, self._foreground = np.zeros((1, 65)), np.zeros((1, 65))
        return self._segment(self._window.first_guess(), np.zeros(box.shape, np.uint8))

    def refine(self, scribbles: Scribbles) -> Mask:
        """The cut that obeys the scribbles inside the box, of the image's shape."""
        return self._segment(self._labels, self._window.label_map(scribbles))

    def _segment(self, labels: Mask, drawn: NDArray[np.uint8]) -> Mask:
        known = np.full(self._window.grey.shape, cv2.GC_BGD, np.uint8)
        inside = known[self._window.inner]
        inside[:] = np.where(labels, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
        inside[drawn == 1], inside[drawn == 2] = cv2.GC_FGD, cv2.GC_BGD
        for _ in range(self.settings.iterations):
            before = known.copy()
            if _is_object(known).all() or not _is_object(known).any():
                break
            self._iterate(known)
            if (known == before).all():
                break
        self._labels = _is_object(inside)
        return self._window.to_image(self._labels)

    def _iterate(self, known: NDArray[np.uint8]) -> None:
        """One round of learning and cutting; changes `known`."""
        mode = cv2.GC_EVAL if self._foreground.any() else cv2.GC_INIT_WITH_MASK
        # OpenCV's generator is one per thread and remembers the sessions before; jobs run in parallel as processes.
        cv2.setNumThreads(1)
        cv2.setRNGSeed(self.settings.seed)
        cv2.grabCut(self._pixels, known, (0, 0, 0, 0), self._background, self._foreground, 1, mode)


def _is_object(known: NDArray[np.uint8]) -> Mask:
    labels: Mask = (known == cv2.GC_FGD) | (known == cv2.GC_PR_FGD)
    return labels
