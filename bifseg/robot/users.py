"""Users who are not perfect: any policy, with overlooked errors, displaced strokes and confused labels.

The levels are our assumptions, not measurements. Version 1 of each never changes; other numbers are a new version.
docs/robot.md describes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from bifseg.core.geometry import Box, Index, Mask
from bifseg.core.registry import Registry
from bifseg.core.scribbles import Stroke
from bifseg.robot.disturbances.strokes import plane_offset, slipped
from bifseg.robot.drawing.lines import Flat
from bifseg.robot.drawing.regions import drawing_planes, errors_by_label
from bifseg.robot.policies.policy import Errors, Policy, WrappedPolicy


@dataclass(frozen=True)
class UserParams:
    """How far a user is from perfect; a user with zeros only follows the policy exactly.

    Attributes:
        jitter_mm: standard deviation of a stroke's displacement along both axes of its plane.
        unseen_below_mm: the user overlooks an error if its deepest voxel is less than this from the correct voxels.
        wrong_label: share of strokes that get the other label.
        box_slack_mm: each side of the box lies up to this much further out, uniformly distributed.
    """

    jitter_mm: float = 0.0
    unseen_below_mm: float = 0.0
    wrong_label: float = 0.0
    box_slack_mm: float = 0.0


@dataclass(frozen=True)
class UserProfile:
    """A level of care.

    Attributes:
        name: what a protocol card names.
        version: other numbers are a new version.
        about: one line for `bifseg robot list`.
        params: the flaws.
    """

    name: str
    version: int
    about: str
    params: UserParams

    def plays(self, policy: Policy, overlooks: bool = True, ignored: Mask | None = None) -> Policy:
        """The policy as this user follows it.

        Args:
            policy: draws what a perfect user would draw.
            overlooks: False if the user knows where to draw, as in the opening of a session.
            ignored: voxels that nobody annotated, of the truth's shape; no stroke slips onto them.

        Returns:
            A policy with this user's flaws; for an expert `policy` itself, unless its strokes may cross ignored voxels.
        """
        params = self.params if overlooks else replace(self.params, unseen_below_mm=0.0)
        perfect = params == UserParams() and not (policy.crosses and ignored is not None)
        return policy if perfect else Imperfect(policy, self.name, params, ignored)

    def loosened(self, box: Box, shape: Index, spacing: tuple[float, ...], rng: np.random.Generator) -> Box:
        """The box as this user draws it, clipped to the image.

        Args:
            box: the box of a perfect user.
            shape: shape of the image, (z, y, x) or (y, x).
            spacing: mm, in the same order.
            rng: random generator; one number for each side is drawn, in the order of `draw_box`.

        Returns:
            A box that holds `box`.
        """
        slack_mm = rng.uniform(0, self.params.box_slack_mm, (len(shape), 2))
        out = np.rint(slack_mm / np.array(spacing)[:, np.newaxis]).astype(int)
        return box.grow(out[:, 0], out[:, 1], shape)


USERS: Registry[UserProfile] = Registry(
    "user",
    {
        "expert": UserProfile("expert", 1, "follows the policy exactly: the default", UserParams()),
        "novice": UserProfile(
            "novice", 1, "a hand and an eye that miss a little", UserParams(1.0, 2.0, 0.02, 5.0)
        ),
        "careless": UserProfile(
            "careless", 1, "quick, and content with less", UserParams(3.0, 4.0, 0.10, 15.0)
        ),
    },
)
"""The levels by name."""


def user_profile(name: str) -> UserProfile:
    """The user of a level of care.

    Args:
        name: for example `novice`.

    Returns:
        The level's newest version.

    Raises:
        InputError: no level has this name.
    """
    return USERS[name]


class Imperfect(WrappedPolicy):
    """A policy as an imperfect user follows it; its strokes may contradict the truth.

    Args:
        policy: draws what a perfect user would draw.
        user: name of the level.
        params: the user's flaws.
        ignored: voxels that nobody annotated, of the truth's shape; no stroke slips onto them.
    """

    def __init__(self, policy: Policy, user: str, params: UserParams, ignored: Mask | None = None) -> None:
        super().__init__(policy, (policy.params, params))
        self._user, self._ignored = params, ignored
        self.name = f"{policy.name} ({user})"
        self.crosses = True

    def _drawn(self, errors: Errors, rng: np.random.Generator, most: int) -> Iterable[Stroke]:
        """The policy's strokes on what the user sees, each displaced in its plane, some with the wrong label."""
        truth, spacing = errors.truth, errors.spacing
        shown = as_seen(truth, errors.result, spacing, self._user.unseen_below_mm)
        # The policy takes its random numbers first, so that levels which see the same errors differ by their flaws
        # alone. Then each stroke takes three: displacement along rows and columns, and label.
        drawn = self._policy.strokes(truth, shown, spacing, rng, most)
        return [self._flawed(stroke, truth.shape, spacing, rng) for stroke in drawn]

    def _flawed(
        self, stroke: Stroke, shape: Index, spacing: tuple[float, ...], rng: np.random.Generator
    ) -> Stroke:
        """The stroke moved by whole voxels within the image, cut off at voxels that nobody annotated."""
        away_mm, confusion = rng.standard_normal(2) * self._user.jitter_mm, rng.random()
        wrong = confusion < self._user.wrong_label
        moved = slipped(stroke, plane_offset(stroke, away_mm, spacing), Box.whole(shape), self._ignored)
        return replace(moved, foreground=stroke.foreground != wrong)


def as_seen(truth: Mask, result: Mask, spacing: tuple[float, ...], unseen_below_mm: float) -> Mask:
    """The result, corrected wherever the user overlooks the error.

    A user sees a connected error if, in some plane that a person scrolls through, one of its voxels lies at least
    `unseen_below_mm` from the nearest voxel that is not wrong in the same way. Voxels outside the image count as
    correct. A user always sees that the result misses the object entirely.

    Args:
        truth: ground truth, (z, y, x) or (y, x).
        result: the segmentation, same shape.
        spacing: mm, in the same order.
        unseen_below_mm: 0: the user overlooks nothing.

    Returns:
        Mask of the same shape: what the user takes for the result.
    """
    if unseen_below_mm == 0:
        return result
    shown = result.copy()
    for foreground, wrong in errors_by_label(truth, result, spacing):
        if wrong.any() and not (foreground and not (truth & result).any()):
            shown[_overlooked(wrong, spacing, unseen_below_mm)] = foreground
    return shown


def _overlooked(wrong: Mask, spacing: tuple[float, ...], below_mm: float) -> Mask:
    """The connected pieces of `wrong` that are nowhere `below_mm` deep."""
    labels, _ = ndimage.label(wrong, np.ones((3,) * wrong.ndim))
    overlooked = np.zeros_like(wrong)
    for number, span in enumerate(ndimage.find_objects(labels), 1):
        region = labels[span] == number
        if not any(_depth_mm(*slice_) >= below_mm for slice_ in _slices(region, spacing)):
            overlooked[span] |= region
    return overlooked


def _slices(region: Mask, spacing: tuple[float, ...]) -> Iterator[tuple[Mask, Flat]]:
    """Every slice of a region that a person scrolls through, with its spacing; the fullest first per orientation."""
    for axes in drawing_planes(spacing):
        stack = np.moveaxis(region, axes, (-2, -1)).reshape(-1, *(region.shape[axis] for axis in axes))
        for index in np.argsort(-stack.sum(axis=(1, 2)), kind="stable"):
            yield stack[index], (spacing[axes[0]], spacing[axes[1]])


def _depth_mm(shown: Mask, spacing: Flat) -> float:
    """Distance in mm of the deepest True voxel from the nearest that is False or outside the array."""
    return float(ndimage.distance_transform_edt(np.pad(shown, 1), sampling=spacing).max())
