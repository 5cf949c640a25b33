"""The process between a job and a method's process: it confines the method, and ends all processes of the method.

`supervised.SupervisedProcess` starts it as a script, isolated and without installed packages, so that only the code of
Python and of this package runs before the method is confined. The job passes on one end of a socket pair. The
supervisor reads its order from it, a line of JSON, and writes its report to it. When the job closes the other end or is
killed, the supervisor kills all processes that the method started and removes the method's folder. When the method's
process ends, the supervisor does the same and ends with the method's signal or exit code. With a limit of memory, it
adds up the memory of all processes of the method four times a second. It answers the method's connections to local
sockets.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sys
from contextlib import suppress
from time import monotonic, sleep
from types import ModuleType
from typing import Any, NoReturn

if __name__ == "__main__":  # isolated: the package is not on the path, and its front door is not needed
    package = ModuleType("bifseg")
    package.__path__ = [os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
    sys.modules["bifseg"] = package

from bifseg.core.landlock import libc
from bifseg.core.local_sockets import LocalSockets
from bifseg.core.process_tree import ProcessTree, memory_above
from bifseg.core.removal import remove_tree
from bifseg.core.sandbox import confine

_END_WITH_PARENT, _ADOPT_ORPHANS, _DROP_CAPABILITY = 1, 36, 24  # options of prctl
_CAPABILITIES = set(range(64)) - {0, 1, 3}
"""Capabilities that root loses: all except for those on files of other users (chown, dac_override, fowner)."""
_COMMAND_S, _END_S, _LOOK_S = 30.0, 5.0, 0.25
"""Processes that still run after `_END_S`, for example those that wait for a dead disk, are left alone."""
_OOM_SCORE = 500
"""From -1000 to 1000; the kernel adds so many thousandths of the machine's memory to what a process takes."""
_OUT_OF_MEMORY = 137
"""Exit code after the processes of the method together exceeded their limit of memory."""


def main() -> NoReturn:
    """Start the ordered command, and end with it or with the job."""
    channel = int(sys.argv[1])
    os.set_inheritable(channel, False)
    order = json.loads(_read_line(channel))
    wake_up = _wake_up_when_children_end()
    _prctl(_ADOPT_ORPHANS, 1)
    reader, writer = socket.socketpair()
    process = os.fork()
    if process == 0:
        reader.close()
        _become(order, writer)
    writer.close()
    _leave_standard_streams()
    report: dict[str, Any] = {"process": process}
    listener = _read_report(reader, report)
    sockets = LocalSockets(listener, order["confine"]["writable"]) if listener >= 0 else None
    os.write(channel, json.dumps(report).encode() + b"\n")
    status = _wait(process, channel, wake_up, order["memory_mb"], sockets)
    if order["at_end"]:
        _run(order["at_end"])
    _end_all()
    remove_tree(order["folder"])
    _end_as(status)


def _read_report(reader: socket.socket, report: dict[str, Any]) -> int:
    """Add the new process's messages to the report, and return the descriptor of its local sockets, -1 without any."""
    content, listener = b"", -1
    while True:
        part, descriptors, _, _ = socket.recv_fds(reader, 2**16, 1)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
            listener = descriptor
        content += part
        if not part:
            break
    for line in filter(None, content.splitlines()):
        report |= json.loads(line)
    return listener


def _become(order: dict[str, Any], report: socket.socket) -> NoReturn:
    """Confine this new process and turn it into the command."""
    try:
        os.setsid()
        _prctl(_END_WITH_PARENT, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _offer_to_be_killed()
        if order["memory_mb"]:
            most = int(order["memory_mb"] * 2**20)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        means = "none"
        if order["confine"]:
            for capability in _CAPABILITIES:
                _prctl(_DROP_CAPABILITY, capability)
            means = confine(
                **order["confine"], hand_over=lambda listener: socket.send_fds(report, [b"\n"], [listener])
            )
        report.sendall(json.dumps({"means": means}).encode() + b"\n")
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvp(order["command"][0], order["command"])
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        report.sendall(json.dumps({"error": reason or type(error).__name__}).encode() + b"\n")
    finally:
        os._exit(127)


def _offer_to_be_killed() -> None:
    """If the machine runs out of memory, the kernel ends this process and its children rather than the job."""
    path = "/proc/self/oom_score_adj"
    with suppress(OSError, ValueError), open(path, "r+", encoding="ascii") as stream:
        score = max(int(stream.read()), _OOM_SCORE)
        stream.seek(0)
        stream.write(f"{score}")


def _wait(
    process: int, channel: int, wake_up: int, memory_mb: float | None, sockets: LocalSockets | None
) -> int | None:
    """The wait status of the process once it ends or exceeds its memory; None when the job closes the channel first."""
    tree = ProcessTree()
    streams: list[int | LocalSockets] = [channel, wake_up, *([sockets] if sockets else [])]
    while True:
        ready, _, _ = select.select(streams, [], [], _LOOK_S if memory_mb else None)
        if wake_up in ready:
            os.read(wake_up, 512)
        status = _reap(process)
        if status is not None or channel in ready:
            return status
        if sockets and sockets in ready:
            sockets.answer()
        if memory_mb and _exceeds(tree, memory_mb):
            return _OUT_OF_MEMORY << 8


def _exceeds(tree: ProcessTree, memory_mb: float) -> bool:
    """Whether all processes of the method exceed their limit; then their standard error says so."""
    processes = tree.numbers()
    taken = memory_above(processes, memory_mb * 2**20)
    if taken:
        reason = (
            f"cannot allocate more: its {len(processes)} processes took {taken / 2**20:.0f} MiB, "
            f"{memory_mb:g} MiB are allowed"
        )
        with suppress(OSError):  # nobody reads any more
            os.write(2, f"{reason}\n".encode())
    return taken > 0


def _reap(process: int) -> int | None:
    """The wait status of the process, None while it runs; reaps other children that ended."""
    status = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == process:
                status = ended[1]
    return status


def _run(command: list[str]) -> None:
    """Run a command for at most `_COMMAND_S` seconds; its failure is ignored."""
    child = os.fork()
    if child == 0:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.execvp(command[0], command)
        finally:
            os._exit(127)
    end = monotonic() + _COMMAND_S
    while os.waitpid(child, os.WNOHANG) == (0, 0) and monotonic() < end:
        sleep(0.01)


def _end_all() -> None:
    """Kill all processes of the method, repeatedly, since they may start others before they die."""
    end, tree = monotonic() + _END_S, ProcessTree()
    while _has_children() and monotonic() < end:
        for process in tree.numbers():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        sleep(0.002)


def _has_children() -> bool:
    """Whether any child is left, after those that ended are reaped."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _end_as(status: int | None) -> NoReturn:
    """End by the signal or the exit code of a wait status."""
    code = 1 if status is None else os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if code != -signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _wake_up_when_children_end() -> int:
    """A stream that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def _leave_standard_streams() -> None:
    """Close this process's ends of the method's input and output, so that the job sees when it closes its own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(2):
        os.dup2(nothing, stream)


def _prctl(option: int, argument: int) -> None:
    if sys.platform == "linux":
        libc().prctl(option, argument, 0, 0, 0)


def _read_line(stream: int) -> bytes:
    """The bytes up to and including the first newline, or until the stream ends."""
    content = b""
    while not content.endswith(b"\n") and (part := os.read(stream, 2**16)):
        content += part
    return content


if __name__ == "__main__":
    main()
