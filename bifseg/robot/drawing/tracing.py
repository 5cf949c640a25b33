"""What a person painted, as strokes: a map of scribbles keeps neither order nor paths, so both are made up.

Strokes that touch count as one, and so do crossing ones, of which only the longest way through is drawn: the drawn
length is a lower bound.
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
    """The connected pieces that were painted with one label, each a stroke, in array order.

    A piece is connected by faces, edges or corners. In a volume it was painted in the slices of the orientation
    in which it lies in the fewest of them (of equal ones the first axis), and what is connected within one of those
    slices is a stroke. The path is the middle of the stroke, from the end that comes first in the array; of a closed
    stroke all of the way round, of a dab a point or a little more.

    Args:
        painted: (z, y, x) or (y, x); may be empty.
        foreground: the label.
        spacing: mm, in the same order.
    """
    labels, n = ndimage.label(painted, np.ones((3,) * painted.ndim))
    strokes = []
    for number, span in enumerate(ndimage.find_objects(labels, n), 1):
        corner = np.array([part.start for part in span])
        for path, voxels in _drawn(labels[span] == number, spacing):
            strokes.append(Stroke(foreground, path + corner, voxels + corner))
    return strokes


def _drawn(piece: Mask, spacing: tuple[float, ...]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.intp]]]:
    """Path and voxels of every stroke in a connected piece."""
    if piece.ndim == 2:
        path, voxels = _flat(piece, (spacing[0], spacing[1]))
        yield path, voxels
        return
    through = int(np.argmin(piece.shape))  # its tight box: as many slices as it is thick
    a, b = (axis for axis in range(3) if axis != through)
    for index in range(piece.shape[through]):
        labels, n = ndimage.label(np.take(piece, index, through), np.ones((3, 3)))
        for number in range(1, n + 1):
            path, voxels = _flat(labels == number, (spacing[a], spacing[b]))
            yield np.insert(path, through, index, axis=1), np.insert(voxels, through, index, axis=1)


def _flat(stroke: Mask, spacing: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    path = traced(thin(stroke), spacing)
    return (path[::-1] if tuple(path[-1]) < tuple(path[0]) else path), np.argwhere(stroke)
