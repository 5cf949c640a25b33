"""A method in a process of its own, which a session uses like any other method (`contract.Method`).

A method that hangs, crashes or fills the memory takes its own process with it; the session gets an exception.
Any program can be such a method: `bifseg.methods.process.host` is the one for methods written in Python with bifseg.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import numpy as np

from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.sandbox import MODULE_VARIABLES, module_folders
from bifseg.core.scribbles import Scribbles
from bifseg.core.supervised import AnswerError, Confinement, ProcessEndedError, SupervisedProcess
from bifseg.methods.contract import BrokenContract
from bifseg.methods.process import messages
from bifseg.methods.process.memory import available_mb, kills_for_memory, memory_prefix
from bifseg.methods.process.messages import Answer, Opening, read_answer

OPENING_S = 600.0
"""Time to open: enough for a large network on a slow disk."""
_REMOVED = ("SLURM_", "SNAKEMAKE", "OLDPWD", "DBUS_", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR")
"""Beginnings of environment variables that name a job's files or the sockets of services."""
_IN_OWN_FOLDER = ("PWD", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
A = TypeVar("A", bound=Answer)


class MethodError(RuntimeError):
    """What went wrong in the method's process, in its own words."""


class MethodDied(MethodError):
    """The method's process ended by itself."""


@dataclass(frozen=True)
class Program:
    """How a method's process is started.

    Attributes:
        command: words of the command; `{folder}` stands for the folder that the process shares with the session.
        opening: what the first message holds beside `"call": "open"`.
        time_limit_s: of a session, from `start` on; None: no limit.
        threads: that numeric libraries of the process may use.
        confinement: what the process cannot reach; None leaves it free.
        memory_mb: that each of its processes may allocate, in MiB; None: no limit.
        opening_s: time until its first answer.
    """

    command: tuple[str, ...]
    opening: dict[str, Any] = field(default_factory=dict)
    time_limit_s: float | None = None
    threads: int = 1
    confinement: Confinement | None = None
    memory_mb: float | None = None
    opening_s: float = OPENING_S


class MethodProcess:
    """A method that is played through its process: started at once, and again when it is needed after its end.

    Attributes:
        dimensions, prompts, adapts: as the process says.
        seconds: what the method says it has spent since `start`.
        peak_mb: highest memory of the process (`rss`) and of the GPU (`gpu`) so far, as it says.
        confinement: what confines the process, as `sandbox.confine` says.
        died: whether the process has ended by itself since `start`.
        killed: whether it was killed then (SIGKILL), as the kernel does where memory is short.

    Raises:
        InputError: the process says that its card is wrong, or its command cannot be started.
        MethodError: it ended before its first answer, or its answer is wrong.
        TimeoutError: its first answer did not come in time.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._deadline: float | None = None
        self.seconds: dict[str, float] = {}
        self.peak_mb: dict[str, float] = {}
        self.confinement = ""
        self.died = self.killed = False
        self._process: SupervisedProcess | None = None
        self._running()

    def start(self, image: Image, box: Box) -> Mask:
        """See `Method`; the session's time begins."""
        return self._begin("start", image, box)

    def base(self, image: Image, box: Box) -> Mask:
        """The answer of the base network that the method was given; ends a session that is being played."""
        return self._begin("base", image, box)

    def adapt(self) -> Mask:
        """See `Adaptive`; only where `adapts`."""
        self._running()
        return self._ask("adapt", dict)

    def refine(self, scribbles: Scribbles) -> Mask:
        """See `Method`."""
        self._running()
        folder, grid = self._folder, self._image.grid
        return self._ask("refine", lambda: messages.scribbles_message(scribbles, grid, folder))

    def open(self) -> None:
        """Start the process if it does not run, outside the time of a session.

        One that does not start now is started again, with its error, by the session.
        """
        with suppress(MethodError, TimeoutError):
            self._running()

    def memory_mb(self) -> float:
        """What the running process holds now, in MiB; 0 where the system does not tell."""
        status = Path(f"/proc/{self._running().number}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def close(self) -> None:
        """End the process; the next `start` begins another."""
        if self._process:
            self._process.end()
        self._process = None

    def _running(self) -> SupervisedProcess:
        return self._process or self._open()

    def _open(self) -> SupervisedProcess:
        """Start the process and take its first answer."""
        program, self._folder = self._program, OwnFolder()
        shared = self._folder.shared
        try:
            self._process = SupervisedProcess(
                [word.replace("{folder}", str(shared)) for word in program.command],
                self._folder,
                _environment(shared, program.threads),
                program.confinement,
                program.memory_mb,
            )
        except OSError as error:
            raise InputError(f"command: {program.command[0]} cannot be started: {error.strerror}") from error
        self.confinement = self._process.means
        try:
            deadline = monotonic() + program.opening_s
            opening = self._answer(Opening, {"call": "open", **program.opening}, deadline)
        except TimeoutError as error:
            raise TimeoutError(f"the method did not open within {program.opening_s:g} s: {error}") from None
        except BrokenContract as error:
            raise MethodError(str(error)) from error
        if opening.bad_input or opening.error:
            self.close()
            raise InputError(opening.bad_input) if opening.bad_input else MethodError(opening.error)
        self.dimensions: frozenset[int] = frozenset(opening.dimensions)
        self.prompts = frozenset(opening.prompts)
        self.adapts, self._bytes_per_voxel = opening.adapts, opening.bytes_per_voxel
        return self._process

    def _begin(self, call: str, image: Image, box: Box) -> Mask:
        self.seconds, self.peak_mb, self._image = {}, {}, image
        self.died = self.killed = False
        self._running()
        self._check_memory(box)
        limit = self._program.time_limit_s
        self._deadline = None if limit is None else monotonic() + limit
        folder = self._folder
        return self._ask(call, lambda: messages.image_message(image, box, folder))

    def _check_memory(self, box: Box) -> None:
        """Raise MethodError where a box needs more memory than there is, before it is tried."""
        need, voxels = self._bytes_per_voxel, int(np.prod(box.shape))
        have = min(self._program.memory_mb or np.inf, available_mb())
        if voxels * need > have * 2**20:
            raise MethodError(
                f"out of memory before it began: a box of {voxels} voxels takes about {voxels * need / 2**20:.0f} MiB "
                f"({need:g} bytes a voxel), {have:.0f} MiB are available"
            )

    def _ask(self, call: str, make_message: Callable[[], dict[str, Any]]) -> Mask:
        """The mask that answers a message; the process goes on only where it keeps to the contract."""
        try:
            self._folder.discard(messages.RESULT)  # of the question before
            message = {"call": call, **make_message()}
        except OSError as error:  # the method put a folder in the way, or the disk is full
            self.close()
            reason = f"{Path(error.filename or '').name} cannot be replaced in the method's folder"
            raise BrokenContract(f"{reason}: {error.strerror}") from error
        try:
            answer = self._answer(Answer, message, self._deadline)
        except TimeoutError as error:
            raise TimeoutError(f"the session's {self._program.time_limit_s:g} s are over: {error}") from None
        if answer.error:
            if "CUDA error" in answer.error:  # nothing works any more in a process that had one
                self.close()
            raise MethodError(f"{memory_prefix(answer.error)}{answer.error[:300]}")
        try:
            mask = messages.read_result(self._image.grid.shape, self._folder)
        except BrokenContract:
            self.close()
            raise
        self.seconds, self.peak_mb = answer.seconds, answer.peak_mb
        return mask

    def _answer(self, kind: type[A], message: dict[str, Any], deadline: float | None) -> A:
        """The process's answer; after an error the process is closed, for its next answer may be to this message."""
        process = self._running()
        kills = kills_for_memory()
        try:
            return read_answer(kind, process.ask(json.dumps(message), deadline))
        except ProcessEndedError as error:
            self.died, self.killed = True, process.killed
            short = process.killed and kills_for_memory() > kills
            self.close()
            raise MethodDied(f"{'out of memory: ' if short else memory_prefix(str(error))}{error}") from error
        except AnswerError as error:
            self.close()
            raise MethodError(str(error)) from error
        except (TimeoutError, BrokenContract):
            self.close()
            raise


class FailedMethod:
    """A method whose process did not open: each of its sessions fails at once, with the same reason.

    Attributes: as those of `MethodProcess`.
    """

    dimensions = frozenset({2, 3})
    prompts = frozenset({"box"})
    adapts = died = killed = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def open(self) -> None:
        """Nothing."""

    def start(self, image: Image, box: Box) -> Mask:
        """Raise the error."""
        raise self._error

    def refine(self, scribbles: Scribbles) -> Mask:
        """Raise the error."""
        raise self._error

    def close(self) -> None:
        """Nothing."""


def _environment(folder: Path, threads: int) -> dict[str, str]:
    """This process's environment without what names the job's files; module folders are absolute."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED)}
    modules = os.pathsep.join(map(str, module_folders()))
    own = dict.fromkeys(_IN_OWN_FOLDER, str(folder)) | dict.fromkeys(MODULE_VARIABLES, modules)
    return inherited | own | dict.fromkeys(_THREADS, str(threads))
