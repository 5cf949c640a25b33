"""Lines through a flat shape: its centre line, smoothed and cut to the part that a person draws.

Shapes are masks (rows, columns); lines are voxel positions (n, 2) in drawing order; lengths are mm through
the spacing.
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
Flat = tuple[float, float]

_STEPS = ((0, 1), (1, -1), (1, 0), (1, 1))  # to half of the eight neighbours
_MOST_SIGMA = (
    400  # points: with 4 mm of smoothing only pixels below 0.01 mm need more, and lines of 400 points
)
_DECIMALS = 4  # of a voxel: below it lies the rounding noise of sums, which must not choose a voxel


def rounded(line: Line) -> NDArray[np.intp]:
    """The voxels (n, 2) that hold the points; halves go up everywhere, so that a shift changes nothing."""
    return np.floor(line + 0.5).astype(np.intp)


def travelled_mm(line: Line, spacing: Flat) -> NDArray[np.float64]:
    """(n,) mm drawn up to each point; the first is 0."""
    steps = np.linalg.norm(np.diff(line, axis=0) * spacing, axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def centre_line(shape: Mask, spacing: Flat, angle: float) -> Line:
    """The longest shortest path through the skeleton of a connected shape, or a chord of a compact one.

    A disc's skeleton is a dot, yet nobody corrects a missed disc with a dot: where the path is shorter than
    half the shape's width, it is the chord through the deepest voxel at `angle` (radians from the row axis).
    Two sweeps find the path: exact on a skeleton without cycles, half of the way round on a ring.

    Args:
        shape: connected by edges or corners, at least one voxel.
        spacing: mm between rows and between columns.
        angle: direction of the chord.

    Returns:
        (n, 2) positions inside the shape, n >= 1, neighbours at most one voxel apart along each axis.
    """
    padded = np.pad(shape, 1)
    skeleton = skeletonize(padded)
    path = longest_path(skeleton, _graph(skeleton, spacing))
    depth_mm = ndimage.distance_transform_edt(padded, sampling=spacing)
    if travelled_mm(path, spacing)[-1] < depth_mm.max():
        path = _chord(padded, spacing, angle, np.unravel_index(depth_mm.argmax(), padded.shape))
    return path - 1


def smoothed(line: Line, spacing: Flat, sigma_mm: float) -> Line:
    """The line under a Gaussian along itself: its ends stay, and neighbours come no further apart.

    A Gaussian wider than the line makes it straight and no more, so that its width in points is bounded by the line's
    length: pixels of a nanometre cost no more than others.
    """
    length = travelled_mm(line, spacing)[-1]
    if sigma_mm == 0 or length == 0:
        return line
    sigma = min(sigma_mm * (len(line) - 1) / length, max(len(line) - 1, _MOST_SIGMA))
    reach = int(np.ceil(4 * sigma))
    # continued beyond each end by its own half turn, which holds the end and leaves a straight line straight
    longer = np.pad(line, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")
    smooth: Line = ndimage.gaussian_filter1d(longer, sigma, axis=0)[reach:-reach].round(_DECIMALS)
    return smooth


def cut(line: Line, spacing: Flat, share: float, longest_mm: float, place: float) -> Line:
    """The middle `share` of the line, and of that at most `longest_mm`, at `place` in [0, 1] along it.

    Keeps the points that lie there; where there are none, the one nearest to the middle of it.
    """
    at = travelled_mm(line, spacing)
    middle = share * at[-1]
    kept = min(middle, longest_mm)
    start = (at[-1] - middle) / 2 + place * (middle - kept)
    inside = (at >= start) & (at <= start + kept)
    if not inside.any():
        inside[np.abs(at - start - kept / 2).argmin()] = True
    kept_line: Line = line[inside]
    return kept_line


def drawn_part(
    line: Line,
    shape: Mask,
    spacing: Flat,
    smoothing_mm: float,
    share: float,
    longest_mm: float,
    place: float,
) -> Line:
    """The `cut` of the line, as smooth as can be with every point inside the shape.

    Tries sigmas of `smoothing_mm`, its half, its quarter and 0; the line itself lies inside the shape.
    """
    for sigma_mm in (smoothing_mm, smoothing_mm / 2, smoothing_mm / 4, 0.0):
        path = cut(smoothed(line, spacing, sigma_mm), spacing, share, longest_mm, place)
        if inside(path, shape).all():
            break
    return path


def inside(line: Line, shape: Mask) -> NDArray[np.bool_]:
    """(n,) whether the voxel that holds each point lies in the shape; points beyond its array do not."""
    voxels = rounded(line) + 1
    padded = np.pad(shape, 1)
    held: NDArray[np.bool_] = padded[tuple(np.clip(voxels, 0, np.array(padded.shape) - 1).T)]
    return held


def longest_inside(line: Line, shape: Mask) -> Line:
    """The longest run of consecutive points inside the shape, the first of equals; at least one must be."""
    runs, n_runs = ndimage.label(inside(line, shape))
    if n_runs == 0:
        raise ValueError("no point of the line lies in the shape")
    longest: Line = line[runs == 1 + np.bincount(runs)[1:].argmax()]
    return longest


def traced(skeleton: Mask, spacing: Flat) -> Line:
    """The longest path through a connected skeleton cut open to a tree: all of a ring, and of a cross one beam.

    Args:
        skeleton: one voxel wide, at least one voxel.
        spacing: mm between rows and between columns.

    Returns:
        (n, 2) positions, n >= 1, neighbours at most one voxel apart along each axis.
    """
    padded = np.pad(skeleton, 1)
    return longest_path(padded, minimum_spanning_tree(_graph(padded, spacing))) - 1


def longest_path(skeleton: Mask, graph: csr_array) -> Line:
    """Positions along the longest shortest path; a single point where the skeleton is one voxel or empty.

    Args:
        skeleton: connected, with nothing on the border of its array.
        graph: its voxels in array order, weights in mm.
    """
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
    """The first of the farthest nodes that can be reached; sums that differ by noise are equal."""
    return int(np.where(np.isfinite(reach), reach, -1).round(_DECIMALS).argmax())


def _chord(shape: Mask, spacing: Flat, angle: float, centre: tuple[np.intp, ...]) -> Line:
    """The straight line through `centre` at `angle`, in both directions to the last point in the shape."""
    step = min(spacing) * np.array([np.cos(angle), np.sin(angle)]) / spacing
    with np.errstate(divide="ignore"):
        n_steps = int(np.min(shape.shape / np.abs(step))) + 2  # to beyond the array
    sides = []
    for sign in (-1, 1):
        ray = (np.array(centre) + np.outer(np.arange(n_steps), sign * step)).round(_DECIMALS)
        voxels = np.clip(rounded(ray), 0, np.array(shape.shape) - 1)
        first_outside = int(np.argmin(shape[tuple(voxels.T)]))  # the padding ends every ray
        sides.append(ray[:first_outside])
    return np.concatenate([sides[0][:0:-1], sides[1]])
