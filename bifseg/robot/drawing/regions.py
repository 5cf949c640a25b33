"""Where a person would draw: the largest regions of errors, each in the plane that shows most of it.

A region is a set of wrong voxels connected by faces, edges or corners. A person scrolls to the plane that shows most
of it and draws on its largest connected piece in this plane: a patch.
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
_SQUARE = 2.0  # people draw in a plane if its two spacings differ by less than this factor


@dataclass(frozen=True)
class Patch:
    """A connected piece of a region of errors in one plane of the image.

    Attributes:
        mask: the piece (rows, columns) within its tight box; never empty.
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
        """The piece's area in mm2."""
        return float(self.mask.sum() * np.prod(self.spacing))

    def to_image(self, points: NDArray[N]) -> NDArray[N]:
        """Positions in the image of positions in the patch's mask.

        Args:
            points: (n, 2) positions or indices in voxels of the mask.

        Returns:
            (n, axes) positions in voxels of the image, of the same type.
        """
        whole = np.tile(np.asarray(self.corner, points.dtype), (len(points), 1))
        whole[:, self.axes] += points
        return whole


def errors_by_label(truth: Mask, result: Mask, spacing: tuple[float, ...]) -> tuple[tuple[bool, Mask], ...]:
    """The errors that strokes of each label correct.

    Args:
        truth: ground truth, (z, y, x) or (y, x); may be empty.
        result: the segmentation, same shape; may be empty.
        spacing: mm, in the same order; only its length is checked.

    Returns:
        (True, missed voxels) for foreground strokes, then (False, leaked voxels) for background strokes.

    Raises:
        ValueError: the shapes or the number of spacings differ.
    """
    if truth.shape != result.shape or len(spacing) != truth.ndim:
        raise ValueError(f"truth {truth.shape}, result {result.shape} and spacing {spacing} do not match")
    return (True, truth & ~result), (False, result & ~truth)


def drawing_planes(spacing: tuple[float, ...]) -> list[tuple[int, int]]:
    """The orientations that a person scrolls through.

    Their in-plane spacings differ by less than a factor of 2. So in a stack of thick slices, a person draws only in the
    slices themselves.

    Args:
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        Pairs of in-plane array axes, slices along axis 0 first. If no orientation qualifies, that which differs least.
    """
    pairs = list(combinations(range(len(spacing)), 2))[::-1]
    stretch = [max(spacing[a], spacing[b]) / min(spacing[a], spacing[b]) for a, b in pairs]
    return [pair for pair, s in zip(pairs, stretch, strict=True) if s < _SQUARE or s == min(stretch)]


def slices_of(voxels: NDArray[np.intp], spacing: tuple[float, ...]) -> list[tuple[tuple[int, int], int]]:
    """The slices in which a stroke lies.

    Args:
        voxels: (n, axes) the stroke's voxels, n >= 1.
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        Slices as (in-plane axes, index): the first plane of `drawing_planes` that holds the stroke; if none does, all
        slices of the first orientation that the stroke crosses. In 2D the image itself, with index 0.
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
    """The patches of the largest regions of errors, at most one a region, largest region first.

    The size of a region is its area in mm2 in its worst plane, the plane of `drawing_planes` that shows most of it. Of
    equal orientations we take the first, of equal planes the middle one. Equal regions keep array order.

    Args:
        wrong: missed or leaked voxels, (z, y, x) or (y, x).
        spacing: mm, in the same order.
        min_area_mm2: smallest patch worth a stroke, in mm2 in its plane; smaller ones are passed over.
        most: greatest number of patches.

    Returns:
        Patches on the image's axes; none for an empty mask.
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
    """The voxels of every connected region of a mask, most voxels first, equal regions in array order.

    Args:
        wrong: mask, (z, y, x) or (y, x).

    Returns:
        Indices (n, axes) of each region; none for an empty mask.
    """
    labels, n_regions = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
    where = _where(wrong)
    of_each = labels[where]
    by_region = np.stack(where, axis=1)[np.argsort(of_each, kind="stable")]
    sizes = np.bincount(of_each, minlength=n_regions + 1)[1:]
    regions = np.split(by_region, np.cumsum(sizes)[:-1]) if n_regions else []
    return [regions[k] for k in np.argsort(-sizes, kind="stable")]


def worst_slices(wrong: Mask, spacing: tuple[float, ...], n: int) -> list[tuple[tuple[int, int], int]]:
    """The n slices of a volume that show most errors in mm2, spread over the orientations.

    Each orientation of `drawing_planes` offers its n / orientations worst slices, rounded up. We return the n worst of
    these; equal slices come in the order of the orientations, then of the array.

    Args:
        wrong: missed or leaked voxels, (z, y, x).
        spacing: mm, in the same order.
        n: number of slices.

    Returns:
        Slices as (in-plane axes, index); fewer than n if fewer show an error.
    """
    planes = drawing_planes(spacing)
    slices = []
    for axes in planes:
        areas = wrong.sum(axis=axes) * spacing[axes[0]] * spacing[axes[1]]
        worst = np.argsort(-areas, kind="stable")[: -(-n // len(planes))]
        slices += [(float(areas[index]), axes, int(index)) for index in worst if areas[index] > 0]
    return [(axes, index) for _, axes, index in sorted(slices, key=lambda slice_: -slice_[0])[:n]]


def patches_in(
    wrong: Mask,
    spacing: tuple[float, ...],
    axes: tuple[int, int],
    index: int,
    min_area_mm2: float,
    most: int,
) -> list[Patch]:
    """The `largest_patches` of one slice of a volume, with pieces that are connected within the slice.

    Args:
        wrong: missed or leaked voxels, (z, y, x).
        spacing: mm, in the same order.
        axes: in-plane array axes of the slice.
        index: index of the slice along the third axis.
        min_area_mm2: smallest patch worth a stroke.
        most: greatest number of patches.

    Returns:
        Patches on the volume's axes, largest first; none if the slice shows no error.
    """
    through = _through(axes)
    shown: Mask = np.take(wrong, index, axis=through)
    flat = largest_patches(shown, (spacing[axes[0]], spacing[axes[1]]), min_area_mm2, most)
    return [replace(p, axes=axes, corner=_put_in(p.corner, through, index)) for p in flat]


def patch_through(
    voxels: NDArray[np.intp], voxel: NDArray[np.intp], spacing: tuple[float, ...]
) -> tuple[Patch, NDArray[np.intp]]:
    """The patch of a region around one of its voxels, in the plane through the voxel that shows most of the region.

    Of equal planes we take the first of `drawing_planes`. The patch is the connected piece that holds the voxel.

    Args:
        voxels: (n, axes) indices of the region, n >= 1.
        voxel: (axes,) one of them.
        spacing: mm, (z, y, x) or (y, x).

    Returns:
        The patch, and the voxel's index (2,) in its mask.
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
    """The voxels (n, axes) that lie in the plane of `axes` through `voxel`."""
    through = [axis for axis in range(len(voxel)) if axis not in axes]
    flat: NDArray[np.intp] = voxels[(voxels[:, through] == voxel[through]).all(axis=1)]
    return flat


def _put_in(corner: Index, axis: int, index: int) -> Index:
    """An index in the volume, from one in a slice."""
    return (*corner[:axis], index, *corner[axis:])


def _patches(wrong: Mask, spacing: tuple[float, ...], min_area_mm2: float) -> Iterator[Patch]:
    """The patch of every region of at least `min_area_mm2`, largest region first."""
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
    """The index of the largest count; of several, the middle one."""
    peaks = np.flatnonzero(counts == counts.max())
    return int(peaks[len(peaks) // 2])


def _patch(
    labels: NDArray[np.integer], region: int, axes: tuple[int, int], index: int, spacing: tuple[float, ...]
) -> Patch:
    """The largest connected piece of a region in one plane."""
    through = _through(axes)
    pieces, _ = ndimage.label(labels.take(index, through) == region, np.ones((3, 3)))
    largest = pieces == np.bincount(pieces[pieces > 0]).argmax()
    box = Box.around(largest)
    corner = _put_in(box.lower, through, index)
    return Patch(largest[box.slices], (spacing[axes[0]], spacing[axes[1]]), axes, corner)


def _through(axes: tuple[int, int]) -> int:
    """The third array axis, across the plane of two axes."""
    return 3 - sum(axes)


def _sum(a: Index, b: Index) -> Index:
    return tuple(x + y for x, y in zip(a, b, strict=True))
