"""What the tools that start from scribbles have in common: a window, nothing before both labels are drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.window import Window


class FromScribbles(ABC):
    """A tool without an initial result. While a label has no scribble, the result is the foreground that was drawn."""

    prompts = frozenset({"scribbles"})

    def start(self, image: Image, box: Box) -> Mask:
        """Nothing yet; what belongs to the image alone is prepared here."""
        self._window = Window(image, box)
        self._prepare(self._window)
        return np.zeros(image.grid.shape, bool)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result given all scribbles so far; scribbled voxels keep their label."""
        drawn = self._window.label_map(scribbles)
        both = np.any(drawn == 1) and np.any(drawn == 2)
        return self._window.to_image(self._segment(drawn) if both else drawn == 1, drawn)

    def _prepare(self, window: Window) -> None:  # noqa: B027 - a tool may have nothing to prepare
        """What is computed once a session."""

    @abstractmethod
    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """Foreground in the window from a label map with both labels."""
