"""Grids, images and boxes: arrays with their place in the world.

Arrays are (z, y, x) or (y, x); spacing is in mm in the same order. World points are in mm in the file's own order
(x, y, z). Only `Grid` converts between the two orders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.bounds import check_grid
from bifseg.core.errors import InputError
from bifseg.core.reorientation import Reorientation, along_world_axes

Mask = NDArray[np.bool_]
Index = tuple[int, ...]
Margins = Sequence[int] | NDArray[np.integer]
MM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Grid:
    """Where the voxels of an array lie in the world.

    A two-dimensional grid may lie in a three-dimensional world: a slice of an oblique stack keeps its place.

    Attributes:
        shape: voxels per array axis, (z, y, x) or (y, x).
        spacing: mm between voxel centres per array axis.
        origin: world position in mm (x, y, z) of the centre of voxel 0.
        direction: one unit vector in world order per array axis, in array order.
        in_mm: whether the file states a spacing. If not, as in most PNG files, spacing is 1 and its unit is a pixel.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: tuple[tuple[float, ...], ...]
    in_mm: bool = field(default=True, compare=False)

    def __post_init__(self) -> None:
        """Refuse a grid without voxels, or without distances between them."""
        check_grid(self.shape, self.spacing, len(self.direction))

    @classmethod
    def plain(cls, shape: Index, spacing: tuple[float, ...] | None = None) -> Grid:
        """A grid at the world's origin along the world's axes.

        Args:
            shape: voxels per array axis.
            spacing: mm per array axis; default 1 mm.

        Returns:
            A grid whose world has as many axes as the array.
        """
        n = len(shape)
        axes = tuple(tuple(float(n - 1 - axis == world) for world in range(n)) for axis in range(n))
        return cls(tuple(shape), tuple(spacing or (1.0,) * n), (0.0,) * n, axes)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Grid:
        """The grid of a record.

        Args:
            record: the grid's `dataclasses.asdict`, perhaps from JSON, with lists instead of tuples.

        Returns:
            A grid equal to the recorded one.
        """
        shape, spacing, origin = (tuple(record[key]) for key in ("shape", "spacing", "origin"))
        return cls(shape, spacing, origin, tuple(map(tuple, record["direction"])), record.get("in_mm", True))

    @property
    def ndim(self) -> int:
        """Number of array axes."""
        return len(self.shape)

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in ml; a 2D grid counts as 1 mm thick."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def thickest(self) -> int:
        """The array axis with the largest spacing; if several have it to within 1e-3 mm, the one along the world's z.

        On an oblique grid the axes are matched to the world's as in `canonical`.
        """
        return self.canonical(thickest_first=True).axes[0]

    def canonical(self, thickest_first: bool = False) -> Reorientation:
        """The reorientation into canonical axes: along the world's z, y and x, in this order and direction.

        On an oblique grid the axes are matched to the world's so that the sum of their absolute direction cosines is
        largest. The reoriented array is the same however the image is stored: flipped, or with its axes permuted.

        Args:
            thickest_first: whether the axis with the largest spacing comes first. If several have it to within 1e-3
                mm, the canonical order stays.

        Returns:
            The reorientation of arrays on this grid.
        """
        axes, reverse = along_world_axes(np.array(self.direction))
        order = list(range(self.ndim))
        if thickest_first:
            widest = [k for k in order if self.spacing[axes[k]] > max(self.spacing) - MM_TOLERANCE]
            first = widest[0] if len(widest) == 1 else 0
            order.sort(key=lambda k: k != first)
        return Reorientation(tuple(axes[k] for k in order), tuple(reverse[k] for k in order))

    @property
    def of_channel(self) -> Grid:
        """The grid of one channel of a 4D file, whose last axis (the first of the array) holds channels."""
        axes = tuple(axis[:-1] for axis in self.direction[1:])
        return Grid(self.shape[1:], self.spacing[1:], self.origin[:-1], axes, self.in_mm)

    def to_world(self, index: NDArray[Any]) -> NDArray[np.float64]:
        """The world points of voxel positions.

        Args:
            index: (n, array axes) positions, not necessarily whole; one position may be (array axes,).

        Returns:
            (n, world axes) mm, in world order (x, y, z).
        """
        steps = np.asarray(index, float).reshape(-1, self.ndim) * self.spacing
        world: NDArray[np.float64] = np.asarray(self.origin) + steps @ np.asarray(self.direction)
        return world

    def to_index(self, world: NDArray[Any]) -> NDArray[np.float64]:
        """The voxel positions of world points.

        Args:
            world: (n, world axes) mm, in world order (x, y, z); one point may be (world axes,).

        Returns:
            (n, array axes) positions, not rounded.
        """
        offset = np.asarray(world, float).reshape(-1, len(self.origin)) - self.origin
        index: NDArray[np.float64] = offset @ _inverse(self.direction) / self.spacing
        return index

    def crop(self, box: Box) -> Grid:
        """The grid of `array[box.slices]`.

        Args:
            box: voxels of this grid.

        Returns:
            A grid of the box's shape at the same place in the world.

        Raises:
            InputError: the box leaves the grid.
        """
        box.within(self.shape)
        origin = tuple(float(v) for v in self.to_world(np.array(box.lower))[0])
        return replace(self, shape=box.shape, origin=origin)

    def plane(self, axis: int, index: int) -> Grid:
        """The grid of one slice, `array.take(index, axis)`.

        Args:
            axis: array axis that the slice is perpendicular to.
            index: position of the slice along it.

        Returns:
            A grid with one array axis less in the same world.

        Raises:
            InputError: the grid has no such slice.
        """
        if not (0 <= axis < self.ndim and 0 <= index < self.shape[axis]):
            raise InputError(
                f"slice {index} along axis {axis}: not in the grid of {self.shape}; count both from 0"
            )
        at = index * np.eye(self.ndim)[axis]
        keep = [k for k in range(self.ndim) if k != axis]
        return Grid(
            tuple(self.shape[k] for k in keep),
            tuple(self.spacing[k] for k in keep),
            tuple(float(v) for v in self.to_world(at)[0]),
            tuple(self.direction[k] for k in keep),
            self.in_mm,
        )


@lru_cache(maxsize=64)
def _inverse(direction: tuple[tuple[float, ...], ...]) -> NDArray[np.float64]:
    """The matrix from world to array axes, kept because every stroke uses the same few grids."""
    return np.linalg.pinv(np.asarray(direction))


@dataclass(frozen=True)
class Image:
    """Voxel values with the grid that they lie on.

    Attributes:
        voxels: float32 array of shape `grid.shape`.
        grid: spacing, origin and direction.
        modality: name of the contrast (`t1c`, `flair`, `t2`), which chooses a network's intensity statistics.
        others: voxels of the further channels that a method takes, by name, on the same grid.
    """

    voxels: NDArray[np.float32]
    grid: Grid
    modality: str = ""
    others: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse arrays that are not on the grid.

        Raises:
            InputError: an array has another shape than the grid.
        """
        for name, voxels in self.channels.items():
            if np.shape(voxels) != tuple(self.grid.shape):
                raise InputError(
                    f"image: channel {name!r} has the shape {np.shape(voxels)}, its grid {self.grid.shape}; "
                    "give arrays on one grid"
                )

    @property
    def channels(self) -> dict[str, NDArray[np.float32]]:
        """Voxels by the name of their channel, on one grid; the image's own is `modality`."""
        return {self.modality: self.voxels, **self.others}

    def channel(self, name: str) -> Image:
        """One channel as an image of its own.

        Args:
            name: name of the channel; the image's own is `modality`.

        Returns:
            The image itself for its own channel, otherwise an image without further channels, the same one each time.

        Raises:
            InputError: the image has no such channel.
        """
        if name == self.modality:
            return self
        if name not in self._further:
            raise InputError(f"the image has no channel {name!r}; it has {', '.join(self.channels)}")
        return self._further[name]

    @cached_property
    def _further(self) -> dict[str, Image]:
        return {name: Image(voxels, self.grid, name) for name, voxels in self.others.items()}

    @cached_property
    def foreground_moments(self) -> tuple[float, float]:
        """Mean and standard deviation of the voxels that are not 0, or of all if every voxel is 0.

        In skull-stripped images the background is 0. The voxels are summed in canonical order, so that the moments
        are the same to the last bit however the image is stored.

        Returns:
            Mean and population standard deviation, in the image's units.
        """
        voxels = np.ascontiguousarray(self.grid.canonical().apply(self.voxels))
        chosen = voxels[voxels != 0] if voxels.any() else voxels
        return float(chosen.mean(dtype=np.float64)), float(chosen.std(dtype=np.float64))


@dataclass(frozen=True)
class Box:
    """The voxels with lower <= index < upper along each array axis.

    Attributes:
        lower: first index per array axis, (z, y, x) or (y, x).
        upper: index after the last one per array axis, in the same order.
    """

    lower: Index
    upper: Index

    def __post_init__(self) -> None:
        """Refuse a box that begins at a negative index or holds no voxel.

        Raises:
            InputError: it does, or `lower` and `upper` differ in length.
        """
        same = len(self.lower) == len(self.upper)
        if not (same and all(0 <= a < b for a, b in zip(self.lower, self.upper, strict=True))):
            raise InputError(
                f"box: lower {self.lower}, upper {self.upper}: every axis needs 0 <= lower < upper, in voxels"
            )

    def reoriented(self, turn: Reorientation, shape: Index) -> Box:
        """The box in an array in other axes.

        Args:
            turn: the reorientation of the array.
            shape: shape of the array before.

        Returns:
            The box of the same voxels.
        """
        ends = turn.positions(np.array([self.lower, np.array(self.upper) - 1]), shape)
        return Box(tuple(ends.min(axis=0).tolist()), tuple((ends.max(axis=0) + 1).tolist()))

    def within(self, shape: Index) -> Box:
        """The box itself, if it lies in an array.

        Args:
            shape: shape of the array, (z, y, x) or (y, x).

        Returns:
            The same box.

        Raises:
            InputError: it leaves the array.
        """
        if len(self.upper) != len(shape) or any(b > n for b, n in zip(self.upper, shape, strict=True)):
            raise InputError(
                f"box: upper {self.upper} leaves the grid of {tuple(shape)}; every axis needs upper <= its voxels"
            )
        return self

    @classmethod
    def whole(cls, shape: Index) -> Box:
        """The box of a whole array.

        Args:
            shape: shape of the array, (z, y, x) or (y, x); no side is 0.

        Returns:
            A box of that shape.
        """
        return cls((0,) * len(shape), tuple(shape))

    @classmethod
    def around(cls, mask: Mask) -> Box:
        """The smallest box that holds every True voxel.

        Args:
            mask: (z, y, x) or (y, x).

        Returns:
            A box of at least one voxel.

        Raises:
            ValueError: the mask is empty.
        """
        if not mask.any():
            raise ValueError("an empty mask has no box")
        spans, rest = [], mask  # within the spans so far: on a large volume nearly all of it is read once
        for axis in range(mask.ndim):
            hit = np.flatnonzero(rest.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
            spans.append((int(hit[0]), int(hit[-1]) + 1))
            rest = rest[(slice(None),) * axis + (slice(*spans[-1]),)]
        return cls(tuple(s[0] for s in spans), tuple(s[1] for s in spans))

    @property
    def shape(self) -> Index:
        """Voxels per axis."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Index for the voxels of the box: `array[box.slices]`."""
        return tuple(slice(a, b) for a, b in zip(self.lower, self.upper, strict=True))

    def grow(self, before: Margins, after: Margins, shape: Index) -> Box:
        """The box with margins, clipped to an image.

        Args:
            before: voxels added at the lower side of each axis; negative ones shrink.
            after: voxels added at the upper side of each axis.
            shape: the image's shape.

        Returns:
            A box inside the image.
        """
        lower = tuple(max(0, a - int(m)) for a, m in zip(self.lower, before, strict=True))
        upper = tuple(min(n, b + int(m)) for b, m, n in zip(self.upper, after, shape, strict=True))
        return Box(lower, upper)

    def paste(self, inside: NDArray[Any], shape: Index) -> NDArray[Any]:
        """An array that is 0 outside the box.

        Args:
            inside: values in the box, of the box's shape.
            shape: shape of the array.

        Returns:
            An array of `shape` and of the type of `inside`.

        Raises:
            InputError: the box leaves an array of this shape.
        """
        whole = np.zeros(shape, inside.dtype)
        whole[self.within(shape).slices] = inside
        return whole
