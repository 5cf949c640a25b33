"""The game: box, initial result, adaptation, rounds of scribbles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import inf
from time import perf_counter
from typing import Protocol

import numpy as np

from bifseg.cards.cards import ProtocolCard
from bifseg.core.geometry import Box, Image, Index, Mask
from bifseg.core.overlap import dice
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.core.seeds import generator
from bifseg.methods.contract import BrokenContract, Method, adapts, checked_mask
from bifseg.methods.process.process import MethodError
from bifseg.robot.box import box_kind
from bifseg.robot.opening import opening_strokes
from bifseg.robot.policies.registry import policy
from bifseg.robot.thorough import LARGE, thorough
from bifseg.robot.users import user_profile
from bifseg.robot.visible import tolerated
from bifseg.sessions.record import Ending, Identity, Session, Status, Step
from bifseg.sessions.stuck import why_stuck

_NAMELESS = Identity()
_OWN_SECONDS = {"network": "network", "label_update": "label_update", "machine": "method"}
"""By its key in a method's `seconds`: what a step calls it."""


@dataclass(frozen=True)
class View:
    """What the user has before them when a round begins.

    Attributes:
        number: of the round, from 1.
        box: the box.
        steps: results so far.
        scribbles: all strokes so far.
        opening: whether the method waits for scribbles and has no result yet.
    """

    number: int
    box: Box
    steps: Sequence[Step]
    scribbles: Scribbles
    opening: bool

    @property
    def step(self) -> str:
        """Name of the step that the round's result will be."""
        return f"round-{self.number}"


class User(Protocol):
    """The user's part of a session: the robot of a `SimulatedUser`, or people's recorded strokes."""

    @property
    def image(self) -> Image:
        """What is to be segmented."""
        ...

    @property
    def rounds(self) -> int:
        """Most rounds of scribbles."""
        ...

    @property
    def ignored(self) -> Mask | None:
        """Voxels that nobody annotated: every result is cleared there before the user or a score sees it."""
        ...

    @property
    def target(self) -> float | None:
        """Dice that ends the session; None: none does."""
        ...

    @property
    def time_limit_s(self) -> float | None:
        """Seconds that the session may take, the user's included; None: no limit."""
        ...

    def box(self) -> Box:
        """The user's box."""
        ...

    def is_satisfied_with(self, result: Mask) -> bool:
        """Whether a result on the object's grid is as good as was wanted."""
        ...

    def next_strokes(self, view: View) -> list[Stroke]:
        """The strokes of a round; none if the user sees no error worth a stroke."""
        ...

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Why the user stops instead of drawing these strokes; empty: they draw them."""
        ...


@dataclass(frozen=True)
class SimulatedUser:
    """One object to be played: the method gets the image and the prompts, the robot alone the truth.

    Attributes:
        image: with the object.
        truth: the object's mask on the image's grid, (z, y, x) or (y, x).
        protocol: the rules.
        box_margin: most voxels between the object and a side of its box.
        seed: of boxes and strokes.
        raters: other people's masks of the object, on its grid; where they and the truth differ, nothing is wrong.
        seed_key: names that, with the seed, choose the box and the strokes: of the object and the replicate.
        ignored: voxels that nobody annotated, on the image's grid; None: there are none.
    """

    image: Image
    truth: Mask
    protocol: ProtocolCard
    box_margin: int = 10
    seed: int = 0
    raters: tuple[Mask, ...] = ()
    seed_key: tuple[str | int, ...] = ()
    ignored: Mask | None = None

    @property
    def rounds(self) -> int:
        """Most rounds of scribbles."""
        return self.protocol.rounds

    @property
    def target(self) -> float | None:
        """Dice that ends the session; None: none does."""
        return self.protocol.target

    @property
    def time_limit_s(self) -> float | None:
        """Seconds that the session may take, the robot's included; None: no limit."""
        return self.protocol.time_limit_s

    def box(self) -> Box:
        """The robot's box: the same for every method, and for every protocol with the same kind of box and user."""
        kind, who = box_kind(self.protocol.box), user_profile(self.protocol.user)
        spacing = self.image.grid.spacing
        box = kind.draw(self.truth, spacing, self.box_margin, self._generator("box", kind.seed))
        slack = self._generator("box slack", f"{who.name}/{who.version}")
        return who.loosened(box, self.truth.shape, spacing, slack)

    def next_strokes(self, view: View) -> list[Stroke]:
        """What the robot draws in a round."""
        if view.opening:
            return self.opening(view.box, view.step)
        corrected = view.steps[0 if self.protocol.scribbles_on == "initial" else -1]
        return self.strokes(corrected.mask, view.box, view.step, view.scribbles)

    def strokes(self, result: Mask, box: Box, step: str, before: Scribbles) -> list[Stroke]:
        """What the robot draws on a result inside the box.

        The draw depends on the object and the step, not on the method. While a target is not reached, the robot
        corrects the largest error that it sees, even if the policy finds none worth a stroke.
        """
        rules, truth = self.protocol, self.truth[box.slices]
        shown = self._visible(result, truth, box)
        if policy(rules.policy).skips_drawn:
            shown = np.where(before.label_map()[box.slices] > 0, truth, shown)
        drawn: list[Stroke] = []
        for large in (LARGE,) if rules.target is None else (LARGE, 0.0):
            robot = user_profile(rules.user).plays(thorough(policy(rules.policy), large))
            rng = self._generator(step, rules.policy)
            drawn = drawn or robot.strokes(
                truth, shown, self.image.grid.spacing, rng, rules.strokes_per_label
            )
        return [stroke.shifted(box.lower) for stroke in drawn]

    def opening(self, box: Box, step: str) -> list[Stroke]:
        """What the robot draws first where there is no initial result: both labels, however small the object."""
        drawn = opening_strokes(
            user_profile(self.protocol.user).plays(
                thorough(policy(self.protocol.policy), 0.0), overlooks=False
            ),
            self.truth[box.slices],
            self.image.grid.spacing,
            lambda side: self._generator(f"{step} side {side}", self.protocol.policy),
            self.protocol.strokes_per_label,
            None if self.ignored is None else self.ignored[box.slices],
        )
        return [stroke.shifted(box.lower) for stroke in drawn]

    def is_satisfied_with(self, result: Mask) -> bool:
        """Whether the result is as good as the protocol asks for."""
        target = self.protocol.target
        return target is not None and dice(result, self.truth) >= target

    def stuck_reason(self, view: View, strokes: list[Stroke]) -> str:
        """Why the robot is stuck, as `why_stuck`; never where it does not correct the method's own results."""
        rules = self.protocol
        if rules.patience is None or rules.scribbles_on == "initial":
            return ""
        truth = self.truth[view.box.slices]
        return why_stuck(view.steps, strokes, truth, self.image.grid, view.box, rules.patience)

    def _visible(self, result: Mask, truth: Mask, box: Box) -> Mask:
        """The result, corrected wherever the user cannot see the error.

        Foreground errors stay visible if the result misses the object entirely.
        """
        if self.protocol.tolerance_mm == 0 and not self.raters:
            return result
        right = self._tolerated[box.slices]
        return np.where(right if (truth & result).any() else right & ~truth, truth, result)

    @cached_property
    def _tolerated(self) -> Mask:
        return tolerated(self.truth, self.image.grid.spacing, self.protocol.tolerance_mm, self.raters)

    def _generator(self, step: str, version: str) -> np.random.Generator:
        return generator(self.seed, *self.seed_key, step, version)


def play(user: User, method: Method, fingerprint: str = "", identity: Identity = _NAMELESS) -> Session:
    """The session of a user and a method.

    Whatever the method raises ends the session as `failed`, TimeoutError as `timeout`; its steps so far are kept.

    Args:
        user: draws the box and the strokes.
        method: gets the image, the box and the strokes.
        fingerprint: hash of everything that the session's result depends on.
        identity: the label of the session.
    """
    box = user.box()
    recorder = StepRecorder(user.image.grid.shape, method, box, ignored=user.ignored)
    status: Status = "ok"
    try:
        ended, error = _play(user, method, recorder)
    except TimeoutError as raised:
        status, ended, error = "timeout", "timeout", f"{recorder.now}: {raised}"
    except Exception as raised:  # a method may raise anything; the failure belongs into the table
        status, ended = "failed", "failed"
        kind = "" if isinstance(raised, MethodError) else f"{type(raised).__name__}: "
        error = f"{recorder.now}: {kind}{' '.join(str(raised).split())}"
    return Session(
        identity,
        user.image.grid,
        box,
        tuple(recorder.steps),
        ended,
        "stuck" if ended == "stuck" else status,
        error,
        fingerprint,
        "box" in method.prompts,
        dict(getattr(method, "peak_mb", {})),
        getattr(method, "confinement", ""),
    )


def _play(user: User, method: Method, recorder: StepRecorder) -> tuple[Ending, str]:
    """Take the turns and return how the session ended, and why where it did not end normally."""
    result = recorder.take("initial", partial(method.start, user.image, recorder.box))
    if adapts(method):
        result = recorder.take("unsupervised", method.adapt)  # type: ignore[attr-defined]
    scribbles = Scribbles(user.image.grid.shape)
    for number in range(1, user.rounds + 1):
        if user.is_satisfied_with(result):
            return "target", ""
        if "scribbles" not in method.prompts:
            return "no prompts", ""
        begun = perf_counter()
        opening = number == 1 and "box" not in method.prompts
        view = View(number, recorder.box, recorder.steps, scribbles, opening)
        strokes = user.next_strokes(view)
        robot_s = perf_counter() - begun
        recorder.check_time(view.step, user.time_limit_s, robot_s)
        if not strokes:
            return ("satisfied" if user.target is None else "no visible error"), ""
        why = user.stuck_reason(view, strokes)
        if why:
            return "stuck", why
        scribbles = scribbles.add(strokes)
        result = recorder.take(view.step, partial(method.refine, scribbles), tuple(strokes), robot_s)
    return ("target" if user.is_satisfied_with(result) else "rounds"), ""


@dataclass
class StepRecorder:
    """Runs the method's calls: checks what comes back, takes the time, and notes the step.

    Attributes:
        shape: of the object's grid.
        steps: taken so far.
        now: the step that is being taken.
        ignored: voxels in which every result is cleared.
        begun: when the session began, in seconds of `perf_counter`.
    """

    shape: Index
    method: Method
    box: Box
    steps: list[Step] = field(default_factory=list)
    now: str = "initial"
    ignored: Mask | None = None
    begun: float = field(default_factory=perf_counter)

    def check_time(self, step: str, limit_s: float | None, user_s: float) -> None:
        """Raise TimeoutError if the session has taken longer than its limit when the user has drawn."""
        if limit_s is not None and perf_counter() - self.begun > limit_s:
            self.now = step
            raise TimeoutError(
                f"the session's {limit_s:g} s are over; the user took {user_s:.1f} s of this round"
            )

    def take(
        self, name: str, call: Callable[[], Mask], strokes: tuple[Stroke, ...] = (), robot_s: float = 0.0
    ) -> Mask:
        """The checked result of a call; raises BrokenContract when it is not a mask within the box."""
        self.now = name
        before = self._own_seconds() if name != "initial" else {}
        begun = perf_counter()
        result = checked_mask(call(), self.shape)
        machine_s = perf_counter() - begun
        outside = int(result.sum()) - int(result[self.box.slices].sum())
        if outside:
            raise BrokenContract(f"{outside} voxels of the result lie outside the box")
        if self.ignored is not None:
            result = result & ~self.ignored
        own = {part: value - before.get(part, 0.0) for part, value in self._own_seconds().items()}
        for part, value in own.items():
            if value < 0:
                raise BrokenContract(f"seconds: {part} fell by {-value:g} s; it counts all since `start`")
        seconds = {"robot": robot_s, "machine": machine_s, **own}
        self.steps.append(Step(name, strokes, result[self.box.slices].copy(), seconds))
        return result

    def _own_seconds(self) -> dict[str, float]:
        """What the method says that it has spent since `start`, under the names of `Step.seconds`."""
        stated = getattr(self.method, "seconds", {})
        own = {name: stated[part] for part, name in _OWN_SECONDS.items() if part in stated}
        for name, value in own.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
                raise BrokenContract(
                    f"seconds: {name} must be a finite number, not negative, is {value!r:.50}"
                )
        return {"network": 0.0, "label_update": 0.0} | {name: float(value) for name, value in own.items()}
