"""The inside of the box as the traditional tools see it: on the image's own voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifseg.geometry import Box, Image, Mask
from bifseg.images import unit_range
from bifseg.scribbles import Scribbles


class Window:
    """The voxels of a box.

    Attributes:
        intensity: float32 of the box's shape in [0, 1] (`images.unit_range`).
        spacing: mm per axis.
    """

    def __init__(self, image: Image, box: Box) -> None:
        self._shape = image.grid.shape
        self._box = box
        self.intensity: NDArray[np.float32] = unit_range(image.voxels[box.slices]).astype(np.float32)
        self.spacing = image.grid.spacing

    def label_map(self, scribbles: Scribbles) -> NDArray[np.uint8]:
        """Scribbles inside the box: 0 free, 1 foreground, 2 background."""
        return scribbles.label_map()[self._box.slices]

    def to_image(self, foreground: Mask, drawn: NDArray[np.uint8] | None = None) -> Mask:
        """The mask on the image's grid; voxels of the label map `drawn` keep their label."""
        inside = foreground if drawn is None else np.where(drawn == 0, foreground, drawn == 1)
        return self._box.paste(inside.astype(bool), self._shape)
