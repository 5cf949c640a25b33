"""Where a person would draw: the largest wrong regions, each in the plane that shows it worst.

A region is a set of wrong voxels connected by faces, edges or corners. A person scrolls to the plane in
which most of it is visible and draws on the largest connected piece there: a patch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Box, Index, Mask

N = TypeVar("N", bound=np.generic)
_SQUARE = 2.0  # people draw in planes whose two spacings differ by less than this factor


@dataclass(frozen=True)
class Patch:
    """A connected piece of a wrong region in one plane of the image.

    Attributes:
        mask: (rows, columns) the piece within its tight box; never empty.
        spacing: mm between rows and between columns.
        axes: the image's array axes of rows and columns.
        corner: index in the image, all axes, of the mask's first voxel.
    """

    mask: Mask
    spacing: tuple[float, float]
    axes: tuple[int, int]
    corner: Index

    @property
    def area_mm2(self) -> float:
        """Area in mm2."""
        return float(self.mask.sum() * np.prod(self.spacing))

    def to_image(self, points: NDArray[N]) -> NDArray[N]:
        """Positions (n, image axes) of the positions (n, 2) in the mask, in the same units: voxels."""
        whole = np.tile(np.asarray(self.corner, points.dtype), (len(points), 1))
        whole[:, self.axes] += points
        return whole


def mistakes(truth: Mask, result: Mask, spacing: tuple[float, ...]) -> tuple[tuple[bool, Mask], ...]:
    """What a stroke can correct: (True, missed voxels) for foreground, then (False, leaked) for background.

    Raises:
        ValueError: where the shapes or the number of spacings differ.
    """
    if truth.shape != result.shape or len(spacing) != truth.ndim:
        raise ValueError(f"truth {truth.shape}, result {result.shape} and spacing {spacing} do not match")
    return (True, truth & ~result), (False, result & ~truth)


def drawing_planes(spacing: tuple[float, ...]) -> list[tuple[int, int]]:
    """The pairs of array axes of the planes that a person scrolls through; slices along axis 0 come first.

    All orientations whose two in-plane spacings in mm differ by less than a factor of 2, so a stack of thick
    slices is drawn on in its own slices only; where no orientation does, the nearest to it.
    """
    pairs = list(combinations(range(len(spacing)), 2))[::-1]
    stretch = [max(spacing[a], spacing[b]) / min(spacing[a], spacing[b]) for a, b in pairs]
    return [pair for pair, s in zip(pairs, stretch, strict=True) if s < _SQUARE or s == min(stretch)]


def slices_of(voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> list[tuple[tuple[int, int], int]]:
    """The slices (axes, index) that hold the voxels (n, axes) of a stroke; in 2D the image itself, index 0.

    One where they lie in a plane of `drawing_planes`, the first that holds them; else every one of the first
    orientation that they cross.
    """
    planes = drawing_planes(spacing)
    if voxels.shape[1] == 2:
        return [(planes[0], 0)]
    flat = np.ptp(voxels, axis=0) == 0
    axes = next((pair for pair in planes if flat[_through(pair)]), planes[0])
    return [(axes, int(index)) for index in np.unique(voxels[:, _through(axes)])]


def largest_patches(
    wrong: Mask, spacing: tuple[float, ...], min_area_mm2: float, most: int = 1
) -> list[Patch]:
    """The patches of the largest wrong regions, at most one a region, largest region first.

    A region is as large as its area in mm2 in its worst plane, which is the plane of all `drawing_planes`
    with the largest area of that region; of equal orientations the first, of equal planes the middle one.
    Equal regions keep array order. A region whose patch is smaller than `min_area_mm2` is passed over.

    Args:
        wrong: mis-segmented voxels of one sign, (z, y, x) or (y, x); empty gives an empty list.
        spacing: mm, in the same order.
        min_area_mm2: smallest patch worth a stroke, in mm2 in its plane.
        most: most patches.
    """
    if wrong.ndim == 2:  # a stack of one slice, infinitely thick
        stack = largest_patches(wrong[np.newaxis], (np.inf, *spacing), min_area_mm2, most)
        return [replace(patch, axes=(0, 1), corner=patch.corner[1:]) for patch in stack]
    if not wrong.any():
        return []
    box = Box.around(wrong)
    patches = (p for p in _patches(wrong[box.slices], spacing, min_area_mm2) if p.area_mm2 >= min_area_mm2)
    return [replace(p, corner=_sum(p.corner, box.lower)) for p in islice(patches, most)]


def largest_regions(wrong: Mask) -> list[NDArray[np.intp]]:
    """The voxels (n, axes) of every connected region of a mask, most voxels first, equal ones in array order."""
    labels, n_regions = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
    where = _where(wrong)
    of_each = labels[where]
    by_region = np.stack(where, axis=1)[np.argsort(of_each, kind="stable")]
    sizes = np.bincount(of_each, minlength=n_regions + 1)[1:]
    regions = np.split(by_region, np.cumsum(sizes)[:-1]) if n_regions else []
    return [regions[k] for k in np.argsort(-sizes, kind="stable")]


def worst_slices(wrong: Mask, spacing: tuple[float, ...], n: int) -> list[tuple[tuple[int, int], int]]:
    """The (axes, index) of the n slices of a volume that show most of `wrong` in mm2, spread over orientations.

    Each of the `drawing_planes` gives its n / orientations worst slices, rounded up, and the n worst of those
    count; equal ones in the order of the orientations, then of the array. Fewer where fewer show anything.
    """
    planes = drawing_planes(spacing)
    found = []
    for axes in planes:
        areas = wrong.sum(axis=axes) * spacing[axes[0]] * spacing[axes[1]]
        worst = np.argsort(-areas, kind="stable")[: -(-n // len(planes))]
        found += [(float(areas[index]), axes, int(index)) for index in worst if areas[index] > 0]
    return [(axes, index) for _, axes, index in sorted(found, key=lambda slice_: -slice_[0])[:n]]


def patches_in(
    wrong: Mask,
    spacing: tuple[float, ...],
    axes: tuple[int, int],
    index: int,
    min_area_mm2: float,
    most: int,
) -> list[Patch]:
    """The `largest_patches` of one slice of a volume, connected within the slice alone."""
    through = _through(axes)
    shown: Mask = np.take(wrong, index, axis=through)
    flat = largest_patches(shown, (spacing[axes[0]], spacing[axes[1]]), min_area_mm2, most)
    return [replace(p, axes=axes, corner=_put_in(p.corner, through, index)) for p in flat]


def patch_through(
    voxels: NDArray[np.intp], voxel: NDArray[np.intp], spacing: tuple[float, ...]
) -> tuple[Patch, NDArray[np.intp]]:
    """The patch of a region (n, axes) that holds one of its voxels, and the voxel's position (2,) in it.

    Of all `drawing_planes` through the voxel, the one that shows most of the region in mm2; of equal ones the
    first. The patch is the connected piece there that holds the voxel.
    """
    planes = drawing_planes(spacing)
    shown = [_in_plane(voxels, voxel, axes) for axes in planes]
    areas = [len(v) * spacing[a] * spacing[b] for v, (a, b) in zip(shown, planes, strict=True)]
    best = int(np.argmax(areas))
    axes, flat = planes[best], shown[best][:, planes[best]]
    low = flat.min(axis=0)
    region = np.zeros(np.ptp(flat, axis=0) + 1, bool)
    region[tuple((flat - low).T)] = True
    pieces, _ = ndimage.label(region, np.ones((3, 3)))
    piece = pieces == pieces[tuple(voxel[list(axes)] - low)]
    box = Box.around(piece)
    corner = voxel.copy()
    corner[list(axes)] = low + box.lower
    patch = Patch(piece[box.slices], (spacing[axes[0]], spacing[axes[1]]), axes, tuple(map(int, corner)))
    return patch, voxel[list(axes)] - corner[list(axes)]


def _in_plane(voxels: NDArray[np.intp], voxel: NDArray[np.intp], axes: tuple[int, int]) -> NDArray[np.intp]:
    """Those voxels (n, axes) that lie in the plane of `axes` through one voxel."""
    through = [axis for axis in range(len(voxel)) if axis not in axes]
    flat: NDArray[np.intp] = voxels[(voxels[:, through] == voxel[through]).all(axis=1)]
    return flat


def _put_in(corner: Index, axis: int, index: int) -> Index:
    return (*corner[:axis], index, *corner[axis:])


def _patches(wrong: Mask, spacing: tuple[float, ...], min_area_mm2: float) -> Iterator[Patch]:
    """The patch of every region large enough, largest region first; made one by one as they are asked for."""
    labels, n_regions = ndimage.label(wrong, np.ones((3, 3, 3)))
    planes = drawing_planes(spacing)
    where = _where(wrong)
    of_each = labels[where]
    counts = [_voxels_per_plane(of_each, n_regions, where[k], wrong.shape[k]) for k in map(_through, planes)]
    voxel_mm2 = [spacing[a] * spacing[b] for a, b in planes]
    areas = np.stack([n.max(axis=1) * mm2 for n, mm2 in zip(counts, voxel_mm2, strict=True)])
    largest_first = np.argsort(-areas.max(axis=0), kind="stable")
    for region in largest_first[areas.max(axis=0)[largest_first] >= min_area_mm2]:
        worst = int(areas[:, region].argmax())
        index = _middle_peak(counts[worst][region])
        yield _patch(labels, int(region) + 1, planes[worst], index, spacing)


def _where(mask: Mask) -> tuple[NDArray[np.intp], ...]:
    """`np.nonzero`, which is slow on more than one axis."""
    where: tuple[NDArray[np.intp], ...] = np.unravel_index(np.flatnonzero(mask), mask.shape)
    return where


def _voxels_per_plane(
    of_each: NDArray[np.integer], n_regions: int, at: NDArray[np.intp], n_planes: int
) -> NDArray[np.intp]:
    """(regions, planes) voxels of each region in each plane, from every voxel's label and plane."""
    cell = (of_each.astype(np.intp) - 1) * n_planes + at
    return np.bincount(cell, minlength=n_regions * n_planes).reshape(n_regions, n_planes)


def _middle_peak(counts: NDArray[np.intp]) -> int:
    peaks = np.flatnonzero(counts == counts.max())
    return int(peaks[len(peaks) // 2])


def _patch(
    labels: NDArray[np.integer], region: int, axes: tuple[int, int], index: int, spacing: tuple[float, ...]
) -> Patch:
    through = _through(axes)
    pieces, _ = ndimage.label(labels.take(index, through) == region, np.ones((3, 3)))
    largest = pieces == np.bincount(pieces[pieces > 0]).argmax()
    box = Box.around(largest)
    corner = _put_in(box.lower, through, index)
    return Patch(largest[box.slices], (spacing[axes[0]], spacing[axes[1]]), axes, corner)


def _through(axes: tuple[int, int]) -> int:
    return 3 - sum(axes)


def _sum(a: Index, b: Index) -> Index:
    return tuple(x + y for x, y in zip(a, b, strict=True))
