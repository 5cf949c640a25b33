"""How well a result covers the truth: Dice, ASSD, HD95 and NSD, with every empty case decided beforehand.

The border of a mask is its voxels that have a face neighbour outside the mask; outside the array counts as
outside the mask. From every border voxel of each mask the distance to the nearest border voxel of the other
mask is taken once, the two lists are pooled, and the surface metrics are plain functions of the pooled
distances. Words as in Metrics Reloaded (Maier-Hein et al., Nature Methods 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from bifseg.core.geometry import Box, Index, Mask

METRICS = ("dice", "assd_mm", "assd_px", "hd95_mm", "nsd_2mm")
NSD_TOLERANCE_MM = 2.0
# NIfTI keeps spacing as float32: 0.4 mm is read as 0.4000000060 mm, and five voxels must still be 2 mm.
_FLOAT32_SLACK_MM = 1e-6

Cell = float | Literal["worst"]
_NOTHING_FOUND: dict[str, Cell] = {"empty truth": 0.0, "empty result": 0.0, "both empty": 1.0}
_INFINITELY_FAR: dict[str, Cell] = {"empty truth": "worst", "empty result": "worst", "both empty": 0.0}
EDGE_CASES: dict[str, dict[str, Cell]] = {
    "dice": _NOTHING_FOUND,
    "assd_mm": _INFINITELY_FAR,
    "assd_px": _INFINITELY_FAR,
    "hd95_mm": _INFINITELY_FAR,
    "nsd_2mm": _NOTHING_FOUND,
}
"""Value of each metric where a mask is empty; 'worst' is the `Worst` distance in the metric's unit."""


@dataclass(frozen=True)
class Worst:
    """The distance that stands for "no border to measure to", in mm and in voxels."""

    mm: float
    px: float

    @classmethod
    def diagonal(cls, shape: Index, spacing: tuple[float, ...]) -> Worst:
        """Diagonal of a box of `shape` voxels: no distance between two masks inside it is as long."""
        return cls(math.hypot(*np.multiply(shape, spacing)), math.hypot(*shape))


def score(result: Mask, truth: Mask, spacing: tuple[float, ...], worst: Worst) -> dict[str, float]:
    """Every metric of `METRICS` for one result; works on the box around both masks, which is exact.

    Args:
        result: mask (z, y, x) or (y, x).
        truth: mask of the same shape.
        spacing: mm between voxel centres per array axis.
        worst: distances for the cells of `EDGE_CASES` that say 'worst'.

    Returns:
        `dice` and `nsd_2mm` in [0, 1]; `assd_mm` and `hd95_mm` in mm; `assd_px` in voxels (spacing 1).
        Where a mask is empty, the values of `EDGE_CASES`.

    Raises:
        ValueError: masks of different shapes, or a spacing that does not have one value per axis.
    """
    _check(result, truth, spacing)
    edge_case = which_edge_case(result, truth)
    if edge_case:
        return edge_scores(edge_case, worst)
    window = Box.around(result | truth).slices
    result, truth = result[window], truth[window]
    borders = border(result), border(truth)
    mm = pooled_distances(*borders, spacing)
    voxel = (1.0,) * result.ndim
    px = mm if tuple(spacing) == voxel else pooled_distances(*borders, voxel)
    return {
        "dice": dice(result, truth),
        "assd_mm": assd(mm),
        "assd_px": assd(px),
        "hd95_mm": hd95(mm),
        "nsd_2mm": nsd(mm, NSD_TOLERANCE_MM),
    }


def which_edge_case(result: Mask, truth: Mask) -> str | None:
    """The column of `EDGE_CASES` that holds for two masks; None where both have voxels."""
    if truth.any():
        return None if result.any() else "empty result"
    return "empty truth" if result.any() else "both empty"


def edge_scores(edge_case: str, worst: Worst) -> dict[str, float]:
    """Every metric of `METRICS` in one column of `EDGE_CASES`."""
    return {metric: _value(EDGE_CASES[metric][edge_case], metric, worst) for metric in METRICS}


def edge_case_rows() -> list[dict[str, Cell | str]]:
    """`EDGE_CASES` as rows for the report: `metric`, then one column per edge case."""
    return [{"metric": metric, **EDGE_CASES[metric]} for metric in METRICS]


def dice(result: Mask, truth: Mask) -> float:
    """2 |A and B| / (|A| + |B|) of two masks of one shape that are not both empty."""
    return 2.0 * np.count_nonzero(result & truth) / (np.count_nonzero(result) + np.count_nonzero(truth))


def border(mask: Mask) -> Mask:
    """The mask minus its erosion with face connectivity (medpy's connectivity=1); same shape."""
    return mask ^ binary_erosion(mask)


def pooled_distances(
    result_border: Mask, truth_border: Mask, spacing: tuple[float, ...]
) -> NDArray[np.float64]:
    """Distances in the unit of `spacing` from each border voxel to the other border, both ways in one list.

    Args:
        result_border: `border` of the result, not empty; raises ValueError where it is, since a distance
            transform of an empty mask returns plausible numbers.
        truth_border: `border` of the truth, not empty, same shape.
        spacing: per array axis.

    Returns:
        The result's border voxels first, then the truth's: medpy's order, so that sums agree to the bit.
    """
    if not (result_border.any() and truth_border.any()):
        raise ValueError("an empty mask has no border to measure to; see EDGE_CASES")
    to_truth = distance_transform_edt(~truth_border, sampling=spacing)[result_border]
    to_result = distance_transform_edt(~result_border, sampling=spacing)[truth_border]
    return np.concatenate((to_truth, to_result))


def assd(distances: NDArray[np.float64]) -> float:
    """Average symmetric surface distance: the mean of the pooled distances, as medpy's `assd`.

    Not the mean of the two directions' means, which Metrics Reloaded calls MASD.
    """
    return float(distances.mean())


def hd95(distances: NDArray[np.float64]) -> float:
    """95th percentile (linear interpolation) of the pooled distances, as medpy's `hd95`.

    MONAI takes the larger of the two directions' percentiles instead.
    """
    return float(np.percentile(distances, 95))


def nsd(distances: NDArray[np.float64], tolerance_mm: float) -> float:
    """Normalised surface distance: share of both borders' voxels within the tolerance, limit included.

    Counts border voxels; DeepMind's surface-distance weighs surface elements by their area instead.
    """
    return float((distances <= tolerance_mm + _FLOAT32_SLACK_MM).mean())


def _check(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> None:
    if result.shape != truth.shape:
        raise ValueError(f"result {result.shape} and truth {truth.shape} differ in shape")
    if len(spacing) != truth.ndim:
        raise ValueError(f"spacing {spacing} must have one value per axis of {truth.shape}")


def _value(cell: Cell, metric: str, worst: Worst) -> float:
    if cell == "worst":
        return worst.px if metric.endswith("_px") else worst.mm
    return float(cell)
