"""NSD: normalised surface distance, at 2 mm and at the tolerance of the structure.

It counts border voxels. DeepMind's surface-distance weights surface elements by their area instead.
"""

import numpy as np
from numpy.typing import NDArray

from bifseg.core.metrics.mask_pair import MaskPair
from bifseg.core.metrics.metric import metric

# NIfTI keeps spacing as float32: 0.4 mm is read as 0.4000000060 mm, and five voxels must still be 2 mm.
_FLOAT32_SLACK_MM = 1e-6
_SOURCE = "Nikolov et al., J. Med. Internet Res. 2021; Maier-Hein et al., Nature Methods 2024"


def share_within(distances: NDArray[np.float64], tolerance_mm: float) -> float:
    """Share of the pooled distances that are at most the tolerance.

    Args:
        distances: (n,) mm, n >= 1.
        tolerance_mm: greatest distance that counts as no error.

    Returns:
        A share from 0 to 1.
    """
    return float((distances <= tolerance_mm + _FLOAT32_SLACK_MM).mean())


@metric(
    name="NSD at 2 mm",
    column="nsd_2mm",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=0,
    empty_result=0,
    both_empty=1,
    definition="Share of both borders' voxels that lie within 2 mm of the other border, for every structure.",
    source=_SOURCE,
    in_tables=False,
    needs_mm=True,
    order=50,
)
def nsd_2mm(pair: MaskPair) -> float:
    """Share of the borders within 2 mm of each other.

    Args:
        pair: result and truth, neither empty.

    Returns:
        A share from 0 to 1.
    """
    return share_within(pair.distances_mm, 2.0)


@metric(
    name="NSD",
    column="nsd",
    unit="share",
    better="higher",
    range=(0, 1),
    empty_truth=0,
    empty_result=0,
    both_empty=1,
    definition="Share of both borders' voxels that lie within the structure's tolerance of the other border.",
    source=_SOURCE,
    needs_mm=True,
    order=60,
)
def nsd(pair: MaskPair) -> float:
    """Share of the borders within the structure's tolerance of each other.

    Args:
        pair: result and truth, neither empty, with the tolerance.

    Returns:
        A share from 0 to 1.
    """
    return share_within(pair.distances_mm, pair.tolerance_mm)
