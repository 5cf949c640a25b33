"""Arrays in other axes: permuted and reversed, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

N = TypeVar("N", bound=np.generic)


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

    def positions(self, points: NDArray[N], shape: tuple[int, ...]) -> NDArray[N]:
        """Positions in the array in the new axes.

        Args:
            points: (n, axes) positions or indices in the old axes.
            shape: shape of the array in the old axes.

        Returns:
            (n, axes) positions in the new axes, of the same type.
        """
        last = np.array([shape[axis] - 1 for axis in self.axes], points.dtype)
        moved = points[:, self.axes]
        turned: NDArray[N] = np.where(self.reverse, last - moved, moved)
        return turned

    def corners(
        self, lower: tuple[int, ...], upper: tuple[int, ...], shape: tuple[int, ...]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The bounds of a box in the new axes.

        Args:
            lower: first index per old axis.
            upper: index after the last one per old axis.
            shape: shape of the array in the old axes.

        Returns:
            `lower` and `upper` of the same voxels in the new axes.
        """
        ends = self.positions(np.array([lower, np.array(upper) - 1]), shape)
        return tuple(ends.min(axis=0).tolist()), tuple((ends.max(axis=0) + 1).tolist())

    def _reversed(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[tuple(slice(None, None, -1 if reverse else 1) for reverse in self.reverse)]
