"""The box that the robot draws around an object, by a named, versioned kind. A version never changes what it draws.

`draw_box` is the rule of `margin/1`. Training uses it too, in the body's axes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from bifseg.core.geometry import Box, Grid, Mask
from bifseg.core.registry import Registry


def draw_box(truth: Mask, margin: int, rng: np.random.Generator) -> Box:
    """The object's tight box with each side moved out by U{0..margin} voxels, clipped to the image.

    The margins are drawn axis by axis in array order, the lower side before the upper one. A seed without the
    method's name gives every method the same box (paper, section on the user's bounding box).

    Args:
        truth: ground truth of the object, (z, y, x) or (y, x).
        margin: most voxels between the object and a side of the box; 0 gives the tight box.
        rng: source of the margins.

    Returns:
        A box of at least the object's extent.

    Raises:
        ValueError: `truth` is empty or `margin` is negative.
    """
    return _grown(truth, rng.integers(0, margin, size=(truth.ndim, 2), endpoint=True))


def draw_box_on(grid: Grid, truth: Mask, margin: int, rng: np.random.Generator) -> Box:
    """`draw_box` in the body's axes (z, y, x), so that the box does not depend on how the image is stored.

    Args:
        grid: the image's grid.
        truth: ground truth of the object on it.
        margin: as in `draw_box`.
        rng: source of the margins.

    Returns:
        A box on the grid of at least the object's extent.

    Raises:
        ValueError: `truth` is empty or `margin` is negative.
    """
    turn = grid.canonical()
    turned = turn.apply(truth)
    return draw_box(turned, margin, rng).reoriented(turn.inverse, turned.shape)


class BoxKind(Protocol):
    """A rule by which the robot draws boxes.

    Attributes:
        name: with the version, what a protocol card names: `name/version`.
        version: a changed rule or default is a new version.
        params: a frozen record of the rule's numbers; None if it has none.
        seed: text that seeds the draws, together with the object's names.
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
            margin: the cohort card's `box_margin`, in voxels; only `margin/1` uses it.
            rng: source of what varies between people.

        Returns:
            The box in voxels of the image.

        Raises:
            ValueError: `truth` is empty.
        """
        ...


class MarginBox(BoxKind):
    """Each side U{0..box_margin} voxels outside the object (the paper's): the default."""

    name, version, params = "margin", 1, None
    seed = "box/1"  # older than the kinds of box, so that the draws stay the same

    @override
    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        return draw_box(truth, margin, rng)


class TightBox(BoxKind):
    """The smallest box that holds the object; nothing is random."""

    name, version, params, seed = "tight", 1, None, "tight/1"

    @override
    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        return Box.around(truth)


@dataclass(frozen=True)
class JitteredParams:
    """Numbers of `jittered`: the share is that of SAM's training; the cap is our default in mm (SAM: 20 pixels).

    Attributes:
        sigma_share: standard deviation of each side's displacement, as a share of the box's length along that axis.
        most_mm: largest distance of a side from the tight box.
    """

    sigma_share: float = 0.1
    most_mm: float = 10.0


class JitteredBox(BoxKind):
    """The tight box with each side moved in or out by a normal draw: it may cut the object (SAM's training).

    The draws come in the order of `draw_box`. No side crosses the middle of the tight box.

    Args:
        params: standard deviation and cap of the displacement.
    """

    name, version, seed = "jittered", 1, "jittered/1"

    def __init__(self, params: JitteredParams = JitteredParams()) -> None:
        self.params = params

    @override
    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        p, mm = self.params, np.array(spacing)[:, np.newaxis]
        extent = np.array(Box.around(truth).shape)[:, np.newaxis]
        out_mm = rng.standard_normal((truth.ndim, 2)) * p.sigma_share * extent * mm
        out = np.rint(np.clip(out_mm, -p.most_mm, p.most_mm) / mm)
        return _grown(truth, np.maximum(out, -((extent - 1) // 2)).astype(int))


@dataclass(frozen=True)
class LooseParams:
    """Numbers of `loose`, a box drawn without care: our default.

    Attributes:
        margin_mm: (least, most) mm between the object and a side; uniform, rounded to whole voxels.
    """

    margin_mm: tuple[float, float] = (10.0, 30.0)


class LooseBox(BoxKind):
    """Each side 10 to 30 mm outside the object.

    The draws come in the order of `draw_box`.

    Args:
        params: range of the margins.
    """

    name, version, seed = "loose", 1, "loose/1"

    def __init__(self, params: LooseParams = LooseParams()) -> None:
        self.params = params

    @override
    def draw(self, truth: Mask, spacing: tuple[float, ...], margin: int, rng: np.random.Generator) -> Box:
        out_mm = rng.uniform(*self.params.margin_mm, (truth.ndim, 2))
        return _grown(truth, np.rint(out_mm / np.array(spacing)[:, np.newaxis]).astype(int))


BOXES: Registry[type[BoxKind]] = Registry(
    "box",
    {"margin/1": MarginBox, "tight/1": TightBox, "jittered/1": JitteredBox, "loose/1": LooseBox},
)
"""The kinds of box by `name/version`."""


def box_kind(name: str) -> BoxKind:
    """The kind of box of a name and version.

    Args:
        name: for example `margin/1`.

    Returns:
        The kind with its default numbers.

    Raises:
        InputError: no kind has this name.
    """
    return BOXES[name]()


def _grown(truth: Mask, out: NDArray[np.integer]) -> Box:
    """The tight box with each side moved out by `out` (axes, 2) voxels, clipped to the image."""
    return Box.around(truth).grow(out[:, 0], out[:, 1], truth.shape)
