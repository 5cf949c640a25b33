"""All metrics of one result."""

from __future__ import annotations

from collections.abc import Sequence

from bifseg.core.geometry import Mask
from bifseg.core.metrics.mask_pair import MaskPair, Worst
from bifseg.core.metrics.metric import EdgeCase, Metric
from bifseg.core.metrics.registry import built_in
from bifseg.core.overlap import DEFAULT_TOLERANCE_MM


def score(
    result: Mask,
    truth: Mask,
    spacing: tuple[float, ...],
    worst: Worst | None = None,
    tolerance_mm: float = DEFAULT_TOLERANCE_MM,
    metrics: Sequence[Metric] | None = None,
) -> dict[str, float]:
    """All metrics of one result, by column.

    Args:
        result: bool array (z, y, x) or (y, x).
        truth: bool array of the same shape.
        spacing: mm between voxel centres per array axis.
        worst: surface distance if a mask is empty; by default the diagonal of the array.
        tolerance_mm: tolerance of the structure, for `nsd`.
        metrics: metrics to compute; by default all of bifseg.

    Returns:
        A value per column of `metrics`; if a mask is empty, the metrics' edge cases.

    Raises:
        ValueError: the masks are not bool arrays of one shape, or the spacing has not one value above 0 per axis.
        InputError: a metric fails, or is outside its range.

    Examples:
        >>> import numpy as np
        >>> truth = np.zeros((8, 8), bool)
        >>> truth[2:6, 2:6] = True
        >>> result = truth.copy()
        >>> result[2] = False
        >>> {column: round(value, 3) for column, value in score(result, truth, (1.0, 1.0)).items()}
        {'dice': 0.857, 'assd_mm': 0.273, 'assd_px': 0.273, 'hd95_mm': 1.0, 'nsd_2mm': 1.0, 'nsd': 1.0}
    """
    _check(result, truth, spacing)
    metrics = built_in() if metrics is None else metrics
    case = _edge_case(result, truth)
    if case:
        stated = edge_scores(case, worst or Worst.diagonal(truth.shape, spacing), metrics)
        metrics = [metric for metric in metrics if metric.edge_cases[case] == "measured"]
        if not metrics:
            return stated
    pair = MaskPair.cropped(result, truth, spacing, tolerance_mm)
    measured = {metric.column: metric(pair) for metric in metrics}
    return stated | measured if case else measured


def _edge_case(result: Mask, truth: Mask) -> EdgeCase | None:
    """Which of the masks are empty; None if neither is."""
    if truth.any():
        return None if result.any() else "empty result"
    return "empty truth" if result.any() else "both empty"


def edge_scores(case: EdgeCase, worst: Worst, metrics: Sequence[Metric] | None = None) -> dict[str, float]:
    """All metrics of a result in an edge case, by column.

    Args:
        case: which of the masks are empty.
        worst: surface distance in that case.
        metrics: metrics to compute; by default all of bifseg.

    Returns:
        A value per column of `metrics`.
    """
    metrics = built_in() if metrics is None else metrics
    return {metric.column: metric.edge_value(case, worst) for metric in metrics}


def _check(result: Mask, truth: Mask, spacing: tuple[float, ...]) -> None:
    if result.shape != truth.shape:
        raise ValueError(f"result {result.shape} and truth {truth.shape} differ in shape")
    if result.dtype != bool or truth.dtype != bool:
        raise ValueError(f"masks must be bool arrays, are {result.dtype} and {truth.dtype}; compare with > 0")
    if len(spacing) != truth.ndim or not all(mm > 0 for mm in spacing):
        raise ValueError(f"spacing {spacing} must have one value above 0 per axis of {truth.shape}")
