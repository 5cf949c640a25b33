"""Connections of a confined process to local sockets: those in its own folder, and no others.

A filter of system calls cannot read the address that a process connects to. It passes on the call (seccomp's user
notification, Linux 5.6), and the supervisor connects in the process's place: to the socket that it has opened itself
below the folder, without following links, so that the process cannot change the address after the check.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from contextlib import suppress
from time import sleep

from bifseg.core.landlock import libc

RECEIVE, SEND, IS_VALID = 0xC0502100, 0xC0182101, 0x40082102  # seccomp's requests of ioctl
OPENAT2, PIDFD_GETFD = 437, 438  # system calls, the same on all machines
NO_LINKS, BENEATH = 0x04, 0x08
_NOTIFICATION_BYTES, _ARGUMENTS_AT, _ADDRESS_BYTES = 80, 32, 110
_TRIES, _WAIT_S = 20, 0.01
"""If a socket's queue is full we try again, but the supervisor must not wait for long."""


class LocalSockets:
    """Answers to the calls of `connect` that a filter passed on.

    Args:
        listener: descriptor that the filter gave.
        folder: the only folder that has sockets for the process.
    """

    def __init__(self, listener: int, folder: str) -> None:
        self._listener, self._folders = listener, {folder, os.path.realpath(folder)}
        self._handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor that becomes readable when a process connects.

        Returns:
            Its number.
        """
        return self._listener

    def answer(self) -> None:
        """Connect the process that waits, or refuse it with the error number of its `connect`."""
        request = bytearray(_NOTIFICATION_BYTES)
        with suppress(OSError):  # the process ended meanwhile
            fcntl.ioctl(self._listener, RECEIVE, request)
            number, thread = struct.unpack_from("=QI", request)
            try:
                self._connect(number, thread, *struct.unpack_from("=3Q", request, _ARGUMENTS_AT))
                code = 0
            except Exception as error:  # whatever a foreign process passes must not end its supervisor
                code = getattr(error, "errno", None) or errno.EACCES
            fcntl.ioctl(self._listener, SEND, struct.pack("=QqiI", number, 0, -code, 0))

    def _connect(self, number: int, thread: int, descriptor: int, address: int, length: int) -> None:
        """Connect a copy of the process's socket to the socket that its address names; raises OSError if it may not."""
        path = self._path(thread, address, length)
        target = _open_below(self._handle, path)
        try:
            with socket.socket(fileno=_copy(thread, descriptor)) as own:
                # Another process may have got the number of one that ended; then this raises.
                fcntl.ioctl(self._listener, IS_VALID, struct.pack("=Q", number))
                blocking = os.get_blocking(own.fileno())
                os.set_blocking(own.fileno(), False)
                try:
                    _connect_soon(own, f"/proc/self/fd/{target}")
                finally:
                    os.set_blocking(own.fileno(), blocking)
        finally:
            os.close(target)

    def _path(self, thread: int, address: int, length: int) -> str:
        """The path below the folder in a process's address; raises PermissionError for any other address."""
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            content = memory.read(min(length, _ADDRESS_BYTES))
        family, name = content[:2], content[2:].split(b"\0")[0]
        if family == struct.pack("=H", socket.AF_UNIX) and name:
            path = os.path.join(os.readlink(f"/proc/{thread}/cwd"), os.fsdecode(name))
            for folder in self._folders:
                if path.startswith(f"{folder}/"):
                    return path[len(folder) + 1 :]
        raise PermissionError(errno.EACCES, "not a socket of its own folder")


def _open_below(folder: int, path: str) -> int:
    how = struct.pack("=3Q", os.O_PATH | os.O_CLOEXEC, 0, NO_LINKS | BENEATH)
    return _called(OPENAT2, folder, os.fsencode(path), how, len(how))


def _copy(thread: int, descriptor: int) -> int:
    """A copy of another process's descriptor."""
    with open(f"/proc/{thread}/status", encoding="utf-8", errors="replace") as stream:
        process = next(int(line.split()[1]) for line in stream if line.startswith("Tgid:"))
    handle = os.pidfd_open(process)
    try:
        return _called(PIDFD_GETFD, handle, descriptor, 0)
    finally:
        os.close(handle)


def _connect_soon(own: socket.socket, path: str) -> None:
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            own.connect(path)
            return
        sleep(_WAIT_S)
    raise BlockingIOError(errno.EAGAIN, "its queue is full")


def _called(number: int, *arguments: int | bytes) -> int:
    words = (ctypes.c_long(word) if isinstance(word, int) else word for word in arguments)
    result = int(libc().syscall(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result
