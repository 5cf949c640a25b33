"""Linux's Landlock: limits the files, signals and TCP connections of a process and its children.

It needs no privilege and cannot be undone. Landlock's rules can allow but not forbid. So we walk down the path to each
hidden folder and allow reading of everything else on each level; the folders on the path itself can only be listed.
Writing is allowed in the process's own folder alone.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Iterator

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on all machines
NO_NEW_PRIVILEGES = 38  # option of prctl
PATH_BENEATH, GET_VERSION = 1, 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_REG, MAKE_BLOCK, REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in (6, 8, 11, 13, 14, 15))
READ = EXECUTE | READ_FILE | READ_DIR
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""Rights that Landlock accepts in a rule on a file."""
DEVICE_RIGHTS, SHARED_MEMORY_RIGHTS = WRITE_FILE | IOCTL_DEV, WRITE_FILE | MAKE_REG | REMOVE_FILE | TRUNCATE
"""Rights in addition to reading: multiprocessing keeps its locks in shared memory."""
DEVICES = ("null", "zero", "full", "random", "urandom")
ACCELERATORS = (
    "nvidia",
    "dri",
    "kfd",
    "accel",
    "dxg",
    "infiniband",
    "davinci",
    "hisi",
    "devmm",
    "habana",
    "neuron",
)
"""Devices that methods may use, by name (`DEVICES`) or by the beginning of it; not disks, or terminals with what is
typed there."""
TCP_BIND_AND_CONNECT, SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 3, 1, 2


def landlock_version() -> int:
    """The version of Landlock that this kernel offers.

    Returns:
        0 if it offers none (before Linux 5.13, or not Linux).
    """
    return max(_syscall(CREATE_RULESET, None, 0, GET_VERSION), 0) if sys.platform == "linux" else 0


def restrict(
    version: int, hidden: Iterable[str], writable: str, readable: Iterable[str] = (), network: bool = False
) -> None:
    """Restrict the calling thread, and the threads and processes that it starts later.

    Args:
        version: version of Landlock, at most `landlock_version()`.
        hidden: folders whose content cannot be read, by any path that leads into them when this is called.
        writable: the only folder in which files can be written.
        readable: files inside hidden folders that can still be read.
        network: whether TCP connections are allowed; versions before 4 cannot deny them.

    Raises:
        OSError: the kernel refused.
    """
    hidden = set(map(os.path.realpath, hidden))
    handled = (1 << (13, 14, 15, 15, 16)[min(version, 5) - 1]) - 1
    fields = [handled]
    if version >= 4:
        fields.append(0 if network else TCP_BIND_AND_CONNECT)
    if version >= 6:
        fields.append(SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _checked(_syscall(CREATE_RULESET, attributes, len(attributes), 0))
    for path, rights in rules(hidden, writable, readable):
        _allow(ruleset, path, rights & handled)
    _checked(libc().prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_syscall(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def rules(hidden: Iterable[str], writable: str, readable: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The rules of `restrict`; Landlock adds up the rights of all rules on a path and denies all others.

    Args:
        hidden: real paths of folders whose content cannot be read.
        writable: the only folder in which files can be written.
        readable: files inside hidden folders that can still be read.

    Yields:
        A path, and the rights on it and everything below it as bits.
    """
    hidden = {path for folder in hidden for path in (folder, *bind_mounts(folder))}
    path_to = {"/", "/dev", *(parent for folder in hidden for parent in _parents(folder))} - hidden
    for folder in path_to:
        yield folder, READ_DIR
        for path in _inside(folder) - path_to - hidden:
            if folder != "/dev" or path == "/dev/shm" or _is_open_device(path):
                yield path, READ
    yield from ((path, READ) for path in readable)
    yield from ((path, DEVICE_RIGHTS) for path in _inside("/dev") - hidden if _is_open_device(path))
    if "/dev/shm" not in path_to | hidden:
        yield "/dev/shm", SHARED_MEMORY_RIGHTS
    yield os.path.realpath(writable), ~(MAKE_CHAR | MAKE_BLOCK)


def bind_mounts(folder: str) -> set[str]:
    """The other paths to a folder, or into it, through mounts of the same file system.

    Args:
        folder: a real path.

    Returns:
        Absolute paths; none on other systems than Linux.
    """
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
            mounts = [line.split()[2:5] for line in stream]
    except FileNotFoundError:  # not Linux
        return set()
    known = [(device, *(_unescaped(word) for word in words)) for device, *words in mounts]
    around = [mount for mount in known if _is_within(folder, mount[2])]
    if not around:
        return set()
    device, root, point = max(around, key=lambda mount: len(mount[2]))
    place = os.path.normpath(os.path.join(root, os.path.relpath(folder, point)))
    aliases = set()
    for other, other_root, other_point in known:
        if other == device and _is_within(place, other_root):
            aliases.add(os.path.normpath(os.path.join(other_point, os.path.relpath(place, other_root))))
        elif other == device and _is_within(other_root, place):
            aliases.add(other_point)
    return aliases - {folder}


def _unescaped(word: str) -> str:
    """A path of mountinfo, which has octal codes for blanks, tabs, newlines and backslashes."""
    for code in (r"\040", r"\011", r"\012", r"\134"):
        word = word.replace(code, chr(int(code[1:], 8)))
    return word


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _parents(folder: str) -> Iterator[str]:
    while folder != "/":
        folder = os.path.dirname(folder)
        yield folder


def _inside(folder: str) -> set[str]:
    """The paths in a folder, except for links, which may lead into a hidden folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.path for entry in entries if not entry.is_symlink()}
    except OSError:
        return set()


def _is_open_device(path: str) -> bool:
    name = os.path.basename(path)
    return name in DEVICES or name.startswith(ACCELERATORS)


def _allow(ruleset: int, path: str, rights: int) -> None:
    """Add a rule for a path if it can be opened."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # removed meanwhile, or not accessible: without a rule it is denied
        return
    try:
        allowed = rights if os.path.isdir(f"/proc/self/fd/{handle}") else rights & FILE_RIGHTS
        if allowed:
            _checked(_syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", allowed, handle), 0))
    finally:
        os.close(handle)


def _syscall(number: int, *arguments: object) -> int:
    return int(libc().syscall(number, *arguments))


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock: {os.strerror(code)}")
    return result


def libc() -> ctypes.CDLL:
    """The C library.

    Returns:
        A handle whose error numbers `ctypes.get_errno` gives.
    """
    return ctypes.CDLL(None, use_errno=True)
