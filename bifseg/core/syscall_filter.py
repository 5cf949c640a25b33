"""A seccomp filter of the system calls that Landlock does not cover.

It denies:

- the network apart from TCP, and local sockets outside of the process's own folder;
- changes of the mode, owner or times of files elsewhere;
- changes of the resource limits and priorities of other processes;
- memory and messages that outlive the process (System V, POSIX, keys), and the watching of files;
- signals to the processes above the confined one, if Landlock has no scopes (before Linux 6.12).

A change of mode, owner or times by a path, or of the processors of another process or thread, seems to succeed but does
nothing, so that copying a file and starting a thread still work.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bifseg.core.landlock import NO_NEW_PRIVILEGES, libc
from bifseg.core.process_tree import parent_of

LOAD, AND, JUMP_IF_EQUAL, JUMP_IF_BIT, RETURN = 0x20, 0x54, 0x15, 0x45, 0x06  # instructions of classic BPF
ALLOW, PASS_ON, FAIL = 0x7FFF0000, 0x7FC00000, 0x00050000
PRETEND, EPERM, ENOSYS, EACCES = FAIL, FAIL | 1, FAIL | 38, FAIL | 13
NUMBER_AT, MACHINE_AT, FIRST_ARGUMENT_AT, SECOND_ARGUMENT_AT, THIRD_ARGUMENT_AT = 0, 4, 16, 24, 32
X32 = 0x40000000
SET_FILTER, SPECULATION_ALLOWED = 1, 4
NEW_LISTENER, WAITS_UNTIL_KILLED = 8, 32
AF_UNIX, STREAM, PACKETS, KIND_OF_SOCKET = 1, 1, 5, 0xF


class Machine(NamedTuple):
    """Numbers of system calls on one kind of machine.

    Attributes:
        audit: number by which a filter recognises the machine.
        seccomp: installs a filter.
        sockets: calls that open a socket or a pair of them.
        connect: connects a socket.
        prlimit: changes the limits of a process.
        utimensat: changes a file's times.
        pretended: calls that change a file's mode, owner, times or attributes; they do nothing and return 0.
        signals: calls that send a signal to, or open, the process in their first argument.
        lasting: calls that keep memory, messages or keys which another session could read, watch files, or make the
            supervisor wait when it reads the process's memory (userfaultfd).
        scheduling: calls that change how the process in their first argument runs; for another one they do nothing.
        priorities: calls that change the priority of the process or group in their second argument.
    """

    audit: int
    seccomp: int
    sockets: tuple[int, ...]
    connect: int
    prlimit: int
    utimensat: int
    pretended: tuple[int, ...]
    signals: tuple[int, ...]
    lasting: tuple[int, ...]
    scheduling: tuple[int, ...]
    priorities: tuple[int, ...]


NEW = (452, 463, 466, 469)  # fchmodat2, setxattrat, removexattrat, file_setattr: the same everywhere
IO_URING_SETUP, PIDFD_SEND_SIGNAL, PIDFD_OPEN = 425, 424, 434
MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        317,
        (41, 53),
        42,
        302,
        280,
        (90, 91, 92, 93, 94, 132, 188, 189, 190, 197, 198, 199, 235, 260, 261, 268, *NEW),
        (62, 129, 200, 234, 297, PIDFD_OPEN),
        (29, 64, 68, 240, 248, 249, 250, 254, 301, 323),
        (142, 144, 203, 314),
        (141, 251),
    ),
    "aarch64": Machine(
        0xC00000B7,
        277,
        (198, 199),
        203,
        261,
        88,
        (5, 6, 7, 14, 15, 16, 52, 53, 54, 55, *NEW),
        (129, 130, 131, 138, 240, PIDFD_OPEN),
        (180, 186, 190, 194, 217, 218, 219, 27, 263, 282),
        (118, 119, 122, 274),
        (140, 30),
    ),
}


def install_filter(
    network: bool = False,
    signals: bool = False,
    protected: Iterable[int] = (),
    hand_over: Callable[[int], object] | None = None,
) -> bool:
    """Filter this thread's system calls from now on.

    Args:
        network: whether all sockets and connections are allowed; if not, only connected ones within the machine
            (AF_UNIX) can be opened.
        signals: whether signals to all processes are allowed.
        protected: numbers of processes that get no signal, in addition to those above this one; no effect if `signals`.
        hand_over: gets the descriptor for `local_sockets.LocalSockets`, which then answers each connection. If it is
            None or the kernel cannot pass connections on, all are denied, unless `network`.

    Returns:
        False if the machine or the kernel is not supported; then nothing is filtered.
    """
    machine = MACHINES.get(os.uname().machine)
    if sys.platform != "linux" or machine is None or sys.maxsize < 2**32:
        return False
    guarded = () if signals else (*protected, *processes_above())
    libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0)

    def install(connect: int, flags: int) -> int:
        code = b"".join(struct.pack("=HBBI", *line) for line in _program(machine, connect, guarded))
        program = ctypes.create_string_buffer(code, len(code))
        filter_ = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
        return int(libc().syscall(machine.seccomp, SET_FILTER, SPECULATION_ALLOWED | flags, filter_))

    if hand_over and not network:
        for flags in (NEW_LISTENER | WAITS_UNTIL_KILLED, NEW_LISTENER):
            listener = install(PASS_ON, flags)
            if listener >= 0:
                hand_over(listener)
                return True
    return install(ALLOW if network else EACCES, 0) == 0


def processes_above() -> tuple[int, ...]:
    """The processes above this one.

    Returns:
        Process numbers of the parent, its parent, and so on.
    """
    above: list[int] = []
    process: int | None = os.getppid()
    while process:
        above.append(process)
        process = parent_of(process)
    return tuple(above)


Line = tuple[int, int, int, int]


def _program(machine: Machine, connect: int, guarded: tuple[int, ...]) -> Iterator[Line]:
    """Instructions: (operation, lines to skip if true, lines to skip if not, number)."""
    yield (LOAD, 0, 0, MACHINE_AT)
    yield (JUMP_IF_EQUAL, 1, 0, machine.audit)
    yield (RETURN, 0, 0, EPERM)
    yield (LOAD, 0, 0, NUMBER_AT)
    if machine.audit == MACHINES["x86_64"].audit:
        yield from ((JUMP_IF_BIT, 0, 1, X32), (RETURN, 0, 0, EPERM))
    for number in machine.pretended:
        yield from _if(number, [(RETURN, 0, 0, PRETEND)])
    yield from _if(machine.utimensat, _unless_opened_or_now())
    yield from _if(IO_URING_SETUP, [(RETURN, 0, 0, ENOSYS)])  # its operations pass no filter
    yield from _if(machine.prlimit, _by_argument([0], ALLOW, EPERM))
    for number in machine.lasting:
        yield from _if(number, [(RETURN, 0, 0, EACCES)])
    for number in machine.scheduling:
        yield from _if(number, _by_argument([0], ALLOW, PRETEND))
    for number, kinds in zip(machine.priorities, ([0, 1], [1, 2]), strict=True):
        yield from _if(number, _unless_own(kinds))
    if connect != ALLOW:
        yield from _if(machine.connect, [(RETURN, 0, 0, connect)])
        for number in machine.sockets:
            yield from _if(number, _unless_connected_and_local())
    if guarded:
        targets = [0xFFFFFFFF, *guarded, *(2**32 - process for process in guarded if process > 1)]
        for number in machine.signals:
            yield from _if(number, _by_argument(targets, EPERM, ALLOW))
        yield from _if(PIDFD_SEND_SIGNAL, [(RETURN, 0, 0, EPERM)])
    yield (RETURN, 0, 0, ALLOW)


def _if(number: int, lines: list[Line]) -> list[Line]:
    """The instructions for one system call; `lines` end in a return."""
    return [(JUMP_IF_EQUAL, 0, len(lines), number), *lines]


def _by_argument(values: list[int], listed: int, others: int) -> list[Line]:
    """The action `listed` for a call with one of these values as its first argument, and `others` for all others."""
    tests = [(JUMP_IF_EQUAL, len(values) - k, 0, value) for k, value in enumerate(values)]
    return [(LOAD, 0, 0, FIRST_ARGUMENT_AT), *tests, (RETURN, 0, 0, others), (RETURN, 0, 0, listed)]


def _unless_connected_and_local() -> list[Line]:
    """The rules of sockets: local ones that must connect, for a datagram can be sent to any address."""
    deny = (RETURN, 0, 0, EACCES)
    family = [(LOAD, 0, 0, FIRST_ARGUMENT_AT), (JUMP_IF_EQUAL, 1, 0, AF_UNIX), deny]
    kind = [(LOAD, 0, 0, SECOND_ARGUMENT_AT), (AND, 0, 0, KIND_OF_SOCKET)]
    tests = [(JUMP_IF_EQUAL, 2, 0, STREAM), (JUMP_IF_EQUAL, 1, 0, PACKETS)]
    return [*family, *kind, *tests, deny, (RETURN, 0, 0, ALLOW)]


def _unless_own(kinds: list[int]) -> list[Line]:
    """The rules of setpriority and ioprio_set: own process (0) or group (0); not all processes of the user."""
    own = [(LOAD, 0, 0, SECOND_ARGUMENT_AT), (JUMP_IF_EQUAL, 1, 0, 0), (RETURN, 0, 0, EPERM)]
    return [*own, *_by_argument(kinds, ALLOW, EPERM)]


def _unless_opened_or_now() -> list[Line]:
    """The rules of utimensat: allow it for an open file (no path), deny the present time (no times), pretend others."""
    return [  # Python's `touch` opens the file when the present time is denied
        *_if_pointer_is_null(SECOND_ARGUMENT_AT, ALLOW),
        *_if_pointer_is_null(THIRD_ARGUMENT_AT, EPERM),
        (RETURN, 0, 0, PRETEND),
    ]


def _if_pointer_is_null(at: int, action: int) -> list[Line]:
    halves = [(LOAD, 0, 0, at), (JUMP_IF_EQUAL, 0, 3, 0), (LOAD, 0, 0, at + 4), (JUMP_IF_EQUAL, 0, 1, 0)]
    return [*halves, (RETURN, 0, 0, action)]
