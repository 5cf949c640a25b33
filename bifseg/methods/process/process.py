"""A method in a process of its own, which a session uses like any other method (`contract.Method`).

If a method hangs, crashes or fills the memory, only its own process ends; the session gets an exception.
Any program can be such a method. `bifseg.methods.process.host` is the program of methods written in Python.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import numpy as np

from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Image, Mask
from bifseg.core.sandbox import MODULE_VARIABLES, module_folders
from bifseg.core.scribbles import Scribbles
from bifseg.core.supervised import AnswerError, ProcessEndedError, SupervisedProcess
from bifseg.methods.contract import ContractError
from bifseg.methods.process import messages
from bifseg.methods.process.answers import Answer, Opening, read_answer
from bifseg.methods.process.containers import container_name
from bifseg.methods.process.disk import check_disk
from bifseg.methods.process.encodings import ENCODING, LARGEST
from bifseg.methods.process.memory import available_mb, kills_for_memory, memory_prefix, remark_on
from bifseg.methods.process.programs import THREADS, Program
from bifseg.methods.process.shared_processes import SharedProcesses

_REMOVED = ("SLURM_", "SNAKEMAKE", "OLDPWD", "DBUS_", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "PYTHONSAFEPATH")
"""Prefixes of variables that name a job's files or services, or keep a Python program from the modules beside it."""
_IN_OWN_FOLDER = ("PWD", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "TRITON_CACHE_DIR")
A = TypeVar("A", bound=Answer)


class MethodError(RuntimeError):
    """A call of a method failed; the message is that of the method or of its process."""


class MethodEndedError(MethodError):
    """The method's process ended by itself.

    Args:
        message: why it ended.
        killed: whether it ended by SIGKILL, for example because the machine ran out of memory.
    """

    def __init__(self, message: str, killed: bool = False) -> None:
        super().__init__(message)
        self.killed = killed


class MethodProcess:
    """A method that runs in a process of its own, which is started at once and, after its end, when it is needed.

    The constructor raises the errors below, every call all but InputError.

    Args:
        program: how to start the process.
        shared: the processes of the job, one of which may be this method's; None: the method has its own.

    Attributes:
        dimensions, prompts, adapts: as the process says; see `contract`.
        seconds: time since `start` by part, as the method says.
        reused_s: seconds that the last call would have taken longer, had an earlier session not computed a part of it.
        peak_mb: highest memory since `start` of the process (`rss`) and of the GPU (`gpu`) in MiB, as the process says.
        confinement: what confines the process, as `sandbox.confine` says, or the engine of its container.
        died: whether the process has ended by itself since `start`.
        killed: whether that end was a SIGKILL, which the kernel sends if memory is short.

    Raises:
        InputError: the card is wrong or its command cannot run.
        MethodError: the process fails or ends.
        ContractError: its answer or its result breaks the contract.
        TimeoutError: it does not answer in time.
    """

    def __init__(self, program: Program, shared: SharedProcesses | None = None) -> None:
        self._program = program
        shared = shared or SharedProcesses()
        self._slot, self._encodings = shared.slot(program), shared.encodings
        self._deadline: float | None = None
        self.seconds: dict[str, float] = {}
        self.reused_s = 0.0
        self.peak_mb: dict[str, float] = {}
        self.confinement = ""
        self.died = self.killed = False
        self._has_opened = False
        self._running()
        self._has_opened = True

    def start(self, image: Image, box: Box) -> Mask:
        """The initial result; the session's time limit begins.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape.
        """
        return self._begin("start", image, box)

    def start_from(self, image: Image, box: Box, mask: Mask) -> Mask:
        """The first result from an existing mask; the session's time limit begins.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image.
            mask: the result to be corrected, a bool array of the image's shape.

        Returns:
            Bool mask of the image's shape.
        """
        return self._begin("start_from", image, box, mask)

    def base(self, image: Image, box: Box) -> Mask:
        """The initial result of the method's base network; the session in progress ends.

        Args:
            image: 2D (y, x) or 3D (z, y, x), with its grid.
            box: in voxels of the image.

        Returns:
            Bool mask of the image's shape.
        """
        return self._begin("base", image, box)

    def adapt(self) -> Mask:
        """The unsupervised result. A session calls it only if `adapts`.

        Returns:
            Bool mask of the image's shape.
        """
        self._running()
        return self._ask("adapt", dict)

    def refine(self, scribbles: Scribbles) -> Mask:
        """The result after a round.

        Args:
            scribbles: all scribbles so far.

        Returns:
            Bool mask of the image's shape.
        """
        self._running()
        folder, grid = None if self._program.is_host else self._folder, self._image.grid
        return self._ask("refine", lambda: messages.scribbles_message(scribbles, grid, folder))

    def undo(self) -> Mask:
        """The result without the last round. A session calls it only if `undoes`.

        Returns:
            Bool mask of the image's shape.
        """
        self._running()
        return self._ask("undo", dict)

    def open(self) -> None:
        """Start the process if it does not run, outside the time of a session.

        If it fails to start, the session tries again and gets the error.
        """
        with suppress(MethodError, TimeoutError):
            self._running()

    def weights(self) -> str:
        """The hash of the network's weights as they are now in the process.

        Returns:
            Hexadecimal digits; empty for a network that the hash of its weights does not describe, and for a method
            that is not written in Python.

        Raises:
            MethodError: the process cannot tell.
        """
        if not self._program.opening.get("weights"):
            return ""
        self._running()
        answer = self._answer(Answer, {"call": "weights"}, monotonic() + self._program.opening_s)
        if answer.error:
            raise MethodError(answer.error)
        return answer.weights

    def memory_mb(self) -> float:
        """The memory of the running process now (VmRSS).

        Returns:
            MiB; 0 on systems without /proc.
        """
        number, container = self._running().number, self._program.container
        if container:
            number = container.process(container_name(self._folder.path))
        status = Path(f"/proc/{number}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))

    def close(self) -> None:
        """End the process; the next call starts another."""
        self._slot.end()

    def _running(self) -> SupervisedProcess:
        """The process, started if it does not run, with this method opened in it.

        A card that opened once is no bad input: what goes wrong later is the method's failure in that session.
        """
        try:
            process = self._slot.process or self._start()
            if self._slot.opened is not self:
                self._open()
        except InputError as error:
            if self._has_opened:
                raise MethodError(f"it opened before, but not again: {error}"[:300]) from error
            raise
        return process

    @property
    def _folder(self) -> OwnFolder:
        assert self._slot.folder
        return self._slot.folder

    def _start(self) -> SupervisedProcess:
        program, folder = self._program, OwnFolder()
        container = program.container
        if container:
            container.remove_abandoned()
        try:
            process = SupervisedProcess(
                program.filled_in(program.command, folder),
                folder,
                dict(os.environ) if container else _environment(folder.shared, program.threads),
                program.confinement,
                None if container and container.limits_memory else program.memory_mb,
                program.filled_in(container.removal(), folder) if container else (),
            )
        except OSError as error:
            raise InputError(f"command: {program.command[0]} cannot be started: {error.strerror}") from error
        self._slot.process, self._slot.folder = process, folder
        return process

    def _open(self) -> None:
        """Send the method's card, and take the first answer."""
        import SimpleITK  # noqa: F401  images are written with both, and their import is no time of a session

        from bifseg.core import images  # noqa: F401

        program, process = self._program, self._slot.process
        assert process
        self.confinement = program.container.engine if program.container else process.means
        self._slot.opened = self
        try:
            deadline = monotonic() + program.opening_s
            opening = self._answer(Opening, {"call": "open", **program.opening}, deadline)
        except TimeoutError as error:
            raise TimeoutError(f"the method did not open within {program.opening_s:g} s: {error}") from None
        except ContractError as error:
            raise MethodError(str(error)) from error
        if opening.bad_input or opening.error:
            self.close()
            raise InputError(opening.bad_input) if opening.bad_input else MethodError(opening.error)
        self.dimensions: frozenset[int] = frozenset(opening.dimensions)
        self.prompts = frozenset(opening.prompts)
        self.undoes, self._encodes = opening.undoes, opening.encodes
        self.adapts, self._bytes_per_voxel = opening.adapts, opening.bytes_per_voxel

    def _begin(self, call: str, image: Image, box: Box, mask: Mask | None = None) -> Mask:
        self.seconds, self.reused_s, self.peak_mb, self._image = {}, 0.0, {}, image
        self.died = self.killed = False
        self._running().reset_peak()
        self._check_memory(box)
        limit = self._program.time_limit_s
        self._deadline = None if limit is None else monotonic() + limit
        self._remark = remark_on(box)
        folder, slot = self._folder, self._slot
        has_image = self._program.is_host and slot.image is image

        def message() -> dict[str, Any]:
            encoding = self._encoding(image)
            existing = {} if mask is None else messages.mask_message(mask, image.grid, folder)
            return messages.image_message(image, box, folder, has_image) | existing | encoding

        slot.image = None
        result = self._ask(call, message)
        slot.image = image
        self.reused_s += self._encoding_reused_s
        return result

    def _encoding(self, image: Image) -> dict[str, Any]:
        """The part of a message on the image's encoding; the process makes it before it gets the session's prompts."""
        self._encoding_reused_s = 0.0
        if not self._encodes:
            return {}
        key, slot = self._encodings.key(self._program.method_key(), image), self._slot
        known = self._encodings.seconds(key)
        if known is None:
            return {"encoding_s": self._encode(key, image)}
        self._encoding_reused_s = known
        if slot.encoded == key:
            return {"encoding_s": known}
        self._encodings.give(key, self._folder)
        slot.encoded = key
        return {"encoding_s": known, "encoding": ENCODING}

    def _encode(self, key: str, image: Image) -> float:
        """Have the process encode the image; returns its seconds."""
        self._folder.discard(ENCODING)
        message = {"call": "encode"} | messages.image_files(image, self._folder)
        started = monotonic()
        self._answer_in_session(message)
        seconds = monotonic() - started  # by our clock, since other sessions are charged with it
        try:
            content = self._folder.read_shared(ENCODING, LARGEST)
        except ValueError as error:
            self.close()
            raise ContractError(f"{ENCODING} cannot be read: {error}") from error
        self._encodings.keep(key, content, seconds)
        self._slot.encoded = key
        return seconds

    def _check_memory(self, box: Box) -> None:
        """Raise MethodError if the box needs more memory than is available, before the method tries."""
        voxels = int(np.prod(box.shape))
        needed_mb = voxels * self._bytes_per_voxel / 2**20
        free_mb = min(self._program.memory_mb or np.inf, available_mb())
        if needed_mb > free_mb:
            raise MethodError(
                f"out of memory before it began: a box of {voxels} voxels takes about {needed_mb:.0f} MiB "
                f"({self._bytes_per_voxel:g} bytes a voxel), {free_mb:.0f} MiB are available"
            )

    def _ask(self, call: str, make_message: Callable[[], dict[str, Any]]) -> Mask:
        """The mask that answers a message; a process that breaks the contract is closed."""
        try:
            self._folder.discard(messages.RESULT)  # of the call before
            message = {"call": call, **make_message()}
        except TimeoutError:  # of `encode`; it is an OSError too
            raise
        except OSError as error:  # the disk is full, or the method put a folder in the way
            check_disk(error, self._folder.shared)
            self.close()
            reason = f"{Path(error.filename or '').name} cannot be replaced in the method's folder"
            raise ContractError(f"{reason}: {error.strerror}") from error
        answer = self._answer_in_session(message)
        try:
            mask = messages.read_result(self._image.grid.shape, self._folder, answer.window)
        except ContractError:
            self.close()
            raise
        self.seconds, self.peak_mb, self.reused_s = answer.seconds, answer.peak_mb, answer.reused_s
        return mask

    def _answer_in_session(self, message: dict[str, Any]) -> Answer:
        """The answer to a message of a session, within its time; MethodError if the call failed."""
        try:
            answer = self._answer(Answer, message, self._deadline)
        except TimeoutError as error:
            limit = f"the session's {self._program.time_limit_s:g} s are over: {error}"
            raise TimeoutError(f"{limit}{self._remark}") from None
        if answer.error:
            check_disk(answer.error, self._folder.shared)
            if "CUDA error" in answer.error:  # CUDA stays unusable in this process
                self.close()
            raise MethodError(f"{memory_prefix(answer.error)}{answer.error}")
        return answer

    def _answer(self, kind: type[A], message: dict[str, Any], deadline: float | None) -> A:
        """The answer to a message; an error closes the process, whose next answer might be to this message."""
        process = self._running()
        kills = kills_for_memory()
        try:
            return read_answer(kind, process.ask(json.dumps(message), deadline))
        except ProcessEndedError as error:
            self.died, self.killed = True, process.killed
            killed_for_memory = process.killed and kills_for_memory() > kills
            self.close()
            prefix = "out of memory: " if killed_for_memory else memory_prefix(str(error))
            raise MethodEndedError(f"{prefix}{error}", self.killed) from error
        except AnswerError as error:
            self.close()
            raise MethodError(str(error)) from error
        except (TimeoutError, ContractError):
            self.close()
            raise


def _environment(folder: Path, threads: int) -> dict[str, str]:
    """This process's environment without the variables of the job's files; module folders are absolute."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_REMOVED)}
    modules = os.pathsep.join(map(str, module_folders()))
    own = dict.fromkeys(_IN_OWN_FOLDER, str(folder)) | dict.fromkeys(MODULE_VARIABLES, modules)
    return inherited | own | dict.fromkeys(THREADS, str(threads))
