"""Arrays in other axes: permuted and reversed, and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", bound=np.generic)
T = TypeVar("T")


@dataclass(frozen=True)
class Reorientation:
    """A permutation of an array's axes, and the axes that are then reversed.

    Attributes:
        axes: the array axis that becomes each new axis.
        reverse: whether each new axis is reversed.
    """

    axes: tuple[int, ...]
    reverse: tuple[bool, ...]

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """The array in the new axes.

        Args:
            values: array in the old axes.

        Returns:
            A view of it.
        """
        return self._reversed(values.transpose(self.axes))

    def undo(self, values: NDArray[Any]) -> NDArray[Any]:
        """The array in the old axes again.

        Args:
            values: array in the new axes.

        Returns:
            A view of it.
        """
        return self.inverse.apply(values)

    @property
    def inverse(self) -> Reorientation:
        """The reorientation from the new axes back to the old ones."""
        axes = tuple(int(k) for k in np.argsort(self.axes))
        return Reorientation(axes, tuple(self.reverse[k] for k in axes))

    def ordered(self, values: Sequence[T]) -> tuple[T, ...]:
        """Values of each axis, such as a shape or a spacing.

        Args:
            values: in the order of the old axes.

        Returns:
            In the order of the new axes.
        """
        return tuple(values[axis] for axis in self.axes)

    def positions(self, points: NDArray[N], shape: tuple[int, ...]) -> NDArray[N]:
        """Positions in the array in the new axes.

        Args:
            points: (n, axes) positions or indices in the old axes.
            shape: shape of the array in the old axes.

        Returns:
            (n, axes) positions in the new axes, of the same type.
        """
        last = np.array(self.ordered(shape), points.dtype) - 1
        moved = points[:, self.axes]
        turned: NDArray[N] = np.where(self.reverse, last - moved, moved)
        return turned

    def _reversed(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[tuple(slice(None, None, -1 if reverse else 1) for reverse in self.reverse)]


def along_world_axes(directions: NDArray[Any]) -> tuple[list[int], list[bool]]:
    """The axes of an array matched to those of the world: the sum of their absolute direction cosines is largest.

    Args:
        directions: one unit vector in world order (x, y, z) per array axis; the world may have more axes.

    Returns:
        The array axes along the world's z, y and x, in this order, and whether each runs against it.
    """
    ndim, n_world = directions.shape
    assignments = permutations(range(n_world), ndim)  # a world axis for each array axis
    axes, cosines, _ = max((_assigned(directions, worlds) for worlds in assignments), key=lambda one: one[2])
    return axes, [cosine < 0 for cosine in cosines]


def _assigned(
    directions: NDArray[Any], worlds: tuple[int, ...]
) -> tuple[list[int], list[float], tuple[float, list[Any]]]:
    """Array axes in canonical order, their direction cosines, and a sort key of how well they match."""
    axes = sorted(range(len(worlds)), key=lambda axis: -worlds[axis])
    cosines = [float(directions[axis, worlds[axis]]) for axis in axes]
    # These do not depend on how the image is stored. They decide between equal sums, as at 45 degrees.
    reoriented = [
        (directions[axis] * np.sign(c)).round(6).tolist() for axis, c in zip(axes, cosines, strict=True)
    ]
    return axes, cosines, (round(sum(map(abs, cosines)), 6), reoriented)
