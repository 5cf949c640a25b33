"""The part of the image that the traditional tools see: the box, on the image's own voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.images import unit_range
from bifseg.core.scribbles import Scribbles


class Window:
    """The voxels of a box in canonical axes, so that a tool's result does not depend on how the image is stored.

    Args:
        image: 2D (y, x) or 3D (z, y, x), with its grid.
        box: in voxels of the image.

    Attributes:
        intensity: float32 of the box's shape in canonical axes, in [0, 1] (`images.unit_range`).
        spacing: mm per canonical axis.
        shape: voxels of the box per canonical axis.
    """

    def __init__(self, image: Image, box: Box) -> None:
        self._image_shape = image.grid.shape
        self._stored_box = box.within(image.grid.shape)
        self._turn = image.grid.canonical()
        self._box = box.reoriented(self._turn, image.grid.shape)
        self.shape = self._box.shape
        voxels = np.ascontiguousarray(self._turn.apply(image.voxels[box.slices]))
        self.intensity: NDArray[np.float32] = unit_range(voxels).astype(np.float32)
        self.spacing = self._turn.ordered(image.grid.spacing)

    def label_map(self, scribbles: Scribbles) -> NDArray[np.uint8]:
        """The label map of the scribbles inside the box.

        Args:
            scribbles: on the image's voxels.

        Returns:
            uint8 array of the window's shape: 0 free, 1 foreground, 2 background.
        """
        return np.ascontiguousarray(self._turn.apply(scribbles.label_map()[self._stored_box.slices]))

    def to_image(self, foreground: Mask, drawn: NDArray[np.uint8] | None = None) -> Mask:
        """The mask on the image's grid.

        Args:
            foreground: bool array of the window's shape.
            drawn: label map of the window's shape; its foreground and background voxels keep their label.

        Returns:
            Bool array of the image's shape, False outside the box.
        """
        inside = foreground if drawn is None else np.where(drawn == 0, foreground, drawn == 1)
        return self._stored_box.paste(self._turn.undo(inside.astype(bool)), self._image_shape)


class SurroundedBox(Window):
    """A box and the voxels around it, which are background, on one grey scale.

    Args:
        image: 2D (y, x) or 3D (z, y, x), with its grid.
        box: in voxels of the image; results stay inside.
        surround: width in voxels of the margin along each of the image's axes, clipped to the image; None: the whole
            image.

    Attributes:
        grey: uint8 of the box with its surround, in canonical axes; `unit_range` times 255.
        inner: index of the box in `grey`.
        rim: index in `grey` of the box with one more voxel on each side, clipped to `grey`.
        inner_of_rim: index of the box in `grey[rim]`.
        around: bool of grey's shape, True outside the box.
        lowest: bool of grey's shape, True at the lowest value of the whole image.
    """

    def __init__(self, image: Image, box: Box, surround: Index | None) -> None:
        super().__init__(image, box)
        stored = self._turn.apply(image.voxels)
        box, shape = self._box, stored.shape
        margin = shape if surround is None else self._turn.ordered(surround)
        outer = box.grow(margin, margin, shape)
        one = (1,) * len(shape)
        rim = box.grow(one, one, outer.upper)
        rim = Box(tuple(map(max, rim.lower, outer.lower)), rim.upper)
        voxels = np.ascontiguousarray(stored[outer.slices])
        self.grey: NDArray[np.uint8] = np.rint(255 * unit_range(voxels)).astype(np.uint8)
        self.lowest = voxels <= stored.min()
        self.inner, self.rim = _inside(box, outer), _inside(rim, outer)
        self.inner_of_rim = _inside(box, rim)
        self.around = np.ones(outer.shape, bool)
        self.around[self.inner] = False

    def first_guess(self) -> Mask:
        """The labels to begin with: all of the box is object.

        If nothing surrounds the box, its outermost layer is background, which needs voxels to be learnt from. An axis
        of one voxel has no outermost layer.

        Returns:
            Bool array of the window's shape.
        """
        if self.around.any():
            return np.ones(self.shape, bool)
        guess = np.zeros(self.shape, bool)
        guess[tuple(slice(1, -1) if n > 1 else slice(None) for n in self.shape)] = True
        return guess


def _inside(box: Box, outer: Box) -> tuple[slice, ...]:
    """Index of `box` in an array of the voxels of `outer`."""
    first = np.subtract(box.lower, outer.lower).tolist()
    return tuple(slice(a, a + n) for a, n in zip(first, box.shape, strict=True))
