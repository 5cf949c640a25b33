"""Confinement of a process: hidden folders, no writing outside its own folder, no network, no other processes.

It uses Linux's Landlock and a filter of system calls, each as far as the kernel offers it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.core.landlock import landlock_version, restrict
from bifseg.core.syscall_filter import install_filter

SIGNALS_SINCE = 6
"""First version of Landlock that keeps signals within a process and its children."""
MODULE_VARIABLES = ("PYTHONPATH", "BIFSEG_PATH")
"""Environment variables with folders of plug-ins. Python itself also reads the first one."""
ENGINES = frozenset({"podman", "docker", "apptainer"})
"""Means of confinement of programs in containers, which see only their own folder."""


def supported() -> bool:
    """Whether this kernel can hide folders from a process.

    Returns:
        True on Linux 5.13 and later, unless Landlock is switched off.
    """
    return landlock_version() > 0


def hides_truth(means: str) -> bool:
    """Whether means of confinement keep a method from the cohort's files.

    Args:
        means: as `confine` returns them, or the engine of a container.

    Returns:
        True for Landlock and containers.
    """
    return means.startswith("landlock") or means in ENGINES


def module_folders() -> list[Path]:
    """The folders of plug-ins: those of PYTHONPATH and BIFSEG_PATH.

    Returns:
        Absolute paths, each once, in the order of the variables.
    """
    words = [word for name in MODULE_VARIABLES for word in os.environ.get(name, "").split(os.pathsep)]
    return list(dict.fromkeys(Path(word).absolute() for word in words if word))


def import_from_module_folders() -> None:
    """Allow the import of plug-ins, but never in place of an installed module or one of Python's own.

    The folders of plug-ins move to the end of `sys.path`. The current folder, which `python -m` puts first, is removed.
    """
    folders = list(map(str, module_folders()))
    first = sys.path[:1] if sys.path[:1] not in ([""], [os.getcwd()]) else []
    sys.path[:] = [path for path in [*first, *sys.path[1:]] if path not in folders] + folders


def check_readable(hidden: Iterable[Path], *needed: Path) -> None:
    """Check that no hidden folder contains anything that a method needs to read.

    Args:
        hidden: folders that methods cannot read.
        *needed: files or folders that they need, in addition to Python, bifseg and the folders of plug-ins.

    Raises:
        InputError: a hidden folder contains one of them.
    """
    places = [place.resolve() for place in hidden]
    own = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parent)
    for path in (*needed, *own, *module_folders()):
        for place in places:
            if path.resolve().is_relative_to(place):
                raise InputError(
                    f"{place}: methods cannot read it, but {path.absolute()} lies in it; keep images and results in "
                    "folders of their own, apart from code"
                )


def confine(
    hidden: Iterable[str],
    writable: str,
    readable: Iterable[str] = (),
    network: bool = False,
    landlock: int | None = None,
    seccomp: bool = True,
    hand_over: Callable[[int], object] | None = None,
) -> str:
    """Confine this process and its children permanently.

    Args:
        hidden: folders whose content cannot be read.
        writable: the only folder in which files can be written, apart from devices and shared memory.
        readable: files inside hidden folders that can still be read.
        network: whether the process may use the network.
        landlock: highest version of Landlock to use; None: the kernel's.
        seccomp: whether to filter system calls.
        hand_over: gets the descriptor for `local_sockets.LocalSockets`; None: the process connects to no local socket.

    Returns:
        The means of confinement, for example `landlock-7+seccomp`; `none` if the kernel offers nothing.

    Raises:
        RuntimeError: the process has more than one thread, and only this one would be confined.
        OSError: the kernel offers Landlock and refuses it.
    """
    threads = _threads()
    if threads > 1:
        raise RuntimeError(f"the process has {threads} threads, and only one of them would be confined")
    version = landlock_version() if landlock is None else min(landlock, landlock_version())
    means = []
    if version:
        restrict(version, hidden, writable, readable, network)
        means.append(f"landlock-{version}")
    if seccomp and install_filter(network, signals=version >= SIGNALS_SINCE, hand_over=hand_over):
        means.append("seccomp")
    return "+".join(means) or "none"


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:  # not Linux
        return 1
