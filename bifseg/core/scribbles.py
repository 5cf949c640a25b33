"""Strokes of a user, and all strokes so far as a label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.bounds import check_positions, check_voxels
from bifseg.core.geometry import Grid, Index, Mask
from bifseg.core.reorientation import Reorientation


@dataclass(frozen=True)
class Stroke:
    """One drag of the brush.

    Attributes:
        foreground: True for a stroke on the object, False for one on the background.
        path: (points, axes) brush centres in voxel positions, in drawing order, not rounded.
        voxels: (n, axes) indices painted, each once.
    """

    foreground: bool
    path: NDArray[np.float64]
    voxels: NDArray[np.intp]

    def check(self, shape: Index, name: str = "") -> None:
        """Refuse a stroke that leaves an array.

        Args:
            shape: shape of the array, (z, y, x) or (y, x).
            name: which stroke it is, for the message.

        Raises:
            InputError: a voxel or a point of the path lies outside, or they are not arrays of points.
        """
        check_voxels(self.voxels, shape, f"{name}voxels")
        check_positions(self.path, shape, f"{name}path")

    def length_mm(self, spacing: tuple[float, ...]) -> float:
        """The length of the path.

        Args:
            spacing: mm between voxel centres per array axis.

        Returns:
            mm; 0 for a dot.
        """
        steps = np.diff(self.path, axis=0) * spacing
        return float(np.sqrt((steps**2).sum(axis=1)).sum())

    @property
    def is_point(self) -> bool:
        """Whether the stroke is a click on one voxel."""
        return len(self.path) == len(self.voxels) == 1

    def shifted(self, offset: Index) -> Stroke:
        """The stroke in the indices of a larger array.

        Args:
            offset: index in the larger array of this array's first voxel.

        Returns:
            A stroke with `offset` added to path and voxels.
        """
        return Stroke(self.foreground, self.path + offset, self.voxels + np.asarray(offset, np.intp))

    def reoriented(self, turn: Reorientation, shape: Index) -> Stroke:
        """The stroke on an array in other axes.

        Args:
            turn: the reorientation of the array.
            shape: shape of the array before.

        Returns:
            The stroke on the same voxels, which come in array order.
        """
        voxels = np.unique(turn.positions(self.voxels, shape), axis=0)
        return Stroke(self.foreground, turn.positions(self.path, shape), voxels)

    def outside(self, mask: Mask) -> Stroke:
        """The part of the stroke that lies outside a mask.

        Args:
            mask: bool array that the stroke lies on.

        Returns:
            A stroke with the path points and the voxels that are not in the mask; both may be empty.
        """
        # A path may go half a voxel beyond the outermost centres, where NumPy would read from the other side.
        under = np.clip(np.rint(self.path).astype(np.intp), 0, np.subtract(mask.shape, 1))
        path, voxels = (~mask[tuple(at.T)] for at in (under, self.voxels))
        return Stroke(self.foreground, self.path[path], self.voxels[voxels])

    def to_record(self, grid: Grid) -> dict[str, Any]:
        """The stroke in world mm, for JSON.

        Args:
            grid: grid of the array that the stroke lies on.

        Returns:
            `foreground`, `path_mm` and `voxels_mm`, with points in world order (x, y, z).
        """
        return {
            "foreground": self.foreground,
            "path_mm": grid.to_world(self.path).round(4).tolist(),
            "voxels_mm": grid.to_world(self.voxels).round(4).tolist(),
        }

    @classmethod
    def from_record(cls, record: dict[str, Any], grid: Grid) -> Stroke:
        """The stroke on a grid from its record in world mm.

        Args:
            record: dict of `to_record`.
            grid: grid of the array that the stroke will lie on; it may differ from the recorded one.

        Returns:
            The stroke in voxels of the grid, each voxel once.

        Raises:
            InputError: the stroke leaves the grid.
        """
        path = grid.to_index(np.array(record["path_mm"]))
        voxels = np.rint(grid.to_index(np.array(record["voxels_mm"]))).astype(np.intp)
        stroke = cls(record["foreground"], path, np.unique(voxels, axis=0))
        stroke.check(grid.shape)
        return stroke


@dataclass(frozen=True)
class Scribbles:
    """All strokes so far on an array; a later stroke paints over an earlier one.

    Attributes:
        shape: shape of the array, (z, y, x) or (y, x).
        strokes: in drawing order.
    """

    shape: Index
    strokes: tuple[Stroke, ...] = ()

    def __post_init__(self) -> None:
        """Refuse strokes outside the array.

        Raises:
            InputError: a stroke leaves the array, or does not hold arrays of points.
        """
        for number, stroke in enumerate(self.strokes, 1):
            stroke.check(self.shape, f"stroke {number}: ")

    def label_map(self) -> NDArray[np.uint8]:
        """All strokes as one label map.

        Returns:
            uint8 array of `shape`: 0 nothing drawn, 1 foreground, 2 background.
        """
        drawn = np.zeros(self.shape, np.uint8)
        for stroke in self.strokes:
            drawn[tuple(stroke.voxels.T)] = 1 if stroke.foreground else 2
        return drawn

    @property
    def foreground(self) -> Mask:
        """Bool array of `shape`: the voxels that the user marked as object."""
        drawn: Mask = self.label_map() == 1
        return drawn

    @property
    def background(self) -> Mask:
        """Bool array of `shape`: the voxels that the user marked as background."""
        drawn: Mask = self.label_map() == 2
        return drawn

    def points(self, foreground: bool) -> NDArray[np.intp]:
        """The clicked voxels of one label; a stroke of several voxels is not a click.

        Args:
            foreground: True for the object, False for the background.

        Returns:
            (n, axes) indices in the order of the clicks.
        """
        clicks = [s.voxels for s in self.strokes if s.is_point and s.foreground == foreground]
        return np.concatenate([np.zeros((0, len(self.shape)), np.intp), *clicks])

    def add(self, strokes: list[Stroke]) -> Scribbles:
        """These scribbles followed by new strokes.

        Args:
            strokes: in drawing order, on an array of the same shape.

        Returns:
            New scribbles; these stay as they are.

        Raises:
            InputError: a new stroke leaves the array, or does not hold arrays of points.
        """
        grown = Scribbles(self.shape, tuple(strokes))  # checks the new strokes alone
        object.__setattr__(grown, "strokes", self.strokes + grown.strokes)
        return grown
