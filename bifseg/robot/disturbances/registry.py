"""The axes of disturbance by name, and boxes, strokes and images disturbed along one of them.

A level is 0 to 8; level 0 changes nothing. The strength of a level is `step` times the level. All levels of an axis
draw the same random numbers, so that they differ by their strength alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.registry import Registry
from bifseg.core.scribbles import Stroke
from bifseg.robot.disturbances.boxes import grown, shifted, shrunk
from bifseg.robot.disturbances.images import Array, biased, blurred, coarser, noisy, with_gamma
from bifseg.robot.disturbances.strokes import Canvas, crossing, displaced, mislabelled

T = TypeVar("T")


@dataclass(frozen=True)
class Voxels:
    """The voxels of one channel in canonical axes.

    Attributes:
        values: intensities.
        inside: voxels that are not background.
        spacing: mm per axis.
    """

    values: Array
    inside: NDArray[np.bool_]
    spacing: tuple[float, ...]


@dataclass(frozen=True)
class Disturbance(Generic[T]):
    """An axis of disturbance.

    Attributes:
        step: strength of level 1.
        unit: unit of the strength.
        about: what changes, in words.
        apply: function that changes a box, a stroke or an image by a strength.
    """

    step: float
    unit: str
    about: str
    apply: T


BOX_DISTURBANCES: Registry[Disturbance[Callable[[Box, Mask, float, np.random.Generator], Box]]] = Registry(
    "axis of disturbance",
    {
        "box-shift": Disturbance(0.05, "object's extents", "the box is moved in a random direction", shifted),
        "box-shrink": Disturbance(0.025, "object's extents", "each side of the box is moved inwards", shrunk),
        "box-grow": Disturbance(0.05, "object's extents", "each side of the box is moved outwards", grown),
    },
)
"""Disturbances of the box by axis."""

STROKE_DISTURBANCES: Registry[Disturbance[Callable[[Stroke, Canvas, float, np.random.Generator], Stroke]]] = (
    Registry(
        "axis of disturbance",
        {
            "stroke-shift": Disturbance(
                1.0, "mm", "each stroke is moved in a random direction of its plane", displaced
            ),
            "stroke-cross": Disturbance(
                0.05, "stroke's voxels", "each stroke slides across the truth's nearest border", crossing
            ),
            "stroke-label": Disturbance(0.05, "strokes", "strokes get the other label", mislabelled),
        },
    )
)
"""Disturbances of strokes by axis."""

IMAGE_DISTURBANCES: Registry[Disturbance[Callable[[Voxels, float, np.random.Generator], Array]]] = Registry(
    "axis of disturbance",
    {
        "image-noise": Disturbance(
            0.1,
            "standard deviations",
            "Gaussian noise",
            lambda v, strength, rng: noisy(v.values, v.inside, strength, rng),
        ),
        "image-bias": Disturbance(
            0.1,
            "log of the largest gain",
            "a smooth gain, one wave across the image",
            lambda v, strength, rng: biased(v.values, strength, rng),
        ),
        "image-blur": Disturbance(
            0.25, "mm", "Gaussian blur", lambda v, strength, rng: blurred(v.values, v.spacing, strength)
        ),
        "image-gamma": Disturbance(
            0.1,
            "log of the exponent",
            "a power law on the range of intensities, brighter or darker",
            lambda v, strength, rng: with_gamma(v.values, strength, rng),
        ),
        "image-resolution": Disturbance(
            0.25,
            "voxel sizes",
            "larger voxels along every axis, interpolated on the same grid",
            lambda v, strength, rng: coarser(v.values, strength),
        ),
    },
)
"""Disturbances of the image by axis."""


def disturbed_box(box: Box, truth: Mask, axis: str, level: int, rng: np.random.Generator) -> Box:
    """The box, disturbed at a level of an axis.

    Args:
        box: the box that the robot drew.
        truth: ground truth of the object, (z, y, x) or (y, x).
        axis: name of the axis; empty, or one that leaves boxes alone.
        level: 0 to 8.
        rng: source of what varies.

    Returns:
        A box of at least one voxel within the image; `box` itself at level 0.
    """
    if level == 0 or axis not in BOX_DISTURBANCES:
        return box
    kind = BOX_DISTURBANCES[axis]
    return kind.apply(box, truth, kind.step * level, rng)


def disturbed_strokes(
    strokes: Sequence[Stroke], canvas: Canvas, axis: str, level: int, rng: np.random.Generator
) -> list[Stroke]:
    """The strokes of a round, disturbed at a level of an axis.

    Args:
        strokes: the strokes that the robot drew, in voxels of the image.
        canvas: where they may lie.
        axis: name of the axis; empty, or one that leaves strokes alone.
        level: 0 to 8.
        rng: source of what varies.

    Returns:
        As many strokes within the window; the same ones at level 0.
    """
    if level == 0 or axis not in STROKE_DISTURBANCES:
        return list(strokes)
    kind = STROKE_DISTURBANCES[axis]
    return [kind.apply(stroke, canvas, kind.step * level, rng) for stroke in strokes]


def disturbed_image(
    image: Image, axis: str, level: int, rng_of: Callable[[str], np.random.Generator]
) -> Image:
    """The image, disturbed at a level of an axis, as a method sees it.

    Background stays as it is: voxels of exactly 0 that do not lie alone, as in skull-stripped images. The voxels are
    changed in canonical axes, so that the result does not depend on how the image is stored.

    Args:
        image: the image.
        axis: name of the axis; empty, or one that leaves images alone.
        level: 0 to 8.
        rng_of: gives a random generator for the name of a channel.

    Returns:
        An image on the same grid with read-only voxels; `image` itself at level 0.
    """
    if level == 0 or axis not in IMAGE_DISTURBANCES:
        return image
    kind, canonical = IMAGE_DISTURBANCES[axis], image.grid.canonical()
    spacing = canonical.ordered(image.grid.spacing)

    def changed(name: str, stored: NDArray[np.float32]) -> NDArray[np.float32]:
        values = canonical.apply(stored).astype(np.float64)
        inside = ~_background(values)
        if not inside.any():
            return stored
        disturbed = kind.apply(Voxels(values, inside, spacing), kind.step * level, rng_of(name))
        voxels = np.ascontiguousarray(canonical.undo(np.where(inside, disturbed, values))).astype(np.float32)
        voxels.flags.writeable = False
        return voxels

    others = {name: changed(name, voxels) for name, voxels in image.others.items()}
    return replace(image, voxels=changed(image.modality, image.voxels), others=others)


def _background(values: Array) -> NDArray[np.bool_]:
    """Voxels of 0 with only zeros as face neighbours, and the zeros next to these voxels."""
    zero = values == 0
    core = ndimage.binary_erosion(zero, border_value=1)
    return np.asarray(ndimage.binary_dilation(core) & zero)
