"""Strokes from a painted map of scribbles. The map keeps neither their order nor their paths, so we guess both.

Strokes that touch or cross count as one, with the longest way through as path. So its length is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from skimage.morphology import thin

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.lines import traced
from bifseg.robot.drawing.regions import Patch


def strokes_in(painted: Mask, foreground: bool, spacing: tuple[float, ...]) -> list[Stroke]:
    """The strokes that were painted with one label, in array order: one for each of the `painted_patches`.

    A path is the stroke's middle line, from the end that comes first in the array. It follows a closed stroke all the
    way round; the path of a dab is a point or a little more.

    Args:
        painted: voxels of the label, (z, y, x) or (y, x).
        foreground: the label.
        spacing: mm, in the same order.

    Returns:
        Strokes in voxels of the array; none for an empty map.
    """
    strokes = []
    for patch in painted_patches(painted, spacing):
        path = traced(thin(patch.mask), patch.spacing)
        path = path[::-1] if tuple(path[-1]) < tuple(path[0]) else path
        strokes.append(Stroke(foreground, patch.to_image(path), patch.to_image(np.argwhere(patch.mask))))
    return strokes


def painted_patches(painted: Mask, spacing: tuple[float, ...]) -> Iterator[Patch]:
    """The connected pieces of a label in the slices in which they were painted.

    We assume that a connected piece of a volume was painted in the orientation in which it spans the fewest slices; of
    equal orientations, the slices along the first axis.

    Args:
        painted: voxels of the label, (z, y, x) or (y, x).
        spacing: mm, in the same order.

    Yields:
        Patches in array order. Their mask may be larger than the piece's tight box.
    """
    labels, n = ndimage.label(painted, np.ones((3,) * painted.ndim))
    for number, span in enumerate(ndimage.find_objects(labels, n), 1):
        piece, corner = labels[span] == number, tuple(part.start for part in span)
        if piece.ndim == 2:
            yield Patch(piece, (spacing[0], spacing[1]), (0, 1), corner)
            continue
        through = int(np.argmin(piece.shape))  # the array is the piece's tight box
        a, b = (axis for axis in range(3) if axis != through)
        for index in range(piece.shape[through]):
            parts, n_parts = ndimage.label(np.take(piece, index, through), np.ones((3, 3)))
            start = (*corner[:through], corner[through] + index, *corner[through + 1 :])
            for part in range(1, n_parts + 1):
                yield Patch(parts == part, (spacing[a], spacing[b]), (a, b), start)
