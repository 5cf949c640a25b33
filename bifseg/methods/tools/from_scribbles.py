"""The base class of the tools that start from scribbles."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.window import Window


class FromScribbles(ABC):
    """A tool without an initial result. It segments once both labels have a scribble."""

    prompts = frozenset({"scribbles"})

    def start(self, image: Image, box: Box) -> Mask:
        """An empty mask. The tool computes here what depends on the image alone.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: the window that the user looks at, in voxels of the image; results stay inside.

        Returns:
            Bool mask of the image's shape, all False.
        """
        self._window = Window(image, box)
        self._prepare(self._window)
        return np.zeros(image.grid.shape, bool)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result after a round; scribbled voxels keep their label.

        Args:
            scribbles: all scribbles so far; those outside the window have no effect.

        Returns:
            Bool mask of the image's shape; while a label has no scribble, the foreground scribbles themselves.
        """
        drawn = self._window.label_map(scribbles)
        both = np.any(drawn == 1) and np.any(drawn == 2)
        return self._window.to_image(self._segment(drawn) if both else drawn == 1, drawn)

    def _prepare(self, window: Window) -> None:  # noqa: B027 - a tool may have nothing to prepare
        """Compute what depends on the window alone, once a session."""

    @abstractmethod
    def _segment(self, drawn: NDArray[np.uint8]) -> Mask:
        """Foreground in the window; both labels occur in the label map `drawn`."""
