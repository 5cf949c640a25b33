"""Overlap of two masks: the one number that decides when a session ends."""

from __future__ import annotations

import numpy as np

from bifseg.core.geometry import Mask


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
