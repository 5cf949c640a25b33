"""A method in a process of its own, as a session sees it: like any other (`contract.Method`).

A method that hangs, crashes or fills the memory takes its own process with it; the session is told by an exception.
Any program can be such a method: `bifseg.methods.process.host` is the one for methods written in Python with bifseg.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.sandbox import module_folders
from bifseg.core.scribbles import Scribbles
from bifseg.methods.contract import BrokenContract
from bifseg.methods.process import messages

_OPENING_S = 600.0  # a large network on a slow disk
_PRIVATE = ("SLURM_", "SNAKEMAKE", "OLDPWD")  # environment variables that name a job's files


class MethodError(RuntimeError):
    """What went wrong in the method's process, in its own words."""


class MethodDied(MethodError):
    """The method's process ended by itself."""


@dataclass(frozen=True)
class Program:
    """How a method's process is started.

    Attributes:
        command: words of the command; `{folder}` stands for the folder that the process shares with the session.
        opening: what the first message says beside `"call": "open"`.
        time_limit_s: of a session, from `start` on; None waits for ever.
        threads: that numeric libraries of the process may use.
    """

    command: tuple[str, ...]
    opening: dict[str, Any] = field(default_factory=dict)
    time_limit_s: float | None = None
    threads: int = 1


class MethodProcess:
    """A method that is played through its process: started at once, and again when it is needed after its end.

    Attributes:
        dimensions, prompts, adapts: as the process says.
        seconds: what the method has spent since `start`; `machine` is all of it.
        peak_mb: highest memory of the process (`rss`) and of the GPU (`gpu`) so far.
        died: whether the process has ended by itself since `start`.
        killed: whether it was killed then (SIGKILL), as the kernel does where memory is short.

    Raises:
        InputError: the process says that its card is wrong.
        MethodError: it cannot be started.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._deadline: float | None = None
        self.seconds: dict[str, float] = {}
        self.peak_mb: dict[str, float] = {}
        self.died = self.killed = False
        self._talk: _Talk | None = None
        self._running()

    def start(self, image: Image, box: Box) -> Mask:
        """See `Method`; the session's time begins."""
        return self._begin("start", image, box)

    def base(self, image: Image, box: Box) -> Mask:
        """What the base network that the method was given answers; ends a session that is being played."""
        return self._begin("base", image, box)

    def adapt(self) -> Mask:
        """See `Adaptive`; only where `adapts`."""
        return self._ask("adapt", {})

    def refine(self, scribbles: Scribbles) -> Mask:
        """See `Method`."""
        folder = self._running().folder
        return self._ask("refine", messages.scribbles_message(scribbles, self._image.grid, folder))

    def memory_mb(self) -> float:
        """What the running process holds now, in MiB; 0 where the system does not tell."""
        status = Path(f"/proc/{self._running().number}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def close(self) -> None:
        """End the process; the next `start` begins another."""
        if self._talk:
            self._talk.end()
        self._talk = None

    def _running(self) -> _Talk:
        if self._talk:
            return self._talk
        self._talk = _Talk(self._program)
        try:
            about = self._talk.ask({"call": "open", **self._program.opening}, monotonic() + _OPENING_S)
            if "bad_input" in about:
                raise InputError(about["bad_input"])
            if "error" in about:
                raise MethodError(about["error"])
            missing = [key for key in ("dimensions", "prompts", "adapts") if key not in about]
            if missing:
                raise MethodError(f"the method's process does not say its {missing[0]}")
        except (InputError, MethodError, TimeoutError):
            self.close()
            raise
        self.dimensions, self.prompts = frozenset(about["dimensions"]), frozenset(about["prompts"])
        self.adapts = bool(about["adapts"])
        return self._talk

    def _begin(self, call: str, image: Image, box: Box) -> Mask:
        self.seconds, self._image = {}, image
        self.died = self.killed = False
        folder, limit = self._running().folder, self._program.time_limit_s
        self._deadline = None if limit is None else monotonic() + limit
        return self._ask(call, messages.image_message(image, box, folder))

    def _ask(self, call: str, message: dict[str, Any]) -> Mask:
        talk = self._running()
        (talk.folder / messages.RESULT).unlink(missing_ok=True)  # of the question before
        try:
            answer = talk.ask({"call": call, **message}, self._deadline)
            if "error" not in answer:
                mask = messages.read_result(self._image.grid.shape, talk.folder)
                self.seconds, self.peak_mb = answer.get("seconds", {}), answer.get("peak_mb", {})
                return mask
        except TimeoutError:
            self.close()
            raise TimeoutError(f"the session's {self._program.time_limit_s:g} s are over") from None
        except (MethodError, BrokenContract) as error:
            if isinstance(error, MethodDied):
                self.died, self.killed = True, talk.killed
            self.close()  # who knows what it would answer to the next question
            raise
        if "CUDA error" in answer["error"]:  # nothing works any more in a process that had one
            self.close()
        raise MethodError(answer["error"])


class _Talk:
    """A running process, its folder, and the lines that go to and fro."""

    def __init__(self, program: Program) -> None:
        self._own = OwnFolder()
        self.folder = self._own.path
        self._answers: queue.Queue[str | None] = queue.Queue()
        self._last_words: deque[str] = deque(maxlen=1)
        try:
            self._process = subprocess.Popen(
                [word.replace("{folder}", str(self.folder)) for word in program.command],
                cwd=self.folder,
                env=_environment(self.folder, program.threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            self._own.remove()
            raise InputError(f"command: {program.command[0]} cannot be started: {error.strerror}") from error
        self._listeners = [Thread(target=self._listen, daemon=True), Thread(target=self._echo, daemon=True)]
        for listener in self._listeners:
            listener.start()

    @property
    def number(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def killed(self) -> bool:
        """Whether the process has ended by SIGKILL."""
        return self._process.returncode == -signal.SIGKILL

    def ask(self, message: dict[str, Any], deadline: float | None) -> dict[str, Any]:
        """The answer to a message.

        Raises MethodDied, TimeoutError after the deadline (monotonic seconds), and MethodError where the process has
        answered before it was asked, or its answer is no JSON: from then on answers might be to another question.
        """
        with suppress(queue.Empty):
            if early := self._answers.get_nowait():
                raise MethodError(f"the method's process answered before it was asked: {early.strip()}")
            raise MethodDied(self._how_it_ended())
        try:
            self._process.stdin.write(json.dumps(message) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]
            line = self._answers.get(timeout=None if deadline is None else max(deadline - monotonic(), 0))
        except queue.Empty:
            raise TimeoutError(f"no answer to {message['call']!r}") from None
        except OSError:  # a broken pipe
            line = None
        if line is None:
            raise MethodDied(self._how_it_ended())
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError as error:
            raise MethodError(f"an answer of the method's process is no JSON: {line.strip()}") from error
        return answer

    def end(self) -> None:
        """End the process with all that it started, and remove its folder."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for listener in self._listeners:
            listener.join(timeout=1)
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._own.remove()

    def _listen(self) -> None:
        """Collect answers; a line that begins otherwise is somebody's print."""
        for line in self._process.stdout:  # type: ignore[union-attr]
            if line.startswith("{"):
                self._answers.put(line)
            else:
                sys.stderr.write(line)
        self._answers.put(None)

    def _echo(self) -> None:
        """Pass on what the process says to people, and remember the last line."""
        for line in self._process.stderr:  # type: ignore[union-attr]
            sys.stderr.write(line)
            if line.strip():
                self._last_words.append(line.strip())

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        self._listeners[1].join(timeout=1)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return ": ".join([f"the method's process ended by {how}", *self._last_words])


def _environment(folder: Path, threads: int) -> dict[str, str]:
    """This process's environment without what names the job's files; relative module paths made absolute."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PRIVATE)}
    modules = os.pathsep.join(map(str, module_folders()))
    own = {"PWD": str(folder), "TMPDIR": str(folder), "PYTHONPATH": modules}
    return (
        kept
        | own
        | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    )
