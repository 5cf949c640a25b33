"""GrabCut in 2D (Rother, Kolmogorov and Blake, ACM TOG 2004), by OpenCV."""

from __future__ import annotations

from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bifseg.cards.card import Card, Positive
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.window import SurroundedBox


class GrabCutOpenCVSettings(Card):
    """Settings of OpenCV's GrabCut. OpenCV fixes K = 5 components, gamma = 50 and 8 neighbours, as the original."""

    surround: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="width in voxels of the margin around the box that background is learnt from; null: the whole "
        "image",
    )
    iterations: Positive = Field(5, description="most rounds of learning and cutting per call")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="of the first clustering")


class GrabCutOpenCV:
    """Cuts the object out by two mixtures of colours, learnt from the box and its surroundings.

    Scribbles are hard constraints; each round continues from the labels and mixtures of the round before. If object
    or background has no voxel, there is nothing to learn from, and the labels stay as they are. The first result is
    that of `cv2.grabCut` on the whole image, with the box as its rectangle.

    OpenCV fixes gamma at 50, which often leaves the initial result of a noisy grey image empty. `grabcut` has
    gamma as a setting (`strength`).

    Args:
        **settings: fields of `GrabCutOpenCVSettings`; a wrong one raises pydantic.ValidationError.
    """

    dimensions = frozenset({2})
    prompts = frozenset({"box", "scribbles"})

    def __init__(self, **settings: Any) -> None:
        self.settings = GrabCutOpenCVSettings(**settings)

    def start(self, image: Image, box: Box) -> Mask:
        """The cut inside the box.

        Args:
            image: 2D (y, x), with its grid.
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        surround = self.settings.surround
        margin = None if surround is None else (surround,) * len(box.shape)
        self._window = SurroundedBox(image, box, margin)
        self._pixels = np.repeat(self._window.grey[..., None], 3, axis=2)
        self._background, self._foreground = np.zeros((1, 65)), np.zeros((1, 65))
        return self._segment(self._window.first_guess(), np.zeros(self._window.shape, np.uint8))

    def refine(self, scribbles: Scribbles) -> Mask:
        """The cut with the scribbles as hard constraints.

        Args:
            scribbles: all scribbles so far; those outside the box have no effect.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
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
        # OpenCV keeps one random generator a thread; its state would depend on the sessions before.
        cv2.setNumThreads(1)
        cv2.setRNGSeed(self.settings.seed)
        cv2.grabCut(self._pixels, known, (0, 0, 0, 0), self._background, self._foreground, 1, mode)


def _is_object(known: NDArray[np.uint8]) -> Mask:
    labels: Mask = (known == cv2.GC_FGD) | (known == cv2.GC_PR_FGD)
    return labels
