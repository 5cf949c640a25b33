"""One session from start to end: what the user gives first, the first results, rounds of corrections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

from bifseg.cards.capabilities import first_prompt, takes_drawn
from bifseg.cards.plays import Plays
from bifseg.core.errors import InputError, short
from bifseg.core.geometry import Box, Mask
from bifseg.core.scribbles import Scribbles
from bifseg.methods.contract import ContractError, Method, adapts, undoes
from bifseg.methods.process.process import MethodError
from bifseg.sessions.prompts import adapted
from bifseg.sessions.record import Ending, Identity, Session, Status
from bifseg.sessions.recorder import StepRecorder
from bifseg.sessions.users import User, View

_NAMELESS = Identity()


class UserError(RuntimeError):
    """An error of the session's user, not of the method: the session has no result."""


def play(
    user: User,
    method: Method,
    fingerprint: str = "",
    identity: Identity = _NAMELESS,
    plays: Plays | None = None,
) -> Session:
    """The session of one user with one method.

    Args:
        user: draws the box and the strokes.
        method: gets the image, the box and the strokes.
        fingerprint: hash of everything that the session's result depends on.
        identity: the run's label of the session.
        plays: what the method's card says; it may name a change of the prompts. None: nothing.

    Returns:
        The record. An error of the method ends the session as `failed`, a TimeoutError as `timeout`; earlier steps
        are kept.

    Raises:
        InputError: the user needs a file that cannot be used.
        UserError: another error that is not the method's.
    """
    with _of_the_user(identity, lambda: "before initial"):
        box = user.box()
        window, boxed = user.window(box), first_prompt(user.protocol, method.prompts) == "box"
    recorder = StepRecorder(user.image.grid.shape, method, window, ignored=user.ignored)
    adaptation = plays.adaptation(user.protocol.draws, method.prompts) if plays else ""
    status: Status = "ok"
    try:
        with _of_the_user(identity, lambda: f"after {recorder.now}"):
            ended, error = _play(user, method, recorder, box if boxed else window, plays)
    except TimeoutError as raised:
        status, ended, error = "timeout", "timeout", f"{recorder.now}: {raised}"
    except (MethodError, ContractError) as raised:  # the scores report the failure
        status, ended = "failed", "failed"
        kind = "" if isinstance(raised, MethodError) else f"{type(raised).__name__}: "
        error = f"{recorder.now}: {kind}{short(' '.join(str(raised).split()), 500)}"
    return Session(
        identity,
        user.image.grid,
        window,
        tuple(recorder.steps),
        ended,
        "stuck" if ended == "stuck" else status,
        error,
        fingerprint,
        boxed,
        dict(getattr(method, "peak_mb", {})),
        getattr(method, "confinement", ""),
        adaptation,
        box if boxed and box != window else None,
    )


@contextmanager
def _of_the_user(identity: Identity, when: Callable[[], str]) -> Iterator[None]:
    """A context in which errors are the user's, unless they say that they are the method's or the input's."""
    try:
        yield
    except (ContractError, MethodError, TimeoutError, InputError):
        raise
    except Exception as raised:
        where = f"{identity.object or 'session'}: bifseg failed {when()}, not the method"
        raise UserError(f"{where}: {type(raised).__name__}: {raised}") from raised


def _play(
    user: User, method: Method, recorder: StepRecorder, box: Box, plays: Plays | None
) -> tuple[Ending, str]:
    """How the session ended, and why if it ended early."""
    rules, grid = user.protocol, user.image.grid
    opens = first_prompt(rules, method.prompts) in ("scribbles", "points")
    results = [_first_result(user, method, recorder, box)]
    given = [Scribbles(grid.shape)]
    for number in range(1, user.rounds + 1):
        if user.is_satisfied_with(results[-1]):
            return "target", ""
        if not takes_drawn(rules.draws, method.prompts, plays):
            return "no prompts", ""
        if rules.undo and len(results) > 1 and user.is_worse(results[-1], results[-2]):
            given = given[:-1]
            prompts = adapted(given[-1], rules.draws, method.prompts, plays, grid.spacing)
            results = [_take_back(user, method, recorder, box, number, prompts)]
            continue
        started = perf_counter()
        view = View(number, recorder.box, recorder.steps, given[-1], opens and len(given) == 1)
        strokes = user.next_strokes(view)
        robot_s = perf_counter() - started
        recorder.check_time(view.step, user.time_limit_s, robot_s)
        if not strokes:
            return ("satisfied" if user.target is None else "no visible error"), ""
        reason = user.stuck_reason(view, strokes)
        if reason:
            return "stuck", reason
        given.append(given[-1].add(strokes))
        prompts = adapted(given[-1], rules.draws, method.prompts, plays, grid.spacing)
        results.append(
            recorder.take(view.step, partial(_call, method, "refine", prompts), tuple(strokes), robot_s)
        )
    return ("target" if user.is_satisfied_with(results[-1]) else "rounds"), ""


def _first_result(user: User, method: Method, recorder: StepRecorder, box: Box) -> Mask:
    """The last result before any correction. What a method makes of an existing mask is its unsupervised step."""
    if user.existing is not None:
        mask = recorder.give(user.existing)
        return recorder.take("unsupervised", _beginning(user, method, box, mask), begins=True)
    result = recorder.take("initial", _beginning(user, method, box, None), begins=True)
    if adapts(method):
        result = recorder.take("unsupervised", partial(_call, method, "adapt"))
    return result


def _take_back(
    user: User, method: Method, recorder: StepRecorder, box: Box, number: int, prompts: Scribbles
) -> Mask:
    """The result without the last round: by the method's `undo`, else from all prompts but the last."""
    name, begins = f"round-{number}", False
    if undoes(method):
        call: Callable[[], Mask] = partial(_call, method, "undo")
    elif prompts.strokes:
        call = partial(_call, method, "refine", prompts)
    else:
        mask = None if user.existing is None else recorder.box.paste(recorder.steps[0].mask, recorder.shape)
        call, begins = _beginning(user, method, box, mask), True
        if adapts(method) and mask is None:
            start = call

            def call() -> Mask:
                start()
                return _call(method, "adapt")

    return recorder.take(name, call, begins=begins, undo=True)


def _beginning(user: User, method: Method, box: Box, mask: Mask | None) -> Callable[[], Mask]:
    """The call that begins a session of a method."""
    if mask is None:
        return partial(_call, method, "start", user.image, box)
    return partial(_call, method, "start_from", user.image, box, mask)


def _call(method: Method, name: str, *inputs: Any) -> Mask:
    """What a call returns; a method that lacks it fails in its step."""
    result: Mask = getattr(method, name)(*inputs)
    return result
