"""The inside of a box, scaled for a network, and the way back to the image's voxels."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.images import unit_range
from bifseg.core.scribbles import Scribbles

_LONGER = 16  # longest side of a 2D crop as a multiple of its size; it bounds the memory of thin boxes
_TIE = 1e-5  # rounding error of shares of a voxel, which are float32


def scaled_shape(shape: Index, size: int | Index) -> Index:
    """The shape that a crop is scaled to, with the box's aspect in voxels.

    Args:
        shape: voxels of the box per axis.
        size: in 2D the shorter side of the result, or less if the longer side would exceed 16 times this; in 3D the
            longest side. If this is a shape, the result is the largest that fits into it.

    Returns:
        Whole voxels per axis, each at least 1.
    """
    if not isinstance(size, int):
        limits = list(zip(size, shape, strict=True))
    elif len(shape) == 2:
        limits = [(size, min(shape)), (_LONGER * size, max(shape))]
    else:
        limits = [(size, max(shape))]
    side, reference = min(limits, key=lambda pair: pair[0] / pair[1])
    return tuple(max(1, round(n * side / reference)) for n in shape)


def resample(values: NDArray[Any], shape: Index) -> NDArray[np.float32]:
    """An array scaled to another shape over the same extent.

    Along an axis that grows, values are interpolated linearly between voxel centres; the ends repeat. Along an axis
    that shrinks, each new voxel is the mean over the part of the old ones that it covers, so that nothing aliases.

    Args:
        values: numbers or booleans, of any dimension.
        shape: voxels per axis of the result, each at least 1.

    Returns:
        float32 array of that shape.
    """
    scaled = np.asarray(values, np.float32)
    for axis, n in enumerate(shape):
        if n != scaled.shape[axis]:
            weights = _weights(scaled.shape[axis], n)
            scaled = np.moveaxis(np.tensordot(weights, scaled, (1, axis)), 0, axis)
    return np.ascontiguousarray(scaled)


@lru_cache(1024)
def _weights(n: int, m: int) -> NDArray[np.float32]:
    """Weights (m, n) of n voxels in each of m new ones; every row sums to 1."""
    if m < n:
        edges = np.arange(m + 1) * n / m
        upper = np.minimum(edges[1:, None], np.arange(1, n + 1))
        lower = np.maximum(edges[:-1, None], np.arange(n))
        shares: NDArray[np.float32] = (np.clip(upper - lower, 0, None) * m / n).astype(np.float32)
        return shares
    centres = np.clip((np.arange(m) + 0.5) * n / m - 0.5, 0, n - 1)
    weights: NDArray[np.float32] = np.clip(1 - np.abs(centres[:, None] - np.arange(n)), 0, None).astype(
        np.float32
    )
    return weights


class Crop:
    """The voxels of a box in canonical axes, scaled for a network.

    An image and its flipped or permuted copy, with their grids, give the same crop, and results return to the same
    voxels.

    Args:
        image: the whole image, (y, x) or (z, y, x).
        box: in voxels of the image.
        size: see `scaled_shape`.
        thickest_first: the first axis of the crop is the one with the largest spacing. See `Grid.canonical`.

    Attributes:
        shape: voxels per canonical axis after scaling.
        values: float32 of `shape`, in the image's intensities.
        intensity: the same in [0, 1]: the crop's 0.5 and 99.5 percentiles become 0 and 1. Min-cut and geodesic
            distances use it, since sigma and eps are on that scale.
        side: the shorter side of `shape` in 2D, the longest in 3D.
        spacing: mm per canonical axis after scaling.
    """

    def __init__(self, image: Image, box: Box, size: int | Index, thickest_first: bool = False) -> None:
        self.image = image
        self.box = box.within(image.grid.shape)
        self._turn = image.grid.canonical(thickest_first)
        self._box_shape = self._turn.ordered(box.shape)
        self.shape = scaled_shape(self._box_shape, size)
        self.side = min(self.shape) if len(self.shape) == 2 else max(self.shape)
        self.values = self.scaled(image.voxels)
        self.intensity = unit_range(self.values)
        scale = np.divide(self._box_shape, self.shape)
        spacing = self._turn.ordered(image.grid.spacing)
        self.spacing = tuple(float(s * k) for s, k in zip(spacing, scale, strict=True))

    def channel(self, name: str) -> NDArray[np.float32]:
        """A channel of the image, cropped and scaled.

        Args:
            name: name of the channel; the image's own is its modality.

        Returns:
            float32 array of `shape`, in the channel's intensities.

        Raises:
            InputError: the image has no such channel.
        """
        return self.values if name == self.image.modality else self.scaled(self.image.channel(name).voxels)

    def scaled(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """An array on the image's grid, cropped and scaled like the image.

        Args:
            values: numbers or booleans, of the image's shape.

        Returns:
            float32 array of `shape`.
        """
        return resample(self._inside(values), self.shape)

    def label_map(self, scribbles: Scribbles) -> NDArray[np.uint8]:
        """The label map of the scribbles on the crop's voxels.

        In a finer crop, a scribbled voxel labels all crop voxels that lie in it. In a coarser crop, each scribbled
        voxel labels the crop voxel that it lies in; a crop voxel that would get both labels gets none.

        Args:
            scribbles: on the image's voxels; those outside the box have no effect.

        Returns:
            uint8 array of `shape`: 0 no label, 1 foreground, 2 background.
        """
        drawn = self._inside(scribbles.label_map())
        nearest = [
            ((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(self.shape, drawn.shape, strict=True)
        ]
        masks = [drawn[np.ix_(*nearest)] == label for label in (1, 2)]
        for label, mask in enumerate(masks, start=1):
            at = np.argwhere(drawn == label)
            mask[tuple(((at + 0.5) * self.shape / drawn.shape).astype(int).T)] = True
        return np.where(masks[0] ^ masks[1], np.where(masks[0], 1, 2), 0).astype(np.uint8)

    def to_image(
        self,
        foreground: NDArray[Any],
        scribbles: Scribbles | None = None,
        probability: NDArray[Any] | None = None,
    ) -> Mask:
        """The mask on the image's grid.

        A voxel is foreground if at least half of it is. Scribbled voxels keep their label.

        Args:
            foreground: probabilities or labels, of shape `shape`.
            scribbles: all scribbles so far; None: none.
            probability: array of shape `shape`. If `foreground` holds labels, it decides about voxels with exactly half
                foreground. Without it they are foreground, and masks grow if the crop is an even number of times finer.

        Returns:
            Bool mask of the image's shape, False outside the box.
        """
        share = resample(foreground, self._box_shape)
        inside = share >= 0.5 - _TIE
        if probability is not None:
            tie = inside & (share <= 0.5 + _TIE)
            inside[tie] = resample(probability, self._box_shape)[tie] >= 0.5
        inside = self._turn.undo(inside)
        if scribbles is not None:
            drawn = scribbles.label_map()[self.box.slices]
            inside = np.where(drawn == 0, inside, drawn == 1)
        return self.box.paste(inside, self.image.grid.shape)

    def _inside(self, values: NDArray[Any]) -> NDArray[Any]:
        return self._turn.apply(values[self.box.slices])
