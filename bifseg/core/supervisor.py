"""The process between a job and a method's process: it confines the method, and ends all processes of the method.

`supervised.SupervisedProcess` starts it as a script, isolated and without installed packages, so that only the code of
Python and of this package runs before the method is confined. The job passes on one end of a socket pair. The
supervisor reads its order from it, a line of JSON, and writes its report to it. When the job closes the other end or is
killed, the supervisor kills all processes that the method started and removes the method's folder. When the method's
process ends, the supervisor does the same and ends with the method's signal or exit code.
"""

from __future__ import annotations

import json
import os
import resource
import select
import shutil
import signal
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
from bifseg.core.sandbox import confine

_END_WITH_PARENT, _ADOPT_ORPHANS, _DROP_CAPABILITY = 1, 36, 24  # options of prctl
_CAPABILITIES = set(range(64)) - {0, 1, 3}
"""Capabilities that root loses: all except for those on files of other users (chown, dac_override, fowner)."""
_END_S = 5.0
"""Processes that still run then, for example those that wait for a dead disk, are left alone."""


def main() -> NoReturn:
    """Start the ordered command, and end with it or with the job."""
    channel = int(sys.argv[1])
    os.set_inheritable(channel, False)
    order = json.loads(_read_until(channel, b"\n"))
    wake_up = _wake_up_when_children_end()
    _prctl(_ADOPT_ORPHANS, 1)
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        _become(order, writer)
    os.close(writer)
    _leave_standard_streams()
    report: dict[str, Any] = {"process": process}
    for line in _read_until(reader, b"").splitlines():
        report |= json.loads(line)
    os.write(channel, json.dumps(report).encode() + b"\n")
    status = _wait(process, channel, wake_up)
    _end_all()
    shutil.rmtree(order["folder"], ignore_errors=True)
    _end_as(status)


def _become(order: dict[str, Any], report: int) -> NoReturn:
    """Confine this new process and turn it into the command."""
    try:
        os.setsid()
        _prctl(_END_WITH_PARENT, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if order["memory_mb"]:
            most = int(order["memory_mb"] * 2**20)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        means = "none"
        if order["confine"]:
            for capability in _CAPABILITIES:
                _prctl(_DROP_CAPABILITY, capability)
            means = confine(**order["confine"])
        os.write(report, json.dumps({"means": means}).encode() + b"\n")
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.execvp(order["command"][0], order["command"])
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        os.write(report, json.dumps({"error": reason or type(error).__name__}).encode() + b"\n")
    finally:
        os._exit(127)


def _wait(process: int, channel: int, wake_up: int) -> int | None:
    """The wait status of the process once it ends; None when the job closes the channel first."""
    while True:
        ready, _, _ = select.select([channel, wake_up], [], [])
        if wake_up in ready:
            os.read(wake_up, 512)
        status = _reap(process)
        if status is not None or channel in ready:
            return status


def _reap(process: int) -> int | None:
    """The wait status of the process, None while it runs; reaps other children that ended."""
    status = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == process:
                status = ended[1]
    return status


def _end_all() -> None:
    """Kill all children, again and again, since children of killed processes become this one's."""
    end = monotonic() + _END_S
    while (children := _children()) and monotonic() < end:
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        _reap(0)
        sleep(0.002)


def _children() -> list[int]:
    """The process numbers of this process's children, including those that ended."""
    children = []
    for name in filter(str.isdigit, os.listdir("/proc") if sys.platform == "linux" else ()):
        with suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stream:
            if int(stream.read().rpartition(b")")[2].split()[1]) == os.getpid():
                children.append(int(name))
    return children


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
    """Close this process's ends of the method's streams, so that the job sees when the method closes its own."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)


def _prctl(option: int, argument: int) -> None:
    if sys.platform == "linux":
        libc().prctl(option, argument, 0, 0, 0)


def _read_until(stream: int, end: bytes) -> bytes:
    """The bytes up to and including `end`, or until the stream ends."""
    content = b""
    while not (end and content.endswith(end)) and (part := os.read(stream, 2**16)):
        content += part
    return content


if __name__ == "__main__":
    main()
