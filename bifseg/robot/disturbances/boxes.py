"""Disturbed boxes: moved, shrunk or grown by a share of the object's extent along each axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Mask


def shifted(box: Box, truth: Mask, share: float, rng: np.random.Generator) -> Box:
    """The box, moved in a random direction.

    Args:
        box: the box that the robot drew.
        truth: ground truth of the object, (z, y, x) or (y, x).
        share: distance, as a share of the object's extent along each axis.
        rng: source of the direction.

    Returns:
        A box of the same size, cut at the image's border; at least one voxel lies in the image.
    """
    direction = rng.standard_normal(truth.ndim)
    way = share * np.array(Box.around(truth).shape) * direction / np.linalg.norm(direction)
    shape, lower, upper = (np.array(values) for values in (truth.shape, box.lower, box.upper))
    offset = np.clip(np.rint(way).astype(int), 1 - upper, shape - 1 - lower)
    return box.grow(-offset, offset, truth.shape)


def shrunk(box: Box, truth: Mask, share: float, rng: np.random.Generator) -> Box:
    """The box with every side moved inwards.

    Args:
        box: the box that the robot drew.
        truth: ground truth of the object, (z, y, x) or (y, x).
        share: distance that each side moves, as a share of the object's extent along its axis.
        rng: not used.

    Returns:
        A box of at least one voxel with the same centre.
    """
    inwards = np.minimum(_in_voxels(truth, share), (np.array(box.shape) - 1) // 2)
    return box.grow(-inwards, -inwards, truth.shape)


def grown(box: Box, truth: Mask, share: float, rng: np.random.Generator) -> Box:
    """The box with every side moved outwards.

    Args:
        box: the box that the robot drew.
        truth: ground truth of the object, (z, y, x) or (y, x).
        share: distance that each side moves, as a share of the object's extent along its axis.
        rng: not used.

    Returns:
        A larger box, cut at the image's border.
    """
    outwards = _in_voxels(truth, share)
    return box.grow(outwards, outwards, truth.shape)


def _in_voxels(truth: Mask, share: float) -> NDArray[np.int_]:
    """A share of the object's extent along each axis, in whole voxels."""
    return np.rint(share * np.array(Box.around(truth).shape)).astype(int)
