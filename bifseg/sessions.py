"""The game: box, initial result, adaptation, rounds of scribbles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter

import numpy as np

from bifseg.cards import ProtocolCard
from bifseg.geometry import Box, Image, Mask
from bifseg.methods.contract import BrokenContract, Method, adapts, checked_mask
from bifseg.methods.process import MethodError
from bifseg.metrics import dice
from bifseg.record import Identity, Session, Step
from bifseg.robot.box import box_kind
from bifseg.robot.opening import opening_strokes
from bifseg.robot.policies import policy
from bifseg.robot.users import user
from bifseg.scribbles import Scribbles, Stroke
from bifseg.seeds import generator


@dataclass(frozen=True)
class Game:
    """One object to be played: the method gets the image and the prompts, the robot alone the truth."""

    identity: Identity
    image: Image
    truth: Mask
    protocol: ProtocolCard
    box_margin: int
    seed: int

    def box(self) -> Box:
        """The robot's box: the same for every method, and for every protocol with the same kind of box and user."""
        kind, who = box_kind(self.protocol.box), user(self.protocol.user)
        spacing = self.image.grid.spacing
        box = kind.draw(self.truth, spacing, self.box_margin, self._generator("box", kind.seed))
        slack = self._generator("box slack", f"{who.name}/{who.version}")
        return who.loosened(box, self.truth.shape, spacing, slack)

    def strokes(self, result: Mask, box: Box, step: str, before: Scribbles) -> list[Stroke]:
        """What the robot draws on a result; the draw depends on the object and the step, not on the method."""
        robot = user(self.protocol.user).plays(policy(self.protocol.policy))
        if robot.skips_drawn:
            result = np.where(before.label_map() > 0, self.truth, result)
        truth, spacing = self.truth[box.slices], self.image.grid.spacing
        rng, most = self._generator(step, self.protocol.policy), self.protocol.strokes_per_label
        drawn = robot.strokes(truth, result[box.slices], spacing, rng, most)
        return [stroke.shifted(box.lower) for stroke in drawn]

    def opening(self, box: Box, step: str) -> list[Stroke]:
        """What the robot draws first where there is no initial result."""
        drawn = opening_strokes(
            user(self.protocol.user).plays(policy(self.protocol.policy), overlooks=False),
            self.truth[box.slices],
            self.image.grid.spacing,
            lambda side: self._generator(f"{step} side {side}", self.protocol.policy),
            self.protocol.strokes_per_label,
        )
        return [stroke.shifted(box.lower) for stroke in drawn]

    def reached(self, result: Mask) -> bool:
        """Whether the result is as good as the protocol asks for."""
        target = self.protocol.target
        return target is not None and dice(result, self.truth) >= target

    def _generator(self, step: str, version: str) -> np.random.Generator:
        who = self.identity
        return generator(
            self.seed, who.cohort, who.case, who.structure, who.object, who.replicate, step, version
        )


def play(game: Game, method: Method, fingerprint: str = "") -> Session:
    """Play one session. Whatever the method raises ends the session as `failed`; its steps so far are kept.

    A method that was not done in time (it raises TimeoutError) ends it as `timeout`.
    """
    box = game.box()
    turn = Turn(game, method, box)
    status, error = "ok", ""
    try:
        ended = _play(game, method, turn)
    except TimeoutError as raised:
        status, ended, error = "timeout", "timeout", f"{turn.now}: {raised}"
    except Exception as raised:  # a method may raise anything; the failure belongs into the table
        status, ended = "failed", "failed"
        told = "" if isinstance(raised, MethodError) else f"{type(raised).__name__}: "
        error = f"{turn.now}: {told}{' '.join(str(raised).split())}"
    return Session(
        game.identity,
        game.image.grid,
        box,
        tuple(turn.steps),
        ended,
        status,
        error,
        fingerprint,
        "box" in method.prompts,
        dict(getattr(method, "peak_mb", {})),
    )


def _play(game: Game, method: Method, turn: Turn) -> str:
    """Take the turns and return how the session ended."""
    protocol, shape, box = game.protocol, game.image.grid.shape, turn.box
    initial = result = turn.take("initial", partial(method.start, game.image, box))
    if adapts(method):
        result = turn.take("unsupervised", method.adapt)  # type: ignore[attr-defined]
    scribbles = Scribbles(shape)
    for number in range(1, protocol.rounds + 1):
        if game.reached(result):
            return "target"
        if "scribbles" not in method.prompts:
            return "no prompts"
        step, begun = f"round-{number}", perf_counter()
        if number == 1 and "box" not in method.prompts:
            strokes = game.opening(box, step)
        else:
            corrected = initial if protocol.scribbles_on == "initial" else result
            strokes = game.strokes(corrected, box, step, scribbles)
        robot_s = perf_counter() - begun
        if not strokes:
            return "satisfied"
        scribbles = scribbles.add(strokes)
        result = turn.take(step, partial(method.refine, scribbles), tuple(strokes), robot_s)
    return "target" if game.reached(result) else "rounds"


@dataclass
class Turn:
    """Runs the method's calls: checks what comes back, takes the time, and notes the step.

    Attributes:
        steps: taken so far.
        now: the step that is being taken.
    """

    game: Game
    method: Method
    box: Box
    steps: list[Step] = field(default_factory=list)
    now: str = "initial"

    def take(
        self, name: str, call: Callable[[], Mask], strokes: tuple[Stroke, ...] = (), robot_s: float = 0.0
    ) -> Mask:
        """The checked result of a call; raises BrokenContract when it is not a mask within the box."""
        self.now = name
        before = dict(getattr(self.method, "seconds", {})) if name != "initial" else {}
        begun = perf_counter()
        result = checked_mask(call(), self.game.image.grid.shape)
        wall_s = perf_counter() - begun
        outside = int(result.sum()) - int(result[self.box.slices].sum())
        if outside:
            raise BrokenContract(f"{outside} voxels of the result lie outside the box")
        spent = {"network": 0.0, "label_update": 0.0, **getattr(self.method, "seconds", {})}
        parts = {part: float(value - before.get(part, 0.0)) for part, value in spent.items()}
        seconds = {"robot": robot_s, "machine": wall_s, **parts}
        self.steps.append(Step(name, strokes, result[self.box.slices].copy(), seconds))
        return result
