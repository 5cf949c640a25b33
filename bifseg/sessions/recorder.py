"""The steps of one session: each call of the method, its checked result and its seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from time import perf_counter

import numpy as np

from bifseg.core.geometry import Box, Index, Mask
from bifseg.core.scribbles import Stroke
from bifseg.methods.contract import ContractError, Method, checked_mask
from bifseg.methods.process.disk import FullDiskError
from bifseg.methods.process.process import MethodError
from bifseg.sessions.record import Step

_OWN_SECONDS = {"network": "network", "label_update": "label_update", "machine": "method"}
"""Names in `Step.seconds` by the keys of a method's `seconds`."""


@dataclass
class StepRecorder:
    """Makes the method's calls: it checks each result, measures the time and appends the step.

    Attributes:
        shape: shape of the object's grid.
        method: the session's method.
        box: the user's box; no result may leave it.
        steps: steps so far.
        now: name of the current step.
        ignored: voxels in which every result is cleared; None: none.
        started: start of the session in seconds of `perf_counter`.
    """

    shape: Index
    method: Method
    box: Box
    steps: list[Step] = field(default_factory=list)
    now: str = "initial"
    ignored: Mask | None = None
    started: float = field(default_factory=perf_counter)

    def check_time(self, step: str, limit_s: float | None, user_s: float) -> None:
        """Check the session's time limit after the user has drawn.

        Args:
            step: name of the step that would come next.
            limit_s: most seconds since the session started; None: no limit.
            user_s: seconds that the user took in this round.

        Raises:
            TimeoutError: the limit has passed.
        """
        if limit_s is not None and perf_counter() - self.started > limit_s:
            self.now = step
            raise TimeoutError(
                f"the session's {limit_s:g} s are over; the user took {user_s:.1f} s of this round"
            )

    def take(
        self,
        name: str,
        call: Callable[[], Mask],
        strokes: tuple[Stroke, ...] = (),
        robot_s: float = 0.0,
        begins: bool = False,
        undo: bool = False,
    ) -> Mask:
        """The checked result of one call, which becomes the next step.

        Args:
            name: the step's name.
            call: the method's call.
            strokes: the strokes that the user drew for this step.
            robot_s: seconds that the user took for them.
            begins: whether the method counts its seconds from this call.
            undo: whether the call takes back the previous round.

        Returns:
            Mask on the object's grid, cleared in ignored voxels.

        Raises:
            ContractError: the result is no mask inside the box, or the method states impossible seconds.
            MethodError: the call failed, with whatever the method raised.
            TimeoutError: the method took too long.
            FullDiskError: the disk of temporary files is full.
        """
        self.now = name
        with _of_the_method():
            before = {} if begins else self._own_seconds()
            started = perf_counter()
            result = checked_mask(call(), self.shape)
            # A result that the process had from another session counts with the time that it took there.
            machine_s = perf_counter() - started + getattr(self.method, "reused_s", 0.0)
            after = self._own_seconds()
        outside = np.count_nonzero(result) - np.count_nonzero(result[self.box.slices])
        if outside:
            raise ContractError(
                f"{outside} voxels of the result lie outside the box; clear them, or play under `window: image`"
            )
        # A copy, since a method in this process may change and return the same array in every round.
        result = result.copy() if self.ignored is None else result & ~self.ignored
        own = {part: value - before.get(part, 0.0) for part, value in after.items()}
        for part, value in own.items():
            if value < 0:
                raise ContractError(
                    f"seconds: {part} fell by {-value:g} s; it must count all seconds since `start`"
                )
        seconds = {"robot": robot_s, "machine": machine_s, **own}
        self.steps.append(Step(name, strokes, result[self.box.slices].copy(), seconds, undo))
        return result

    def give(self, mask: Mask) -> Mask:
        """An existing mask as the initial step, with 0 seconds.

        Args:
            mask: mask on the object's grid, (z, y, x) or (y, x).

        Returns:
            The mask inside the box, cleared in ignored voxels.
        """
        inside = self.box.paste(mask[self.box.slices], self.shape)
        result: Mask = inside if self.ignored is None else inside & ~self.ignored
        seconds = dict.fromkeys(("robot", "machine", "network", "label_update"), 0.0)
        self.steps.append(Step("initial", (), result[self.box.slices].copy(), seconds))
        return result

    def _own_seconds(self) -> dict[str, float]:
        """The seconds since `start` that the method states, under the names of `Step.seconds`."""
        stated = getattr(self.method, "seconds", {})
        own = {name: stated[part] for part, name in _OWN_SECONDS.items() if part in stated}
        for name, value in own.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
                raise ContractError(
                    f"seconds: {name} must be a finite number and not negative, but is {value!r:.50}"
                )
        return {"network": 0.0, "label_update": 0.0} | {name: float(value) for name, value in own.items()}


@contextmanager
def _of_the_method() -> Iterator[None]:
    """A context whose errors are the method's, which may raise anything: ContractError, MethodError, TimeoutError.

    A full disk (`FullDiskError`) is no method's error.
    """
    try:
        yield
    except (ContractError, MethodError, TimeoutError, FullDiskError):
        raise
    except Exception as error:
        raise MethodError(f"{type(error).__name__}: {error}") from error
