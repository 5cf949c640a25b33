"""A result and its truth, with the surface distances that several metrics share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from bifseg.core.geometry import Box, Index, Mask
from bifseg.core.overlap import DEFAULT_TOLERANCE_MM


@dataclass(frozen=True)
class Worst:
    """The value of a surface metric if a mask is empty.

    Attributes:
        mm: distance in mm.
        px: distance in voxels.
    """

    mm: float
    px: float

    @classmethod
    def diagonal(cls, shape: Index, spacing: tuple[float, ...]) -> Worst:
        """The diagonal of a box, which is longer than the distance of any two voxel centres inside it.

        Args:
            shape: voxels per array axis.
            spacing: mm per array axis.

        Returns:
            The diagonal in mm and in voxels.
        """
        return cls(math.hypot(*np.multiply(shape, spacing)), math.hypot(*shape))


@dataclass(frozen=True)
class MaskPair:
    """A result and its truth as a metric gets them.

    Neither is empty, except for a metric that says `measured` for that case.

    Attributes:
        result: bool array (z, y, x) or (y, x), cropped to the smallest box around both masks.
        truth: bool array of the same shape, cropped likewise.
        spacing: mm between voxel centres per array axis.
        tolerance_mm: distance that counts as no error for this structure, from the cohort card.
    """

    result: Mask
    truth: Mask
    spacing: tuple[float, ...]
    tolerance_mm: float = DEFAULT_TOLERANCE_MM

    @classmethod
    def cropped(
        cls, result: Mask, truth: Mask, spacing: tuple[float, ...], tolerance_mm: float = DEFAULT_TOLERANCE_MM
    ) -> MaskPair:
        """The pair inside the smallest box around both masks; cropping changes no metric.

        Args:
            result: bool array (z, y, x) or (y, x).
            truth: bool array of the same shape.
            spacing: mm between voxel centres per array axis.
            tolerance_mm: distance that counts as no error for this structure.

        Returns:
            The pair, with views of both masks.

        Raises:
            ValueError: both masks are empty.
        """
        window = Box.around(result | truth).slices
        return cls(result[window], truth[window], tuple(spacing), tolerance_mm)

    @cached_property
    def distances_mm(self) -> NDArray[np.float64]:
        """The `pooled_distances` of both borders, computed once for all metrics.

        Returns:
            (n,) mm.
        """
        return pooled_distances(*self._borders, self.spacing)

    @cached_property
    def distances_voxels(self) -> NDArray[np.float64]:
        """The `pooled_distances` of both borders as if the spacing were 1, computed once for all metrics.

        Returns:
            (n,) voxels.
        """
        unit = (1.0,) * self.truth.ndim
        return self.distances_mm if self.spacing == unit else pooled_distances(*self._borders, unit)

    @cached_property
    def _borders(self) -> tuple[Mask, Mask]:
        return border(self.result), border(self.truth)


def border(mask: Mask) -> Mask:
    """The voxels of a mask with a face neighbour outside it.

    Args:
        mask: bool array of any number of axes; voxels beyond its end count as outside the mask.

    Returns:
        Bool array of the same shape: the mask minus its erosion with face connectivity (medpy's connectivity=1).
    """
    edge: Mask = mask ^ binary_erosion(mask)
    return edge


def pooled_distances(
    result_border: Mask, truth_border: Mask, spacing: tuple[float, ...]
) -> NDArray[np.float64]:
    """The distances from each border voxel to the nearest one of the other border, in both directions.

    Args:
        result_border: `border` of the result, not empty.
        truth_border: `border` of the truth, not empty, of the same shape.
        spacing: per array axis; its unit is the unit of the distances.

    Returns:
        (n,) distances of the result's border voxels, then of the truth's: medpy's order, so that sums agree with medpy
        to the last bit.

    Raises:
        ValueError: a border is empty; a distance transform of an empty mask would return plausible numbers.
    """
    if not (result_border.any() and truth_border.any()):
        raise ValueError("an empty mask has no border to measure to; see the metric's edge cases")
    to_truth = distance_transform_edt(~truth_border, sampling=spacing)[result_border]
    to_result = distance_transform_edt(~result_border, sampling=spacing)[truth_border]
    return np.concatenate((to_truth, to_result))
