"""Lines through a flat shape: its centre line, smoothed and cut to the part that a person draws.

Shapes are masks (rows, columns). Lines are positions (n, 2) in voxels (rows, columns), in drawing order. Lengths are
in mm, by the spacing (mm between rows, mm between columns).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from skimage.morphology import skeletonize

from bifseg.core.geometry import Mask

Line = NDArray[np.float64]
"""Positions (n, 2) in voxels, (rows, columns)."""
Flat = tuple[float, float]
"""Spacing of a plane: mm between rows, mm between columns."""

_STEPS = ((0, 1), (1, -1), (1, 0), (1, 1))  # to four of the eight neighbours; the others are their opposites
# In points. With 4 mm of smoothing, only pixels below 0.01 mm and lines above 400 points need a larger sigma.
_MOST_SIGMA = 400
DECIMALS = 4
"""Decimals of a voxel or mm that we keep: below them lies the rounding noise of sums, which must not choose a voxel."""


def rounded(line: Line) -> NDArray[np.intp]:
    """The voxels that hold the points; halves are rounded up, so that a shift of the line changes nothing.

    Args:
        line: (n, 2) positions in voxels.

    Returns:
        (n, 2) indices.
    """
    return np.floor(line + 0.5).astype(np.intp)


def travelled_mm(line: Line, spacing: Flat) -> NDArray[np.float64]:
    """The length of the line from its start to each point.

    Args:
        line: (n, 2) positions in voxels, n >= 1.
        spacing: mm between rows and between columns.

    Returns:
        (n,) mm; the first is 0.
    """
    steps = np.linalg.norm(np.diff(line, axis=0) * spacing, axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def centre_line(shape: Mask, spacing: Flat, angle: float) -> Line:
    """The longest shortest path through the skeleton of a connected shape, or a chord of a compact one.

    The skeleton of a disc is a dot, but nobody corrects a missed disc with a dot. So if the path is shorter than half
    the shape's width, the chord through the deepest voxel replaces it. Two sweeps of shortest paths find the path:
    exactly on a skeleton without cycles; on a ring it goes half way round.

    Args:
        shape: mask connected by edges or corners, with at least one voxel.
        spacing: mm between rows and between columns.
        angle: direction of the chord, in radians from the row axis.

    Returns:
        (n, 2) positions inside the shape, n >= 1, neighbours at most one voxel apart along each axis.
    """
    padded = np.pad(shape, 1)
    skeleton = skeletonize(padded)
    path = _longest_path(skeleton, _graph(skeleton, spacing))
    depth_mm = ndimage.distance_transform_edt(padded, sampling=spacing)
    if travelled_mm(path, spacing)[-1] < depth_mm.max():
        path = _chord(padded, spacing, angle, np.unravel_index(depth_mm.argmax(), padded.shape))
    return path - 1


def smoothed(line: Line, spacing: Flat, sigma_mm: float) -> Line:
    """The line smoothed along itself by a Gaussian. Its ends stay, and neighbours come no further apart.

    A Gaussian wider than the line only makes it straight. So we bound its width in points, and tiny pixels cost no
    more time than others.

    Args:
        line: (n, 2) positions in voxels, n >= 1.
        spacing: mm between rows and between columns.
        sigma_mm: standard deviation of the Gaussian; 0 leaves the line as it is.

    Returns:
        (n, 2) positions in voxels.
    """
    length = travelled_mm(line, spacing)[-1]
    if sigma_mm == 0 or length == 0:
        return line
    sigma = min(sigma_mm * (len(line) - 1) / length, max(len(line) - 1, _MOST_SIGMA))
    reach = int(np.ceil(4 * sigma))
    # Beyond each end, the line continues as its point reflection: the end stays, and a straight line stays straight.
    longer = np.pad(line, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    smooth: Line = ndimage.gaussian_filter1d(longer, sigma, axis=0)[reach:-reach].round(DECIMALS)
    return smooth


def cut(line: Line, spacing: Flat, share: float, longest_mm: float, place: float) -> Line:
    """The part of the line that a person draws: its middle, or a piece of the middle if that is too long.

    Args:
        line: (n, 2) positions in voxels, n >= 1.
        spacing: mm between rows and between columns.
        share: length of the middle as a share of the line's, in [0, 1].
        longest_mm: greatest length of the part.
        place: where in the middle a shortened part lies, 0 (start) to 1 (end).

    Returns:
        (m, 2) the line's points in the part; if none lies in it, the point nearest to the part's centre.
    """
    at = travelled_mm(line, spacing)
    middle = share * at[-1]
    length = min(middle, longest_mm)
    start = (at[-1] - middle) / 2 + place * (middle - length)
    inside = (at >= start) & (at <= start + length)
    if not inside.any():
        inside[np.abs(at - start - length / 2).argmin()] = True
    part: Line = line[inside]
    return part


def drawn_part(
    line: Line,
    shape: Mask,
    spacing: Flat,
    smoothing_mm: float,
    share: float,
    longest_mm: float,
    place: float,
) -> Line:
    """The `cut` of the line, as smooth as possible with every point inside the shape.

    Args:
        line: (n, 2) positions in voxels, n >= 1, all inside the shape.
        shape: mask (rows, columns).
        spacing: mm between rows and between columns.
        smoothing_mm: first sigma of `smoothed`; its half, its quarter and 0 are tried in turn.
        share: as in `cut`.
        longest_mm: as in `cut`.
        place: as in `cut`.

    Returns:
        (m, 2) positions in voxels, m >= 1.
    """
    for sigma_mm in (smoothing_mm, smoothing_mm / 2, smoothing_mm / 4, 0.0):
        path = cut(smoothed(line, spacing, sigma_mm), spacing, share, longest_mm, place)
        if inside(path, shape).all():
            break
    return path


def inside(line: Line, shape: Mask) -> NDArray[np.bool_]:
    """Whether the voxel that holds each point lies in the shape.

    Args:
        line: (n, 2) positions in voxels.
        shape: mask (rows, columns).

    Returns:
        (n,) bool; False for points outside the shape's array.
    """
    voxels = rounded(line) + 1
    padded = np.pad(shape, 1)
    held: NDArray[np.bool_] = padded[tuple(np.clip(voxels, 0, np.array(padded.shape) - 1).T)]
    return held


def longest_inside(line: Line, shape: Mask) -> Line:
    """The longest run of consecutive points inside the shape; of equal runs the first.

    Args:
        line: (n, 2) positions in voxels.
        shape: mask (rows, columns).

    Returns:
        (m, 2) positions in voxels, m >= 1.

    Raises:
        ValueError: no point lies in the shape.
    """
    runs, n_runs = ndimage.label(inside(line, shape))
    if n_runs == 0:
        raise ValueError("no point of the line lies in the shape")
    longest: Line = line[runs == 1 + np.bincount(runs)[1:].argmax()]
    return longest


def traced(skeleton: Mask, spacing: Flat) -> Line:
    """The longest path through a connected skeleton after its cycles are cut open: all of a ring, one beam of a cross.

    Args:
        skeleton: mask (rows, columns), one voxel wide, with at least one voxel.
        spacing: mm between rows and between columns.

    Returns:
        (n, 2) positions, n >= 1, neighbours at most one voxel apart along each axis.
    """
    padded = np.pad(skeleton, 1)
    return _longest_path(padded, minimum_spanning_tree(_graph(padded, spacing))) - 1


def _longest_path(skeleton: Mask, graph: csr_array) -> Line:
    """Positions along the longest shortest path of a padded skeleton; one point if it is one voxel or empty."""
    points = np.argwhere(skeleton)
    if len(points) < 2:
        return points[:1].astype(float) if len(points) else np.zeros((1, 2))
    start = _farthest(dijkstra(graph, directed=False, indices=0))
    reach, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    path = [_farthest(reach)]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return points[path].astype(float)


def _graph(skeleton: Mask, spacing: Flat) -> csr_array:
    """The skeleton's voxels in array order, joined to their eight neighbours; weights in mm."""
    number = np.full(skeleton.shape, -1)
    number[skeleton] = np.arange(skeleton.sum())
    rows, columns = np.nonzero(skeleton)
    a, b, mm = [], [], []
    for step in _STEPS:
        neighbour = number[rows + step[0], columns + step[1]]  # the padding keeps this inside
        joined = np.flatnonzero(neighbour >= 0)
        a.append(joined)
        b.append(neighbour[joined])
        mm.append(np.full(len(joined), np.hypot(*(np.array(step) * spacing))))
    n, start, end = len(rows), np.concatenate(a), np.concatenate(b)
    order, ends = np.lexsort((end, start)), np.cumsum(np.bincount(start, minlength=n))
    return csr_array((np.concatenate(mm)[order], end[order], np.append(0, ends)), shape=(n, n))


def _farthest(reach: NDArray[np.float64]) -> int:
    """The first of the farthest nodes that a path reaches; sums that differ by rounding noise are equal."""
    return int(np.where(np.isfinite(reach), reach, -1).round(DECIMALS).argmax())


def _chord(shape: Mask, spacing: Flat, angle: float, centre: tuple[np.intp, ...]) -> Line:
    """The straight line through `centre` at `angle`, in both directions to the last point in the shape."""
    step = min(spacing) * np.array([np.cos(angle), np.sin(angle)]) / spacing
    with np.errstate(divide="ignore", over="ignore"):  # a step along one axis may be 0 or tiny
        n_steps = int(np.min(shape.shape / np.abs(step))) + 2  # to beyond the array
    sides = []
    for sign in (-1, 1):
        ray = (np.array(centre) + np.outer(np.arange(n_steps), sign * step)).round(DECIMALS)
        voxels = np.clip(rounded(ray), 0, np.array(shape.shape) - 1)
        first_outside = int(np.argmin(shape[tuple(voxels.T)]))  # the padding ends every ray
        sides.append(ray[:first_outside])
    return np.concatenate([sides[0][:0:-1], sides[1]])
