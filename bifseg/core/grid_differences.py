"""Differences between the grids of two files.

Tolerances: the origin and the spacing of an image and its label map may differ by 1e-3 mm, the components of
their axes' unit vectors by 1e-4. Headers written by different tools differ by about 1e-8 to 1e-5, and 1e-4
over 300 voxels is a thirtieth of a voxel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import MM_TOLERANCE, Grid

DIRECTION_TOLERANCE = 1e-4


def differences(image: Grid, label: Grid) -> Iterator[str]:
    """Differences between the grids of a label map and its image beyond the tolerances.

    Args:
        image: the image's grid.
        label: the label map's grid.

    Yields:
        One line for each of shape, spacing, origin and direction that differs; axes are x, y, z as in the files.
    """
    if label.shape != image.shape:
        yield f"shape is {label.shape}, that of the image {image.shape} (z, y, x)"
    if label.ndim != image.ndim:
        return
    spacing = np.subtract(label.spacing, image.spacing)[::-1]
    if (np.abs(spacing) > MM_TOLERANCE).any():
        silent = [name for name, grid in (("it", label), ("the image", image)) if not grid.in_mm]
        why = f" ({silent[0]} states none, which is read as 1)" if silent else ""
        yield f"spacing differs by {_along(spacing)}{why}"
    origin = np.subtract(label.origin, image.origin)
    if (np.abs(origin) > MM_TOLERANCE).any():
        yield f"origin differs by {_along(origin)}"
    ours, theirs = np.array(label.direction)[::-1], np.array(image.direction)[::-1]
    turned = np.flatnonzero(np.abs(ours - theirs).max(axis=1) > DIRECTION_TOLERANCE)
    if turned.size:
        angles = np.degrees(np.arccos(np.clip((ours * theirs).sum(axis=1), -1, 1)))
        shown = ", ".join(f"{angles[k]:.3g} degrees for axis {'xyz'[k]}" for k in turned)
        yield f"direction differs by {shown}"


def _along(steps: NDArray[Any]) -> str:
    beyond = np.flatnonzero(np.abs(steps) > MM_TOLERANCE)
    return ", ".join(f"{abs(steps[k]):.4g} mm along {'xyz'[k]}" for k in beyond)
