"""The robot's policies by name and version, as a protocol card gives them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from bifseg.core.errors import InputError
from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.policies.centre_click import CentreClick
from bifseg.robot.policies.centre_line import CentreLine
from bifseg.robot.policies.contour import ContourStrokes
from bifseg.robot.policies.econet import Econet
from bifseg.robot.policies.line import LineStrokes
from bifseg.robot.policies.random_region import RandomRegion


class Policy(Protocol):
    """A rule by which the robot draws scribbles; what a version draws never changes.

    Attributes:
        name: with the version, what a protocol card asks for: `name/version`.
        version: a changed rule or default is a new one.
        params: a frozen record of its numbers, with units in their names.
        skips_drawn: whether voxels that were drawn on before are to count as right when it is asked, so that
            it never marks one twice (the NoC rule). The session sees to it; the policy itself keeps no state.
    """

    name: str
    version: int
    params: Any
    skips_drawn: bool

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """The strokes of one round: foreground where truth was missed, background where the result leaks.

        Every stroke lies in one plane and wholly in the mistake that it corrects.

        Args:
            truth: ground truth, (z, y, x) or (y, x); may be empty.
            result: the segmentation to be corrected, same shape; may be empty.
            spacing: mm, in the same order.
            rng: source of what varies between people.
            most: most mistakes of each label that are corrected: one stroke each, but for policies of dots.

        Returns:
            Strokes on the image's voxels; none where no mistake is worth one: the robot is satisfied.

        Raises:
            ValueError: where the shapes or the number of spacings differ.
        """
        ...


KINDS = (CentreLine, LineStrokes, ContourStrokes, RandomRegion, Econet, CentreClick)
POLICIES: dict[str, type[Policy]] = {f"{kind.name}/{kind.version}": kind for kind in KINDS}


def policy(name: str) -> Policy:
    """The policy of a name and version, such as `centre-line/1`; raises InputError when there is none."""
    if name not in POLICIES:
        raise InputError(f"unknown policy {name!r}; known are {', '.join(sorted(POLICIES))}")
    return POLICIES[name]()
