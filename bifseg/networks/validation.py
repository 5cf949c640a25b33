"""The Dice of a base network on validation objects. Training chooses weights by it; sessions must not change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.objects import ObjectRow
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.overlap import dice
from bifseg.core.seeds import generator
from bifseg.robot.box import draw_box_on


def validation_dice(
    answer: Callable[[Image, Box], Mask],
    cohort: Cohort,
    objects: Iterable[ObjectRow],
    seed: int,
    boxes: int = 1,
    channels: Sequence[str] = (),
) -> list[float]:
    """The mean Dice of a network's own segmentations of each object.

    Voxels that nobody annotated do not count.

    Args:
        answer: returns the network's segmentation of an image inside a box, on the image's grid.
        cohort: holds the objects' images and truths.
        objects: the objects to segment.
        seed: seed of the boxes.
        boxes: number of fixed boxes that each object is segmented in.
        channels: further channels that the network takes, which every object's case has.

    Returns:
        A value in [0, 1] for each object, in their order; empty without objects.
    """
    means = []
    for row in objects:
        image, truth, ignored = cohort.image(row, channels), cohort.truth(row), cohort.ignored(row)
        counted = True if ignored is None else ~ignored
        rng = generator(seed, cohort.name, row.object, "validation box")
        drawn = [draw_box_on(image.grid, truth, cohort.box_margin, rng) for _ in range(boxes)]
        means.append(sum(dice(answer(image, box) & counted, truth) for box in drawn) / boxes)
    return means
