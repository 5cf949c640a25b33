"""HD95: the 95th percentile of the surface distances.

It is interpolated linearly in the pooled distances, as medpy's `hd95`. MONAI takes the larger of the two directions'
percentiles instead.
"""

import numpy as np

from bifseg.core.metrics.mask_pair import MaskPair
from bifseg.core.metrics.metric import metric


@metric(
    name="HD95",
    column="hd95_mm",
    unit="mm",
    better="lower",
    range=(0, float("inf")),
    empty_truth="worst",
    empty_result="worst",
    both_empty=0,
    definition="95th percentile of all distances from either border to the other, pooled, in mm.",
    source="medpy.metric.binary.hd95; Maier-Hein et al., Nature Methods 2024",
    order=40,
)
def hd95_mm(pair: MaskPair) -> float:
    """95th percentile of the pooled distances in mm.

    Args:
        pair: result and truth, neither empty.

    Returns:
        mm, at least 0.
    """
    return float(np.percentile(pair.distances_mm, 95))
