"""The content of a box as a network sees it, and the way back to the image."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.images import unit_range
from bifseg.core.scribbles import Scribbles

_MODES = {2: "bilinear", 3: "trilinear"}
_LONGER = 16  # times the size: the memory of a crop is bounded, however thin its box


def scaled_shape(shape: Index, size: int | Index) -> Index:
    """The shape that a crop is scaled to. The aspect in voxels is kept, to whole voxels.

    Args:
        size: 2D: the shorter side becomes this, or less where the longer one would become more than 16 times this;
            3D: the longest does. A shape: the largest that fits into it.
    """
    if not isinstance(size, int):
        limits = list(zip(size, shape, strict=True))
    elif len(shape) == 2:
        limits = [(size, min(shape)), (_LONGER * size, max(shape))]
    else:
        limits = [(size, max(shape))]
    side, reference = min(limits, key=lambda pair: pair[0] / pair[1])
    return tuple(max(1, round(n * side / reference)) for n in shape)


def resample(values: NDArray, shape: Index) -> NDArray[np.float32]:
    """Linear interpolation of an array to another shape over the same extent."""
    tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]
    mode = _MODES[values.ndim]
    scaled: NDArray[np.float32] = interpolate(tensor, shape, mode=mode, align_corners=False)[0, 0].numpy()
    return scaled


class Crop:
    """The voxels of a box, scaled for a network.

    Args:
        size: see `scaled_shape`.
        thickest_first: turn the axis with the largest spacing to the front, the others keep their order. All that
            is said below is of the turned crop.

    Attributes:
        values: float32 of the scaled shape, in the image's intensities.
        intensity: the same in [0, 1]: the crop's 0.5 and 99.5 percentiles become 0 and 1 (min-cut and geodesic
            distances are taken here, since sigma and eps only make sense on that scale).
        spacing: mm per axis after scaling.
    """

    def __init__(self, image: Image, box: Box, size: int | Index, thickest_first: bool = False) -> None:
        self.image = image
        self.box = box
        first = image.grid.thickest if thickest_first else 0
        self._axes = sorted(range(image.grid.ndim), key=lambda axis: axis != first)
        self._box_shape = tuple(box.shape[axis] for axis in self._axes)
        self.shape = scaled_shape(self._box_shape, size)
        self.values = self.scaled(image.voxels)
        self.intensity = unit_range(self.values)
        scale = np.divide(self._box_shape, self.shape)
        spacing = (image.grid.spacing[axis] for axis in self._axes)
        self.spacing = tuple(float(s * k) for s, k in zip(spacing, scale, strict=True))

    def scaled(self, values: NDArray) -> NDArray[np.float32]:
        """What the crop shows of an array on the image's grid."""
        return resample(self._inside(values), self.shape)

    def label_map(self, scribbles: Scribbles) -> NDArray[np.uint8]:
        """Scribbles on the crop's voxels: 0 free, 1 foreground, 2 background.

        Where the crop is finer, a drawn voxel covers all that lie in it; where it is coarser, none is lost unless
        both labels fall into one voxel: that voxel is left free.
        """
        drawn = self._inside(scribbles.label_map())
        nearest = [
            ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(self.shape, drawn.shape, strict=True)
        ]
        found = [drawn[np.ix_(*nearest)] == label for label in (1, 2)]
        for label, mask in enumerate(found, start=1):
            at = np.argwhere(drawn == label)
            mask[tuple(((at + 0.5) * self.shape / drawn.shape).astype(int).T)] = True
        return np.where(found[0] ^ found[1], np.where(found[0], 1, 2), 0).astype(np.uint8)

    def to_image(self, foreground: NDArray, scribbles: Scribbles | None = None) -> Mask:
        """A mask on the image's grid from probabilities or labels on the crop; scribbled voxels keep their label."""
        inside = resample(foreground, self._box_shape).transpose(np.argsort(self._axes)) >= 0.5
        if scribbles is not None:
            drawn = scribbles.label_map()[self.box.slices]
            inside = np.where(drawn == 0, inside, drawn == 1)
        return self.box.paste(inside, self.image.grid.shape)

    def _inside(self, values: NDArray) -> NDArray:
        return values[self.box.slices].transpose(self._axes)
