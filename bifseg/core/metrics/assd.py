"""ASSD: average symmetric surface distance, in mm and in voxels.

It is the mean of the pooled distances of both borders, as medpy's `assd`. The mean of the two directions' means, which
Metrics Reloaded calls MASD, is another metric.
"""

from bifseg.core.metrics.mask_pair import MaskPair
from bifseg.core.metrics.metric import metric

_DEFINITION = (
    "Average symmetric surface distance: the mean of all distances from either border to the other, pooled"
)


@metric(
    name="ASSD",
    column="assd_mm",
    unit="mm",
    better="lower",
    range=(0, float("inf")),
    empty_truth="worst",
    empty_result="worst",
    both_empty=0,
    definition=f"{_DEFINITION}, in mm.",
    source="medpy.metric.binary.assd; Maier-Hein et al., Nature Methods 2024",
    order=20,
)
def assd_mm(pair: MaskPair) -> float:
    """Mean of the pooled distances in mm.

    Args:
        pair: result and truth, neither empty.

    Returns:
        mm, at least 0.
    """
    return float(pair.distances_mm.mean())


@metric(
    name="ASSD",
    column="assd_px",
    unit="voxels",
    better="lower",
    range=(0, float("inf")),
    empty_truth="worst",
    empty_result="worst",
    both_empty=0,
    definition=f"{_DEFINITION}, with a spacing of 1 voxel on every axis.",
    source="medpy.metric.binary.assd",
    in_tables=False,
    order=30,
)
def assd_px(pair: MaskPair) -> float:
    """Mean of the pooled distances in voxels.

    Args:
        pair: result and truth, neither empty.

    Returns:
        Voxels, at least 0.
    """
    return float(pair.distances_voxels.mean())
