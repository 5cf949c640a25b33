"""How good a base network is on validation objects: what training watches, and what no session may change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bifseg.cohorts.cohort import Cohort, ObjectRow
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.overlap import dice
from bifseg.core.seeds import generator
from bifseg.robot.box import draw_box


def validation_dice(
    answer: Callable[[Image, Box], Mask], cohort: Cohort, objects: Iterable[ObjectRow], seed: int
) -> list[float]:
    """Dice of a network's own answer for each object, on the image's grid, each in its own fixed box."""
    found = []
    for row in objects:
        truth = cohort.truth(row)
        rng = generator(seed, cohort.name, row.object, "validation box")
        found.append(dice(answer(cohort.image(row), draw_box(truth, cohort.box_margin, rng)), truth))
    return found
