"""The base class of all scribble policies, and the errors that a policy sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.brush import painted
from bifseg.robot.drawing.lines import Line
from bifseg.robot.drawing.regions import Patch, errors_by_label, largest_patches


@dataclass(frozen=True)
class Errors:
    """The errors that a policy sees in one round.

    Attributes:
        truth: ground truth, (z, y, x) or (y, x); may be empty.
        result: the segmentation to be corrected, same shape; may be empty.
        spacing: mm, in the same order.
    """

    truth: Mask
    result: Mask
    spacing: tuple[float, ...]

    def by_label(self) -> tuple[tuple[bool, Mask], ...]:
        """The errors that strokes of each label correct.

        Returns:
            (True, missed voxels) for foreground strokes, then (False, leaked voxels) for background strokes.

        Raises:
            ValueError: the shapes or the number of spacings differ.
        """
        return errors_by_label(self.truth, self.result, self.spacing)


class Policy(ABC):
    """A rule by which the robot draws scribbles. A released version never changes what it draws.

    Attributes:
        name: with the version, what a protocol card names: `name/version`.
        version: a changed rule or default is a new version.
        params: a frozen record of the policy's numbers, with units in their names.
        skips_drawn: whether voxels that earlier strokes painted count as correct, so that the policy never marks a
            voxel twice (the NoC rule). The session applies this; the policy keeps no state.
        crosses: whether strokes may leave the error that they correct.
        surrounds: whether the first strokes on the background may go round the object. Without it, the strokes on one
            side of the object are drawn after those on the other.
        strokes_per_label: the value of the protocol card's `strokes_per_label` that the policy is made for.
        per_correction: most strokes of a round for each error that it may correct: 2 if it may correct one of each
            label, 1 if both labels share it, None if their number grows with the error.

    Args:
        params: replaces the policy's default numbers; None leaves them.
    """

    name: str
    version: int = 1
    params: Any
    skips_drawn: bool = False
    crosses: bool = False
    surrounds: bool = False
    strokes_per_label: int = 1
    per_correction: int | None = 2

    def __init__(self, params: Any = None) -> None:
        if params is not None:
            self.params = params

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """The strokes of one round: foreground where the result misses truth, background where it leaks.

        Every stroke lies in one plane and, unless the policy `crosses`, inside the error that it corrects.

        Args:
            truth: ground truth, (z, y, x) or (y, x); may be empty.
            result: the segmentation to be corrected, same shape; may be empty.
            spacing: mm, in the same order.
            rng: source of what varies between people.
            most: most errors of each label that are corrected; each gets one stroke, or several dots.

        Returns:
            Strokes on the image's voxels, foreground first; none if no error is worth a stroke.

        Raises:
            ValueError: the shapes or the number of spacings differ.
        """
        return list(self._drawn(Errors(truth, result, spacing), rng, most))

    @abstractmethod
    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterable[Stroke]:
        """The strokes of one round; `rng` and `most` as in `strokes`."""


class WrappedPolicy(Policy):
    """A policy that changes what another policy draws, and has its name and properties.

    Args:
        policy: the other policy, kept as `_policy`.
        params: numbers of both.
    """

    def __init__(self, policy: Policy, params: Any) -> None:
        super().__init__(params)
        self._policy = policy
        self.name, self.version, self.skips_drawn = policy.name, policy.version, policy.skips_drawn
        self.crosses, self.surrounds = policy.crosses, policy.surrounds
        self.strokes_per_label, self.per_correction = policy.strokes_per_label, policy.per_correction


def between(bounds: tuple[float, float], share: float) -> float:
    """The number at a share of the way between two others.

    Args:
        bounds: (least, most).
        share: 0 gives the least, 1 the most; a uniform draw from [0, 1) gives a uniform number.

    Returns:
        A number between the bounds.
    """
    least, most = bounds
    return least + share * (most - least)


class PathPolicy(Policy):
    """A policy that draws one path in each of the largest errors, in the plane that shows most of the error.

    Its `params` have `min_area_mm2` (smallest patch worth a stroke) and `brush_radius_mm`.
    """

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterator[Stroke]:
        for foreground, wrong in errors.by_label():
            for patch in largest_patches(wrong, errors.spacing, self.params.min_area_mm2, most):
                yield painted(foreground, patch, self._path(patch, rng), self.params.brush_radius_mm)

    @abstractmethod
    def _path(self, patch: Patch, rng: np.random.Generator) -> Line:
        """The stroke's path (n, 2) in voxels of the patch."""
