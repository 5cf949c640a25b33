"""Arrays in other axes: permuted and reversed, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
        return self._reversed(values).transpose(np.argsort(self.axes))

    def _reversed(self, values: NDArray[Any]) -> NDArray[Any]:
        return values[tuple(slice(None, None, -1 if reverse else 1) for reverse in self.reverse)]
