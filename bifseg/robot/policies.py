"""The robot's policies by name and version, as a protocol card gives them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from bifseg.errors import BadInput
from bifseg.geometry import Mask
from bifseg.robot.centre_line import CentreLine
from bifseg.scribbles import Stroke


class Policy(Protocol):
    """A rule by which the robot draws scribbles; what a version draws never changes."""

    name: str
    version: int
    params: Any

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """At most `most` strokes of each label on the image's voxels; none when the robot is satisfied."""
        ...


POLICIES: dict[str, type[Policy]] = {f"{kind.name}/{kind.version}": kind for kind in (CentreLine,)}


def policy(name: str) -> Policy:
    """The policy of a name and version, such as `centre-line/1`; raises BadInput when there is none."""
    if name not in POLICIES:
        raise BadInput(f"unknown policy {name!r}; known are {', '.join(sorted(POLICIES))}")
    return POLICIES[name]()
