"""Where a person cannot see an error: within a tolerance of the truth's border, and where raters disagree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from bifseg.core.geometry import Box, Mask

_DECIMALS = 4  # of a mm: below it lies rounding noise, which must not decide


def tolerated(
    truth: Mask, spacing: tuple[float, ...], tolerance_mm: float = 0.0, raters: Sequence[Mask] = ()
) -> Mask:
    """The voxels where an error is not visible.

    These are the voxels within `tolerance_mm` of the other side of the truth's border, measured between voxel centres;
    the disputed voxels, which some raters call object and others do not; and all voxels within `tolerance_mm` of a
    disputed one. The truth counts as a rater. The end of the image is not a border.

    Args:
        truth: ground truth, (z, y, x) or (y, x); has no border if it is empty or all True.
        spacing: mm, in the same order.
        tolerance_mm: 0 tolerates disputed voxels only.
        raters: other people's masks of the object, of the same shape.

    Returns:
        Mask of the same shape; empty if all masks are empty.

    Raises:
        ValueError: the shapes or the number of spacings differ.
    """
    masks = [truth, *raters]
    if any(mask.shape != truth.shape for mask in masks) or len(spacing) != truth.ndim:
        raise ValueError(
            f"truth, raters and spacing {spacing} do not match: {[mask.shape for mask in masks]}"
        )
    hidden, union = np.zeros_like(truth), np.any(masks, axis=0)
    if union.any():
        reach = tuple(int(np.ceil(tolerance_mm / mm)) + 1 for mm in spacing)
        near = Box.around(union).grow(reach, reach, truth.shape).slices
        inside, disputed = truth[near], (union & ~np.all(masks, axis=0))[near]
        band = np.where(
            inside, _within(~inside, spacing, tolerance_mm), _within(inside, spacing, tolerance_mm)
        )
        hidden[near] = band | _within(disputed, spacing, tolerance_mm)
    return hidden


def _within(mask: Mask, spacing: tuple[float, ...], mm: float) -> Mask:
    """The voxels at most `mm` from a voxel of the mask; none if the mask is empty."""
    if mm == 0 or not mask.any():
        return mask
    near: Mask = ndimage.distance_transform_edt(~mask, sampling=spacing).round(_DECIMALS) <= mm
    return near
