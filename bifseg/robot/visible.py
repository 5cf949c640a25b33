"""What a person cannot see to be wrong: what lies within a tolerance of the truth's border, and what raters dispute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from bifseg.core.geometry import Box, Mask

_DECIMALS = 4  # of a mm: below it lies rounding noise, which must not decide


def tolerated(
    truth: Mask, spacing: tuple[float, ...], tolerance_mm: float = 0.0, raters: Sequence[Mask] = ()
) -> Mask:
    """The voxels where a mistake is not visible.

    Those whose centre lies within `tolerance_mm` of the nearest centre on the other side of the truth's border; and
    those within it of a voxel that some raters call object and others do not, that voxel included. The truth counts as
    a rater. Where the image ends is no border.

    Args:
        truth: ground truth, (z, y, x) or (y, x); empty or all True, it has no border.
        spacing: mm, in the same order.
        tolerance_mm: 0 tolerates nothing but what is disputed.
        raters: other people's masks of the object, of the same shape.

    Raises:
        ValueError: where the shapes or the number of spacings differ.
    """
    masks = [truth, *raters]
    if any(mask.shape != truth.shape for mask in masks) or len(spacing) != truth.ndim:
        raise ValueError(
            f"truth, raters and spacing {spacing} do not match: {[mask.shape for mask in masks]}"
        )
    hidden, somebody = np.zeros_like(truth), np.any(masks, axis=0)
    if somebody.any():
        reach = tuple(int(np.ceil(tolerance_mm / mm)) + 1 for mm in spacing)
        near = Box.around(somebody).grow(reach, reach, truth.shape).slices
        inside, disputed = truth[near], (somebody & ~np.all(masks, axis=0))[near]
        band = np.where(
            inside, _within(~inside, spacing, tolerance_mm), _within(inside, spacing, tolerance_mm)
        )
        hidden[near] = band | _within(disputed, spacing, tolerance_mm)
    return hidden


def _within(mask: Mask, spacing: tuple[float, ...], mm: float) -> Mask:
    """Whether a voxel of the mask lies this near, or is itself one; nowhere where the mask is empty."""
    if mm == 0 or not mask.any():
        return mask
    near: Mask = ndimage.distance_transform_edt(~mask, sampling=spacing).round(_DECIMALS) <= mm
    return near
