"""The grid of a file's header. Axes a little off right angles are straightened; others are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Grid

SHEAR_TOLERANCE = 0.02
"""Largest cosine between two axes that we straighten (1.15 degrees); lengths change by at most 1 %."""
_NO_SHEAR = 1e-6


def shear(axes: NDArray[Any]) -> float:
    """The largest absolute cosine between two axes.

    Args:
        axes: unit vectors, a row each.

    Returns:
        0 if all are at right angles.
    """
    return float(np.abs(axes @ axes.T - np.diag(np.diag(axes @ axes.T))).max())


def checked_grid(
    shape: Sequence[int], spacing: Sequence[float], origin: Sequence[float], axes: NDArray[Any]
) -> tuple[Grid, float]:
    """The grid of a file's header, with its axes at right angles.

    A negative spacing reverses its axis. Axes whose cosines are at most `SHEAR_TOLERANCE` are replaced by the nearest
    ones at right angles. A spacing has the precision of a NIfTI header, 24 bits, so that the same image in another
    format gives the same results: an oblique NRRD header has 0.9999999999999997 for 1.

    Args:
        shape: voxels per array axis.
        spacing: mm per array axis, of either sign.
        origin: world position (x, y, z) in mm of voxel 0.
        axes: one unit vector in world order per array axis, in array order.

    Returns:
        The grid, and the degrees by which its axes were off right angles.

    Raises:
        ValueError: a number is not finite, a spacing is 0, or the axes are too far off right angles; the message says
            what to do.
    """
    steps, vectors = np.array(spacing, float), np.array(axes, float)
    names = "xyztuvw"[: len(steps)][::-1]
    zero = [name for name, step in zip(names, steps, strict=True) if step == 0]
    if zero:
        raise ValueError(f"its spacing along {zero[0]} is 0; write the true spacing in mm into its header")
    if not all(np.isfinite(part).all() for part in (steps, vectors, origin)):
        raise ValueError("its header's spacing, origin or axes are not finite; write the true ones into it")
    vectors *= np.sign(steps)[:, None]
    off = shear(vectors)
    angle = float(np.degrees(np.arcsin(min(off, 1.0))))
    if off > SHEAR_TOLERANCE:
        raise ValueError(
            f"its axes are {angle:.3g} degrees off right angles, and we straighten up to 1.15; resample it, for "
            "example with nibabel.processing.resample_to_output"
        )
    if off > _NO_SHEAR:
        left, _, right = np.linalg.svd(vectors, full_matrices=False)
        vectors = left @ right
    with np.errstate(over="ignore", under="ignore"):  # Grid refuses what becomes 0 or infinite
        steps = np.abs(steps).astype(np.float32)
    grid = Grid(
        tuple(int(n) for n in shape),
        tuple(float(step) for step in steps),
        tuple(float(v) for v in origin),
        tuple(tuple(float(v) for v in axis) for axis in vectors),
    )
    return grid, angle if off > _NO_SHEAR else 0.0
