"""The inside of the box as the traditional tools see it: on the image's own voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.images import unit_range
from bifseg.core.scribbles import Scribbles


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


class SurroundedBox(Window):
    """A box with the voxels around it, which are sure to be background, on one grey scale.

    Args:
        image: as it is, any dimension.
        box: what the result keeps to.
        surround: voxels on every side, clipped to the image.

    Attributes:
        grey: uint8 of box and surround together; `unit_range` times 255.
        inner: where in `grey` the box lies.
        around: bool of grey's shape, True outside the box; nowhere where the box fills the image.
        lowest: bool of grey's shape, True at the lowest value of the whole image.
    """

    def __init__(self, image: Image, box: Box, surround: int) -> None:
        super().__init__(image, box)
        margin = (surround,) * len(box.shape)
        outer = box.grow(margin, margin, image.grid.shape)
        self.grey: NDArray[np.uint8] = np.rint(255 * unit_range(image.voxels[outer.slices])).astype(np.uint8)
        self.lowest = image.voxels[outer.slices] <= image.voxels.min()
        first = np.subtract(box.lower, outer.lower)
        self.inner = tuple(slice(a, a + n) for a, n in zip(first.tolist(), box.shape, strict=True))
        self.around = np.ones(outer.shape, bool)
        self.around[self.inner] = False

    def first_guess(self) -> Mask:
        """Of the box's shape: all object; but a box with nothing around it lends its outermost layer to background.

        An axis of one voxel has no outermost layer.
        """
        shape = self._box.shape
        if self.around.any():
            return np.ones(shape, bool)
        guess = np.zeros(shape, bool)
        guess[tuple(slice(1, -1) if n > 1 else slice(None) for n in shape)] = True
        return guess
