"""Pairs of several people's masks of an object, and the tolerance of NSD that follows from them."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.geometry import Mask
from bifseg.core.metrics.mask_pair import MaskPair


def rater_pairs(cohort: Cohort, row: ObjectRow) -> list[tuple[Mask, Mask]]:
    """Every pair of the raters' masks of an object.

    The truth counts as a rater if there is only one other rater. With several, the truth is often their consensus, and
    each agrees better with that than with the others.

    Args:
        cohort: the prepared cohort.
        row: one of its objects.

    Returns:
        Bool masks on the grid of the object's image, False in voxels that nobody annotated; empty without raters.

    Raises:
        InputError: a file is missing or has changed since the cohort was prepared.
    """
    raters, ignored = cohort.raters(row), cohort.ignored(row)
    masks = (*raters, cohort.truth(row)) if len(raters) == 1 else raters
    return list(combinations([mask if ignored is None else mask & ~ignored for mask in masks], 2))


def rater_tolerances(cohort: Cohort) -> dict[str, float]:
    """The tolerance of NSD from raters' masks: the median distance between their borders.

    Args:
        cohort: the prepared cohort.

    Returns:
        mm by structure: the median over objects of the median over both borders' voxels of all pairs, but at least half
        the finest voxel edge, since masks cannot show anything finer. Structures without raters are left out.

    Raises:
        InputError: a file is missing or has changed since the cohort was prepared.
    """
    medians: dict[str, list[float]] = {}
    finest: dict[str, float] = {}
    for row in cohort.objects:
        if not row.raters:
            continue
        spacing = cohort.image(row).grid.spacing
        pairs = [(a, b) for a, b in rater_pairs(cohort, row) if a.any() and b.any()]
        if pairs:
            distances = [MaskPair.cropped(a, b, spacing).distances_mm for a, b in pairs]
            medians.setdefault(row.structure, []).append(float(np.median(np.concatenate(distances))))
            finest[row.structure] = min(finest.get(row.structure, np.inf), *spacing)
    return {name: max(float(np.median(values)), finest[name] / 2) for name, values in medians.items()}
