"""The users of a session: their protocol, and the simulated user, who draws by the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.overlap import dice
from bifseg.core.reorientation import Reorientation
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.core.seeds import generator
from bifseg.robot.box import box_kind
from bifseg.robot.disturbances.registry import disturbed_box, disturbed_image, disturbed_strokes
from bifseg.robot.disturbances.strokes import Canvas
from bifseg.robot.opening import opening_strokes
from bifseg.robot.policies.registry import policy
from bifseg.robot.thorough import LARGE, thorough
from bifseg.robot.users import user_profile
from bifseg.robot.visible import tolerated
from bifseg.sessions.prompts import clicked
from bifseg.sessions.record import Step
from bifseg.sessions.stuck import why_stuck


@dataclass(frozen=True)
class View:
    """What the user sees when a round begins.

    Attributes:
        number: the round's number, from 1.
        box: the window that the user looks at: the box, or the whole image.
        steps: results so far.
        scribbles: all strokes so far.
        opening: whether the method needs scribbles before it gives its first result.
    """

    number: int
    box: Box
    steps: Sequence[Step]
    scribbles: Scribbles
    opening: bool

    @property
    def step(self) -> str:
        """Name of the step that this round leads to."""
        return f"round-{self.number}"


class User(Protocol):
    """A session's user: a `SimulatedUser`, or a person's recorded strokes."""

    @property
    def image(self) -> Image:
        """The image that holds the object."""
        ...

    @property
    def rounds(self) -> int:
        """Most rounds of scribbles."""
        ...

    @property
    def ignored(self) -> Mask | None:
        """Voxels without annotation: every result is cleared there before the user or a score sees it."""
        ...

    @property
    def target(self) -> float | None:
        """Dice at which the session ends; None: no target."""
        ...

    @property
    def time_limit_s(self) -> float | None:
        """Most seconds of the session, the user's included; None: no limit."""
        ...

    @property
    def protocol(self) -> ProtocolCard:
        """The rules of the session."""
        ...

    def box(self) -> Box:
        """The box that the user draws.

        Returns:
            A box on the object's grid.
        """
        ...

    def window(self, box: Box) -> Box:
        """Where results may lie and the user looks.

        Args:
            box: the user's box.

        Returns:
            The box, or a box that is the whole image.
        """
        ...

    @property
    def existing(self) -> Mask | None:
        """The mask on the object's grid that a session with `begin: mask` corrects; else None."""
        ...

    def is_worse(self, result: Mask, before: Mask) -> bool:
        """Whether the user takes back a correction.

        Args:
            result: mask on the object's grid after the correction.
            before: the mask before it.

        Returns:
            True if the user sees more wrong voxels than before.
        """
        ...

    def is_satisfied_with(self, result: Mask) -> bool:
        """Whether a result has reached the target.

        Args:
            result: mask on the object's grid, (z, y, x) or (y, x).

        Returns:
            False if there is no target.
        """
        ...

    def next_strokes(self, view: View) -> list[Stroke]:
        """The strokes of a round.

        Args:
            view: what the user sees.

        Returns:
            New strokes on the object's grid; empty if the user sees no error worth a stroke.
        """
        ...

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Why the user gives up instead of drawing strokes.

        Args:
            view: what the user sees.
            strokes: what the user would draw next.

        Returns:
            One line; empty if the user draws them.
        """
        ...


def seen_image(image: Image, protocol: ProtocolCard, seed: int, seed_key: tuple[str | int, ...]) -> Image:
    """The image that methods and user see under a protocol.

    Args:
        image: the image as it is stored.
        protocol: the session's rules; its disturbance may be one of images.
        seed: seed of the run.
        seed_key: names of the object and the replicate.

    Returns:
        `image` itself unless the protocol disturbs it.
    """
    axis, level = protocol.disturbance
    return disturbed_image(
        image, axis, level, lambda channel: generator(seed, *seed_key, "disturbed image", axis, channel)
    )


@dataclass(frozen=True)
class SimulatedUser:
    """The robot at one object: it alone knows the truth; the method gets the image and the prompts.

    Attributes:
        image: the image that holds the object.
        truth: the object's mask on the image's grid, (z, y, x) or (y, x).
        protocol: the session's rules.
        box_margin: most voxels between the object and a side of its box.
        seed: seed of boxes and strokes.
        raters: other raters' masks of the object on its grid; the robot corrects no voxel on which raters differ.
        seed_key: names of the object and the replicate that, with the seed, determine box and strokes.
        ignored: voxels without annotation, on the image's grid; None: every voxel is annotated.
        existing: the mask on the image's grid that a session with `begin: mask` corrects.
    """

    image: Image
    truth: Mask
    protocol: ProtocolCard
    box_margin: int = 10
    seed: int = 0
    raters: tuple[Mask, ...] = ()
    seed_key: tuple[str | int, ...] = ()
    ignored: Mask | None = None
    existing: Mask | None = None

    @property
    def rounds(self) -> int:
        """Most rounds of scribbles."""
        return self.protocol.rounds

    @property
    def target(self) -> float | None:
        """Dice at which the session ends; None: no target."""
        return self.protocol.target

    @property
    def time_limit_s(self) -> float | None:
        """Most seconds of the session, the robot's included; None: no limit."""
        return self.protocol.time_limit_s

    def box(self) -> Box:
        """The box that the robot draws.

        Returns:
            A box on the image's grid, the same for all methods and all protocols with the same kind of box and user,
            and for every way in which the image may be stored.
        """
        kind, who = box_kind(self.protocol.box), user_profile(self.protocol.user)
        truth = self._truth
        box = kind.draw(truth, self._spacing, self.box_margin, self._generator("box", kind.seed))
        slack = self._generator("box slack", f"{who.name}/{who.version}")
        box = who.loosened(box, truth.shape, self._spacing, slack)
        axis, level = self.protocol.disturbance
        box = disturbed_box(box, truth, axis, level, self._generator("disturbed box", axis))
        return box.reoriented(self._turn.inverse, truth.shape)

    def window(self, box: Box) -> Box:
        """Where results may lie and the robot looks, by the protocol's `window`.

        Args:
            box: the robot's box.

        Returns:
            The box, or a box that is the whole image.
        """
        return box if self.protocol.window == "box" else Box.whole(self.truth.shape)

    def next_strokes(self, view: View) -> list[Stroke]:
        """The strokes that the robot draws in a round.

        Random draws depend on the object and the step, not on the method. The robot draws in canonical axes, so that
        its strokes do not depend on how the image is stored. Below a target the robot corrects the largest error that
        it sees, even if the policy finds none worth a stroke.

        Args:
            view: what the robot sees besides the truth.

        Returns:
            New strokes on the image's grid; empty if the robot sees no error worth a stroke.
        """
        window = view.box.reoriented(self._turn, self.truth.shape)
        if view.opening:
            drawn = self._opening(window, view.step)
        else:
            corrected = view.steps[0 if self.protocol.scribbles_on == "initial" else -1]
            drawn = self._strokes(self._turn.apply(corrected.mask), window, view.step, view.scribbles)
        axis, level = self.protocol.disturbance
        canvas = Canvas(self._truth, self._spacing, window, self._ignored)
        rng = self._generator(f"disturbed {view.step}", axis)
        disturbed = disturbed_strokes(drawn, canvas, axis, level, rng)
        return [stroke.reoriented(self._turn.inverse, self._truth.shape) for stroke in disturbed]

    def _strokes(self, result: Mask, box: Box, step: str, before: Scribbles) -> list[Stroke]:
        """The strokes that the robot draws on a result inside the box."""
        rules, truth = self.protocol, self._truth[box.slices]
        visible = self._visible(result, box)
        if policy(rules.policy).skips_drawn:
            marked = self._turn.apply(before.label_map())[box.slices] > 0
            visible = np.where(marked, truth, visible)
        drawn: list[Stroke] = []
        for large in (LARGE,) if rules.target is None else (LARGE, 0.0):
            robot = user_profile(rules.user).plays(
                thorough(policy(rules.policy), large), ignored=self._ignored_in(box)
            )
            rng = self._generator(step, rules.policy)
            drawn = drawn or robot.strokes(truth, visible, self._spacing, rng, rules.strokes_per_label)
        return self._on_image(drawn, box)

    def _opening(self, box: Box, step: str) -> list[Stroke]:
        """The first strokes if there is no initial result: on both labels, or points on the object alone as in NoC."""
        if self.protocol.draws == "points":
            return self._strokes(np.zeros(box.shape, bool), box, step, Scribbles(self.truth.shape))
        ignored = self._ignored_in(box)
        drawn = opening_strokes(
            user_profile(self.protocol.user).plays(
                thorough(policy(self.protocol.policy), 0.0), overlooks=False, ignored=ignored
            ),
            self._truth[box.slices],
            self._spacing,
            lambda side: self._generator(f"{step} side {side}", self.protocol.policy),
            self.protocol.strokes_per_label,
            ignored,
        )
        return self._on_image(drawn, box)

    def is_worse(self, result: Mask, before: Mask) -> bool:
        """Whether the robot sees more error in a result than in the one before.

        Args:
            result: mask on the image's grid, (z, y, x) or (y, x).
            before: the same before the correction.

        Returns:
            True if more voxels are visibly wrong, both labels together.
        """
        whole = Box.whole(self._truth.shape)
        now, then = (self._visible(self._turn.apply(mask), whole) ^ self._truth for mask in (result, before))
        return int(now.sum()) > int(then.sum())

    def is_satisfied_with(self, result: Mask) -> bool:
        """Whether a result has reached the protocol's target.

        Args:
            result: mask on the image's grid, (z, y, x) or (y, x).

        Returns:
            Whether its Dice with the truth is at least the target; False without a target.
        """
        target = self.protocol.target
        return target is not None and dice(result, self.truth) >= target

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Why the robot gives up instead of drawing strokes; see `why_stuck`.

        Args:
            view: what the robot sees besides the truth.
            strokes: what the robot would draw next.

        Returns:
            One line; empty if it draws them, has no limit of patience, or corrects the initial result throughout.
        """
        rules = self.protocol
        if rules.patience is None or rules.scribbles_on == "initial":
            return ""
        truth = self.truth[view.box.slices]
        return why_stuck(view.steps, strokes, truth, self.image.grid, view.box, rules.patience)

    def _visible(self, result: Mask, box: Box) -> Mask:
        """The result inside the box, corrected wherever the user cannot see the error."""
        if self.protocol.tolerance_mm == 0 and not self.raters:
            return result
        truth, unseen = self._truth[box.slices], self._tolerated[box.slices]
        # Foreground errors stay visible if the result misses the object entirely.
        return np.where(unseen if (truth & result).any() else unseen & ~truth, truth, result)

    def _ignored_in(self, box: Box) -> Mask | None:
        return None if self._ignored is None else self._ignored[box.slices]

    def _on_image(self, drawn: list[Stroke], box: Box) -> list[Stroke]:
        """Strokes inside a box as strokes on the image; of clicks the clicked voxel where the protocol draws points."""
        strokes = [stroke.shifted(box.lower) for stroke in drawn]
        return clicked(strokes) if self.protocol.draws == "points" else strokes

    # The robot draws in these axes; the members below are in them.
    @cached_property
    def _turn(self) -> Reorientation:
        return self.image.grid.canonical()

    @cached_property
    def _truth(self) -> Mask:
        return np.ascontiguousarray(self._turn.apply(self.truth))

    @cached_property
    def _spacing(self) -> tuple[float, ...]:
        return self._turn.ordered(self.image.grid.spacing)

    @cached_property
    def _ignored(self) -> Mask | None:
        return None if self.ignored is None else self._turn.apply(self.ignored)

    @cached_property
    def _tolerated(self) -> Mask:
        raters = [self._turn.apply(mask) for mask in self.raters]
        return tolerated(self._truth, self._spacing, self.protocol.tolerance_mm, raters)

    def _generator(self, step: str, version: str) -> np.random.Generator:
        return generator(self.seed, *self.seed_key, step, version)
