"""A process that answers line by line. A supervisor confines it and ends it with all its children."""

from __future__ import annotations

import json
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import IO, Any, NamedTuple

from bifseg.core.child_processes import OwnFolder, own_folders
from bifseg.core.errors import short

LINE_BYTES = 2**20
"""Greatest length of an answer."""
LOG_BYTES = 2**20
"""Bytes of a process's prints that are shown between two questions; the rest is left out."""
_WAITING_LINES = 16
"""Number of unexpected answers after which we stop reading from the process."""
_ENDLESS = f"has no end within {LINE_BYTES} bytes"
_START_S, _END_S, _LAST_WORDS_S = 60.0, 45.0, 1.0
_SUPERVISOR = (sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py")))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class ProcessEndedError(RuntimeError):
    """The process ended, or closed its input or output."""


class AnswerError(RuntimeError):
    """The process wrote something other than an answer to the question."""


class Confinement(NamedTuple):
    """The limits of a process, as arguments of `sandbox.confine`.

    Attributes:
        hidden: folders that the process cannot read.
        readable: files in these folders that it can still read.
        network: whether it may use the network.
        landlock: highest version of Landlock to use; None: the kernel's. Tests of older kernels lower it.
        seccomp: whether to filter system calls.
    """

    hidden: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    network: bool = False
    landlock: int | None = None
    seccomp: bool = True

    def arguments(self, folder: Path) -> dict[str, Any]:
        """The arguments of `sandbox.confine` as JSON holds them, for a process that works in a folder.

        The folders of other processes are hidden too, since they contain strokes that were drawn from the truth.

        Args:
            folder: the only folder in which the process can write.

        Returns:
            Arguments by name.
        """
        hidden = list(map(str, [*self.hidden, *own_folders()]))
        readable = list(map(str, self.readable))
        return {**self._asdict(), "hidden": hidden, "readable": readable, "writable": str(folder)}


class SupervisedProcess:
    """A running process, its folder, and the lines of its input and output.

    Args:
        command: program and arguments.
        folder: the process works in `folder.shared`; `end` removes the whole folder.
        environment: environment variables.
        confinement: limits of the process; None: none.
        memory_mb: MiB that all its processes together may take, and that each of them may allocate; None: no limit.
        at_end: command that the supervisor runs after the process, however it ends; empty: none.

    Attributes:
        means: means of confinement, as `sandbox.confine` returns them; `none` without confinement.
        number: process number.
        last_words: last line by stream, `stderr` and `stdout` (answers excepted); empty texts if it wrote none.

    Raises:
        OSError: the process cannot be started; `strerror` says why.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: OwnFolder,
        environment: Mapping[str, str],
        confinement: Confinement | None = None,
        memory_mb: float | None = None,
        at_end: Sequence[str] = (),
    ) -> None:
        self._folder = folder
        self._lines: queue.Queue[str | RuntimeError] = queue.Queue(_WAITING_LINES)
        self._log_left = LOG_BYTES
        self._has_asked = False
        self.last_words = {"stderr": "", "stdout": ""}
        self._channel, other_end = socket.socketpair()
        with other_end:
            self._process = subprocess.Popen(
                [*_SUPERVISOR, str(other_end.fileno())],
                cwd=folder.shared,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[other_end.fileno()],
                start_new_session=True,
            )
        os.set_blocking(self._stream("stdin").fileno(), False)
        readers = (self._read_answers, self._read_log)
        self._readers = [Thread(target=reader, daemon=True) for reader in readers]
        for reader in self._readers:
            reader.start()
        self._order(
            {
                "command": list(command),
                "folder": str(folder.path),
                "confine": confinement and confinement.arguments(folder.shared),
                "memory_mb": memory_mb,
                "at_end": list(at_end),
            }
        )

    @property
    def killed(self) -> bool:
        """Whether the process ended by SIGKILL, for example because the machine ran out of memory."""
        return self._process.poll() in (-signal.SIGKILL, 128 + signal.SIGKILL)  # the latter of a container

    def ask(self, line: str, deadline: float | None) -> str:
        """The process's answer to a line.

        Args:
            line: the question, without a newline.
            deadline: when writing, waiting and reading must be done, in seconds of `time.monotonic`; None: no limit.

        Returns:
            A line that begins with a brace, without its newline.

        Raises:
            ProcessEndedError: the process ended, or closed its input or its output.
            AnswerError: the process answered before a question (it may do so once, at its start), or its answer is too
                long. Later answers may then belong to another question.
            TimeoutError: the deadline passed; the message says what the process did not do.
        """
        self._log_left = LOG_BYTES
        if self._has_asked:
            self._check_nothing_waits()
            self.last_words["stdout"] = ""
        self._has_asked = True
        self._write(f"{line}\n".encode(), deadline)
        try:
            answer = self._lines.get(timeout=_left(deadline))
        except queue.Empty:
            raise TimeoutError(f"it did not answer{self._quoted('stdout', 'stderr')}") from None
        if isinstance(answer, RuntimeError):
            raise self._complete(answer)
        return answer

    def _check_nothing_waits(self) -> None:
        """Raise an error if the process ended or wrote another answer since its last one."""
        with suppress(queue.Empty):
            early = self._lines.get_nowait()
            if isinstance(early, str):
                early = AnswerError(f"the method's process answered before a question: {early[:100]}")
            raise self._complete(early)

    def reset_peak(self) -> None:
        """Set the process's peak memory (VmHWM) to what it takes now; without effect outside Linux."""
        with suppress(OSError):
            Path(f"/proc/{self.number}/clear_refs").write_text("5")

    def end(self) -> None:
        """End the process with all its children, and remove its folder."""
        self._channel.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for reader in self._readers:
            reader.join(timeout=_LAST_WORDS_S)
        with suppress(OSError):
            self._stream("stdin").close()
        self._folder.remove()

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] = getattr(self._process, name)
        return stream

    def _order(self, order: dict[str, Any]) -> None:
        """Send the supervisor its order, and read its report."""
        self._channel.settimeout(_START_S)
        try:
            self._channel.sendall(json.dumps(order).encode() + b"\n")
            with self._channel.makefile("rb") as stream:
                report = json.loads(stream.readline() or '{"error": "its supervisor ended"}')
        except OSError as error:
            report = {"error": f"its supervisor does not answer: {error}"}
        if "error" in report:
            self.end()
            raise OSError(0, report["error"])
        self.means, self.number = str(report["means"]), int(report["process"])

    def _write(self, data: bytes, deadline: float | None) -> None:
        """Write to the process's input as fast as it reads; raises TimeoutError at the deadline."""
        stdin, rest = self._stream("stdin").fileno(), memoryview(data)
        poll = select.poll()
        poll.register(stdin, select.POLLOUT)
        while rest:
            left = _left(deadline)
            if not poll.poll(None if left is None else 1000 * left):
                raise TimeoutError("it did not read the question")
            with suppress(BlockingIOError):
                try:
                    rest = rest[os.write(stdin, rest) :]
                except BrokenPipeError:
                    raise self._complete(ProcessEndedError("closed its input")) from None

    def _read_answers(self) -> None:
        """Collect answers; lines that do not begin with a brace are prints."""
        stream, whole = self._stream("stdout"), True
        with suppress(queue.Full):  # too many unexpected answers: the process is not read any further
            while line := stream.readline(LINE_BYTES):
                begins, whole = whole, line.endswith(b"\n")
                if not (begins and line.startswith(b"{")):
                    self._pass_on("stdout", line)
                elif whole:
                    self._lines.put_nowait(line.decode(errors="replace").strip())
                else:
                    self._lines.put_nowait(AnswerError(f"an answer of the method's process {_ENDLESS}"))
                    return
            self._lines.put_nowait(ProcessEndedError("closed its output"))

    def _read_log(self) -> None:
        """Show the process's standard error."""
        while line := self._stream("stderr").readline(2**16):
            self._pass_on("stderr", line)

    def _pass_on(self, stream: str, line: bytes) -> None:
        """Remember a print, and show it within the limit `LOG_BYTES`, both without control characters."""
        text = _CONTROL.sub("", line.decode(errors="replace"))
        self.last_words[stream] = text.strip() or self.last_words[stream]
        if self._log_left > 0:
            self._log_left -= len(line)
            sys.stderr.write(text if self._log_left > 0 else "(more prints of the method are left out)\n")

    def _quoted(self, *streams: str) -> str:
        """The last words on the first of these streams that has any, with a colon; empty if none has."""
        words = next((self.last_words[stream] for stream in streams if self.last_words[stream]), "")
        return f": {short(words, 200)}" if words else ""

    def _complete(self, error: RuntimeError) -> RuntimeError:
        """An error of this process; if the process ended, with the signal or exit code and its last words."""
        if not isinstance(error, ProcessEndedError):
            return error
        try:
            code = self._process.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            return ProcessEndedError(f"the method's process {error} and keeps running")
        for reader in self._readers:
            reader.join(timeout=_LAST_WORDS_S)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return ProcessEndedError(f"the method's process ended by {how}{self._quoted('stderr', 'stdout')}")


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - monotonic(), 0.0)
