"""The box that the robot draws around an object, by a named, versioned kind; what a version draws never changes.

`draw_box` is the rule of `margin/1`, which training uses too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bifseg.core.geometry import Box, Mask
from bifseg.core.registry import Registry


def draw_box(truth: Mask, margin: int, rng: np.random.Generator) -> Box:
    """The object's box with each side U{0..margin} voxels further out, clipped to the image.

    The sides are drawn axis by axis in array order, the lower side before the upper one. Seed `rng` without
    the method's name, and every method gets the same box (paper, section on the user's bounding box).

    Args:
        truth: ground truth of the object, (z, y, x) or (y, x).
        margin: most voxels between the object and a side of the box; 0 gives the tight box.
        rng: source of the margins.

    Raises:
        ValueError: where `truth` is empty or `margin` is negative.
    """
    return _grown(truth, rng.integers(0, margin, size=(truth.ndim, 2), endpoint=True))


class BoxKind(Protocol):
    """A rule by which the robot draws boxes.

    Attributes:
        name: with the version, what a protocol card asks for: `name/version`.
        params: a frozen record of its numbers; None where it has none of its own.
        seed: what its draws are seeded with, beside the object.
    """

    name: str
    version: int
    params: Any
    seed: str

    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        """A box of at least one voxel, within the image.

        Args:
            truth: ground truth of the object, (z, y, x) or (y, x).
            spacing: mm, in the same order.
            margin: the cohort card's `box_margin`, in voxels.
            rng: source of what varies between people.

        Raises:
            ValueError: where `truth` is empty.
        """
        ...


class MarginBox:
    """Each side U{0..box_margin} voxels outside the object (the paper's): the default."""

    name, version, params = "margin", 1, None
    seed = "box/1"  # as before boxes had kinds, so that their draws stay the same

    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        """See `BoxKind` and `draw_box`."""
        return draw_box(truth, margin, rng)


class TightBox:
    """The smallest box that holds the object."""

    name, version, params, seed = "tight", 1, None, "tight/1"

    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        """See `BoxKind`; nothing is random."""
        return Box.around(truth)


@dataclass(frozen=True)
class JitteredParams:
    """The share is that of SAM's training; the cap, there 20 pixels, is a default of ours in mm.

    Attributes:
        sigma_share: standard deviation of each side's place, as a share of the box's extent across it.
        most_mm: a side is never further than this from the tight box.
    """

    sigma_share: float = 0.1
    most_mm: float = 10.0


class JitteredBox:
    """The tight box, each side moved in or out by a normal draw: it may cut the object (SAM's training)."""

    name, version, seed = "jittered", 1, "jittered/1"

    def __init__(self, params: JitteredParams = JitteredParams()) -> None:
        self.params = params

    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        """See `BoxKind`; sides as in `draw_box`. No side crosses the middle of the tight box."""
        p, mm = self.params, np.array(spacing)[:, np.newaxis]
        extent = np.array(Box.around(truth).shape)[:, np.newaxis]
        out_mm = rng.standard_normal((truth.ndim, 2)) * p.sigma_share * extent * mm
        out = np.rint(np.clip(out_mm, -p.most_mm, p.most_mm) / mm)
        return _grown(truth, np.maximum(out, -((extent - 1) // 2)).astype(int))


@dataclass(frozen=True)
class LooseParams:
    """Defaults of ours, for somebody who draws a box without care.

    Attributes:
        margin_mm: (least, most) mm between the object and a side; uniform between them, in whole voxels.
    """

    margin_mm: tuple[float, float] = (10.0, 30.0)


class LooseBox:
    """Each side 10 to 30 mm outside the object."""

    name, version, seed = "loose", 1, "loose/1"

    def __init__(self, params: LooseParams = LooseParams()) -> None:
        self.params = params

    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        """See `BoxKind`; sides as in `draw_box`."""
        out_mm = rng.uniform(*self.params.margin_mm, (truth.ndim, 2))
        return _grown(truth, np.rint(out_mm / np.array(spacing)[:, np.newaxis]).astype(int))


BOXES: Registry[type[BoxKind]] = Registry(
    "box",
    {"margin/1": MarginBox, "tight/1": TightBox, "jittered/1": JitteredBox, "loose/1": LooseBox},
)
"""The kinds of box by `name/version`."""


def box_kind(name: str) -> BoxKind:
    """The box of a name and version, such as `margin/1`; raises InputError if there is none."""
    return BOXES[name]()


def _grown(truth: Mask, out: NDArray[np.integer]) -> Box:
    """The tight box with each side moved out by (axes, 2) voxels, clipped to the image."""
    before, after = (tuple(int(m) for m in side) for side in out.T)
    return Box.around(truth).grow(before, after, truth.shape)
