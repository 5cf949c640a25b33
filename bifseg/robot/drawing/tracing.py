"""Strokes from a painted map of scribbles. The map keeps neither their order nor their paths, so we guess both.

Strokes that touch or cross count as one, with the longest way through as path. So its length is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import thin

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.lines import traced


def strokes_in(painted: Mask, foreground: bool, spacing: tuple[float, ...]) -> list[Stroke]:
    """The strokes that were painted with one label, in array order: each connected piece of a slice is one.

    A piece of a volume, connected by faces, edges or corners, is taken as painted in the orientation in which it spans
    the fewest slices; of equal ones along the first axis. A path is the stroke's middle line, from the end that comes
    first in the array. It follows a closed stroke all the way round; that of a dab is a point or a little more.

    Args:
        painted: voxels of the label, (z, y, x) or (y, x).
        foreground: the label.
        spacing: mm, in the same order.

    Returns:
        Strokes in voxels of the array; none for an empty map.
    """
    labels, n = ndimage.label(painted, np.ones((3,) * painted.ndim))
    strokes = []
    for number, span in enumerate(ndimage.find_objects(labels, n), 1):
        corner = np.array([part.start for part in span])
        for path, voxels in _drawn(labels[span] == number, spacing):
            strokes.append(Stroke(foreground, path + corner, voxels + corner))
    return strokes


def flat_pieces(painted: Mask, spacing: tuple[float, ...]) -> Iterator[tuple[Mask, tuple[float, float]]]:
    """The strokes of `strokes_in` as flat masks.

    Args:
        painted: voxels of a label, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Yields:
        Each stroke's mask (rows, columns) in its tight box or larger, and its spacing.
    """
    labels, n = ndimage.label(painted, np.ones((3,) * painted.ndim))
    for number, span in enumerate(ndimage.find_objects(labels, n), 1):
        piece = labels[span] == number
        if piece.ndim == 2:
            yield piece, (spacing[0], spacing[1])
            continue
        for _, shown, flat_spacing in _slices(piece, spacing):
            yield shown, flat_spacing


def _drawn(piece: Mask, spacing: tuple[float, ...]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Path and voxels of every stroke in a connected piece."""
    if piece.ndim == 2:
        path, voxels = _flat(piece, (spacing[0], spacing[1]))
        yield path, voxels
        return
    for (through, index), shown, flat_spacing in _slices(piece, spacing):
        path, voxels = _flat(shown, flat_spacing)
        yield np.insert(path, through, index, axis=1), np.insert(voxels, through, index, axis=1)


def _slices(
    piece: Mask, spacing: tuple[float, ...]
) -> Iterator[tuple[tuple[int, int], Mask, tuple[float, float]]]:
    """The strokes in a connected piece of a volume: axis and index of the slice, mask in it, and spacing."""
    through = int(np.argmin(piece.shape))  # the array is the piece's tight box
    a, b = (axis for axis in range(3) if axis != through)
    for index in range(piece.shape[through]):
        labels, n = ndimage.label(np.take(piece, index, through), np.ones((3, 3)))
        for number in range(1, n + 1):
            yield (through, index), labels == number, (spacing[a], spacing[b])


def _flat(stroke: Mask, spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    path = traced(thin(stroke), spacing)
    return (path[::-1] if tuple(path[-1]) < tuple(path[0]) else path), np.argwhere(stroke)
