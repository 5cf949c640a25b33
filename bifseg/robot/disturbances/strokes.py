"""Disturbed strokes: displaced, slid across the truth's border, or with the wrong label."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Box, Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import slices_of


@dataclass(frozen=True)
class Canvas:
    """Where a user draws.

    Attributes:
        truth: ground truth of the object, (z, y, x) or (y, x).
        spacing: mm, in the same order.
        window: the voxels within which strokes stay.
        ignored: voxels that nobody annotated, of the truth's shape; no stroke is moved onto them.
    """

    truth: Mask
    spacing: tuple[float, ...]
    window: Box
    ignored: Mask | None = None


def displaced(stroke: Stroke, canvas: Canvas, mm: float, rng: np.random.Generator) -> Stroke:
    """The stroke, moved in a random direction of its plane.

    Args:
        stroke: in voxels of the image.
        canvas: where it may lie.
        mm: distance, rounded to whole voxels along each axis.
        rng: random generator for the direction; one number is drawn.

    Returns:
        A stroke within the window, moved less far if it would leave the window.
    """
    angle = rng.uniform(0, 2 * np.pi)
    way = mm * np.array([np.cos(angle), np.sin(angle)])
    return slipped(stroke, plane_offset(stroke, way, canvas.spacing), canvas.window, canvas.ignored)


def crossing(stroke: Stroke, canvas: Canvas, share: float, rng: np.random.Generator) -> Stroke:
    """The stroke, slid straight across the nearest border of the truth in its plane.

    Args:
        stroke: in voxels of the image.
        canvas: where it may lie.
        share: share of its voxels that must lie on the other side.
        rng: not used.

    Returns:
        The stroke at the first place where the share is reached, or at the place with the largest share if it never is;
        the stroke itself if its plane has no other side.
    """
    axes = list(_plane(stroke, canvas.spacing))
    first, other = stroke.voxels[0], np.zeros_like(canvas.truth)
    other[canvas.window.slices] = canvas.truth[canvas.window.slices] != stroke.foreground
    flat = other[tuple(slice(None) if k in axes else int(first[k]) for k in range(other.ndim))]
    if share == 0 or not flat.any():
        return stroke
    spacing = np.array(canvas.spacing)[axes]
    distances, nearest = ndimage.distance_transform_edt(~flat, sampling=spacing, return_indices=True)
    points = stroke.voxels[:, axes]
    depths = distances[tuple(points.T)]
    if not depths.any():
        return stroke
    point = points[np.where(depths > 0, depths, np.inf).argmin()]
    toward = (nearest[:, point[0], point[1]] - point) * spacing
    extent = np.linalg.norm((np.ptp(points, axis=0) + 1) * spacing)
    ways = np.arange(1, np.ceil((np.linalg.norm(toward) + extent) / spacing.min()) + 1) * spacing.min()
    best, best_share = stroke, _share(stroke, other)
    for way in ways:
        offset = plane_offset(stroke, way * toward / np.linalg.norm(toward), canvas.spacing)
        moved = slipped(stroke, offset, canvas.window, canvas.ignored)
        if (moved_share := _share(moved, other)) > best_share:
            best, best_share = moved, moved_share
        if best_share >= share:
            break
    return best


def mislabelled(stroke: Stroke, canvas: Canvas, share: float, rng: np.random.Generator) -> Stroke:
    """The stroke, or at random the same stroke with the other label.

    Args:
        stroke: in voxels of the image.
        canvas: not used.
        share: probability of the other label.
        rng: random generator; one number is drawn.

    Returns:
        A stroke at the same place.
    """
    return replace(stroke, foreground=stroke.foreground != (rng.random() < share))


def slipped(stroke: Stroke, offset: NDArray[np.int_], window: Box, ignored: Mask | None) -> Stroke:
    """The stroke, moved by whole voxels within a window and cut off at voxels that nobody annotated.

    Args:
        stroke: a stroke within the window.
        offset: (axes,) voxels.
        window: the voxels that it does not leave; it moves less far if needed.
        ignored: voxels that nobody annotated; None: none.

    Returns:
        The moved stroke; if nothing would be left of it, the stroke without its ignored voxels.
    """
    lowest, highest = stroke.voxels.min(axis=0), stroke.voxels.max(axis=0)
    offset = np.clip(offset, np.array(window.lower) - lowest, np.array(window.upper) - 1 - highest)
    moved = stroke.shifted(tuple(map(int, offset)))
    if ignored is None:
        return moved
    for one in (moved, stroke):
        left = one.outside(ignored)
        if len(left.path) and len(left.voxels):
            return left
    # of a stroke whose path lies on ignored voxels, the rest counts as a dot
    return replace(left, path=left.voxels[:1].astype(float)) if len(left.voxels) else stroke


def plane_offset(stroke: Stroke, way_mm: NDArray[np.float64], spacing: tuple[float, ...]) -> NDArray[np.int_]:
    """A displacement in the stroke's plane, in voxels.

    Args:
        stroke: in voxels of the image.
        way_mm: (2,) mm along the two array axes of the stroke's plane.
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        (axes,) whole voxels; 0 across the plane.
    """
    axes, offset = list(_plane(stroke, spacing)), np.zeros(len(spacing), int)
    offset[axes] = np.rint(way_mm / np.array(spacing)[axes])
    return offset


def _plane(stroke: Stroke, spacing: tuple[float, ...]) -> tuple[int, int]:
    """The array axes of the stroke's plane."""
    return slices_of(stroke.voxels, spacing)[0][0]


def _share(stroke: Stroke, other: Mask) -> float:
    """Share of the stroke's voxels that lie in a mask."""
    return float(other[tuple(stroke.voxels.T)].mean())
