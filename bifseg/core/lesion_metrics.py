"""Lesion-level metrics: numbers and volumes of detected lesions and of false components.

A lesion is a connected component of a mask; diagonal neighbours are connected (26 in 3D, 8 in 2D). Name the metrics in
a run's configuration: `metrics: ["bifseg.core.lesion_metrics:lesion_f1"]`. Volumes are in ml (mm2 x 1 mm in 2D).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Mask
from bifseg.core.metrics.mask_pair import MaskPair
from bifseg.core.metrics.metric import metric

_AUTOPET = "false positive and negative volume of autoPET (Gatidis et al., Nature Machine Intelligence 2024)"
_OVERLAP = (
    "A lesion is detected if the result has a voxel of it; a component of the result is false if no lesion has a "
    "voxel of it."
)


@dataclass(frozen=True)
class Lesions:
    """The components of a result and its truth, matched by any common voxel.

    Attributes:
        truth_voxels: (n,) voxels of each lesion.
        detected: (n,) whether the result has a voxel of each lesion.
        result_voxels: (m,) voxels of each component of the result.
        true: (m,) whether each component shares a voxel with a lesion.
    """

    truth_voxels: NDArray[np.intp]
    detected: NDArray[np.bool_]
    result_voxels: NDArray[np.intp]
    true: NDArray[np.bool_]

    @classmethod
    def of(cls, result: Mask, truth: Mask) -> Lesions:
        """The components of two masks.

        Args:
            result: bool array (z, y, x) or (y, x); may be empty.
            truth: bool array of the same shape; may be empty.

        Returns:
            The lesions and components, in scan order.
        """
        lesions, n = _components(truth)
        parts, m = _components(result)
        detected, true = np.zeros(n + 1, bool), np.zeros(m + 1, bool)
        detected[np.unique(lesions[result])] = True
        true[np.unique(parts[truth])] = True
        sizes = np.bincount(lesions.ravel(), minlength=n + 1), np.bincount(parts.ravel(), minlength=m + 1)
        return cls(sizes[0][1:], detected[1:], sizes[1][1:], true[1:])


def recall_by_volume(
    result: Mask, truth: Mask, spacing: tuple[float, ...], edges_ml: Sequence[float] = (1.0, 10.0)
) -> list[tuple[int, int]]:
    """The number of detected lesions and of all lesions in each class of volume.

    Args:
        result: bool array (z, y, x) or (y, x).
        truth: bool array of the same shape.
        spacing: mm between voxel centres per array axis.
        edges_ml: rising volumes that separate the classes; a lesion of exactly this volume belongs to the upper class.

    Returns:
        (detected, all) lesions of each class, from below the first edge to above the last.
    """
    lesions = Lesions.of(result, truth)
    place = np.digitize(lesions.truth_voxels * _voxel_ml(spacing), edges_ml)
    return [
        (int(lesions.detected[place == k].sum()), int((place == k).sum())) for k in range(len(edges_ml) + 1)
    ]


@metric(
    name="Lesion F1",
    column="lesion_f1",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=0,
    empty_result=0,
    both_empty=1,
    definition=f"2 TP / (2 TP + FP + FN) over lesions. {_OVERLAP}",
    source="F1 over components, matched by any overlap",
    order=200,
)
def lesion_f1(pair: MaskPair) -> float:
    """F1 over lesions, matched by any common voxel.

    Args:
        pair: result and truth, neither empty.

    Returns:
        A share from 0 to 1.
    """
    lesions = Lesions.of(pair.result, pair.truth)
    detected, false = int(lesions.detected.sum()), int((~lesions.true).sum())
    return 2 * detected / (detected + len(lesions.detected) + false)


@metric(
    name="Lesion F1 at IoU 0.5",
    column="lesion_f1_iou50",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=0,
    empty_result=0,
    both_empty=1,
    definition="2 TP / (2 TP + FP + FN): pairs of lesion and component match where their IoU is above 0.5, one to one.",
    source="recognition quality of Kirillov et al., CVPR 2019",
    order=210,
)
def lesion_f1_iou50(pair: MaskPair) -> float:
    """F1 over lesions, matched one to one by an IoU above 0.5.

    Args:
        pair: result and truth, neither empty.

    Returns:
        A share from 0 to 1.
    """
    lesions, n = _components(pair.truth)
    parts, m = _components(pair.result)
    common = np.bincount((lesions * (m + 1) + parts).ravel(), minlength=(n + 1) * (m + 1)).reshape(
        n + 1, m + 1
    )
    union = common.sum(axis=1)[1:, np.newaxis] + common.sum(axis=0)[np.newaxis, 1:] - common[1:, 1:]
    return 2 * int((2 * common[1:, 1:] > union).sum()) / (n + m)


@metric(
    name="Lesion recall",
    column="lesion_recall",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=1,
    empty_result=0,
    both_empty=1,
    definition=f"Share of lesions that are detected. {_OVERLAP}",
    source="sensitivity over components",
    order=220,
)
def lesion_recall(pair: MaskPair) -> float:
    """Share of lesions that are detected.

    Args:
        pair: result and truth, neither empty.

    Returns:
        A share from 0 to 1.
    """
    return float(Lesions.of(pair.result, pair.truth).detected.mean())


@metric(
    name="False positive volume",
    column="lesion_fp_ml",
    unit="ml",
    better="lower",
    range=(0, float("inf")),
    empty_truth="measured",
    empty_result=0,
    both_empty=0,
    definition=f"Volume of the false components of the result. {_OVERLAP}",
    source=_AUTOPET,
    needs_mm=True,
    order=230,
)
def lesion_fp_ml(pair: MaskPair) -> float:
    """Volume of components of the result that touch no lesion.

    Args:
        pair: result and truth.

    Returns:
        ml.
    """
    lesions = Lesions.of(pair.result, pair.truth)
    return float(lesions.result_voxels[~lesions.true].sum() * _voxel_ml(pair.spacing))


@metric(
    name="False negative volume",
    column="lesion_fn_ml",
    unit="ml",
    better="lower",
    range=(0, float("inf")),
    empty_truth=0,
    empty_result="measured",
    both_empty=0,
    definition=f"Volume of the lesions that are not detected. {_OVERLAP}",
    source=_AUTOPET,
    needs_mm=True,
    order=240,
)
def lesion_fn_ml(pair: MaskPair) -> float:
    """Volume of the lesions that the result misses.

    Args:
        pair: result and truth.

    Returns:
        ml.
    """
    lesions = Lesions.of(pair.result, pair.truth)
    return float(lesions.truth_voxels[~lesions.detected].sum() * _voxel_ml(pair.spacing))


def _components(mask: Mask) -> tuple[NDArray[np.intp], int]:
    """The number of each voxel's connected component, 0 outside, and the count of components."""
    numbers, n = ndimage.label(mask, np.ones((3,) * mask.ndim))
    return numbers.astype(np.intp), int(n)


def _voxel_ml(spacing: tuple[float, ...]) -> float:
    """Volume of a voxel; a pixel counts as 1 mm thick."""
    return float(np.prod(spacing)) / 1000
