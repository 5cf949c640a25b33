"""Dice, by which sessions end, and the default tolerance of NSD: the parts of the metrics that need only NumPy."""

from __future__ import annotations

import numpy as np

from bifseg.core.geometry import Mask

DEFAULT_TOLERANCE_MM = 2.0
"""Tolerance of the normalised surface distance for a structure without one in the cohort card."""


def dice(result: Mask, truth: Mask) -> float:
    """Dice, 2 |A and B| / (|A| + |B|), of two masks that are not both empty.

    Args:
        result: bool array (z, y, x) or (y, x).
        truth: bool array of the same shape.

    Returns:
        A share from 0 to 1.

    Raises:
        ZeroDivisionError: both masks are empty.

    Examples:
        >>> dice(np.array([True, True, False]), np.array([True, False, False]))
        0.6666666666666666
    """
    return float(2 * np.count_nonzero(result & truth) / (np.count_nonzero(result) + np.count_nonzero(truth)))
