"""A user who is not content while a mistake is half as large as the object, however thin it is.

Policies pass over a mistake that is too small for a stroke. On an object that is itself that small, such as the grey
matter of a spinal cord, all of it could be missed and nothing would be worth a stroke. Nobody works like that.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from bifseg.core.geometry import Mask
from bifseg.core.scribbles import Stroke
from bifseg.robot.drawing.regions import mistakes
from bifseg.robot.policies.registry import Policy

LARGE = 0.5
"""Share of the object's voxels: a mistake this large, all pieces together, is always worth a stroke."""


def thorough(policy: Policy, large: float = LARGE) -> Policy:
    """The policy, and its strokes on a large mistake where it finds no piece of it worth one.

    Args:
        policy: one without thresholds of size (`min_...`) passes over nothing and is returned as it is.
        large: share of the object's voxels that makes a mistake large; 0: any mistake.
    """
    least = {field.name: 0.0 for field in fields(policy.params) if field.name.startswith("min_")}
    if not least:
        return policy
    eager: Policy = type(policy)(replace(policy.params, **least))  # type: ignore[call-arg]
    return Thorough(policy, eager, large)


class Thorough:
    """A policy and the same with thresholds of 0, which is asked where the first passes over a large mistake."""

    def __init__(self, policy: Policy, eager: Policy, large: float) -> None:
        self._policy, self._eager, self._large = policy, eager, large
        self.name, self.version, self.params = policy.name, policy.version, policy.params
        self.skips_drawn = policy.skips_drawn

    def strokes(
        self,
        truth: Mask,
        result: Mask,
        spacing: tuple[float, ...],
        rng: np.random.Generator,
        most: int = 1,
    ) -> list[Stroke]:
        """The policy's strokes, and those on the large mistakes of a label that it drew nothing for.

        `rng` gives the policy's own numbers first, so where it marks both labels nothing changes.
        """
        drawn = self._policy.strokes(truth, result, spacing, rng, most)
        for foreground, wrong in mistakes(truth, result, spacing):
            marked = any(stroke.foreground == foreground for stroke in drawn)
            if not marked and wrong.any() and wrong.sum() >= self._large * truth.sum():
                alone = truth & result if foreground else truth | result
                drawn = drawn + self._eager.strokes(truth, alone, spacing, rng, most)
        return sorted(drawn, key=lambda stroke: not stroke.foreground)
