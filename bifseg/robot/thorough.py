"""A user who corrects every large error, however thin it is.

Policies pass over an error that is too small for a stroke. If the object itself is that small, such as the grey matter
of a spinal cord, the result could miss all of it and no error would be worth a stroke. No person works like that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

import numpy as np

from bifseg.core.scribbles import Stroke
from bifseg.robot.policies.policy import Errors, Policy, WrappedPolicy

LARGE = 0.5
"""Share of the object's voxels: an error this large, all its pieces together, is always worth a stroke."""


def thorough(policy: Policy, large: float = LARGE) -> Policy:
    """The policy, with strokes on a large error even if no piece of the error is worth one.

    Args:
        policy: any policy.
        large: an error is large if it has at least this share of the object's voxels; 0: any error.

    Returns:
        A policy of the same name and version; `policy` itself if no key of its numbers begins with `min_`.
    """
    least = {field.name: 0.0 for field in fields(policy.params) if field.name.startswith("min_")}
    if not least:
        return policy
    return Thorough(policy, type(policy)(replace(policy.params, **least)), large)


class Thorough(WrappedPolicy):
    """A policy, and the same policy with thresholds of 0 where the first passes over a large error.

    Args:
        policy: draws first.
        eager: the same policy with thresholds of 0.
        large: an error is large if it has at least this share of the object's voxels.
    """

    def __init__(self, policy: Policy, eager: Policy, large: float) -> None:
        super().__init__(policy, policy.params)
        self._eager, self._large = eager, large

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterable[Stroke]:
        """The policy's strokes, and strokes on the large errors of a label for which the policy drew nothing."""
        truth, result, spacing = errors.truth, errors.result, errors.spacing
        # the policy draws its numbers from `rng` first, so that nothing changes where it marks both labels
        drawn = self._policy.strokes(truth, result, spacing, rng, most)
        for foreground, wrong in errors.by_label():
            marked = any(stroke.foreground == foreground for stroke in drawn)
            if not marked and wrong.any() and wrong.sum() >= self._large * truth.sum():
                alone = truth & result if foreground else truth | result
                drawn = drawn + self._eager.strokes(truth, alone, spacing, rng, most)
        return sorted(drawn, key=lambda stroke: not stroke.foreground)
