"""What a process cannot reach: folders that are hidden, folders that are not its own, the network, other processes.

The means are Linux's Landlock and a filter of system calls; each does what the kernel offers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from bifseg.core.errors import InputError
from bifseg.core.landlock import landlock_version, restrict
from bifseg.core.syscall_filter import install_filter

SIGNALS_SINCE = 6
"""The version of Landlock that keeps signals within a process and what it starts."""
MODULE_VARIABLES = ("PYTHONPATH", "BIFSEG_PATH")
"""Environment variables with folders of plug-ins. Python itself reads the first one too, wherever it is started."""


def supported() -> bool:
    """Whether this kernel can hide folders from a process (Linux 5.13 and later, unless Landlock was left out)."""
    return landlock_version() > 0


def module_folders() -> list[Path]:
    """The absolute folders of plug-ins: those of PYTHONPATH and BIFSEG_PATH, each once."""
    words = [word for name in MODULE_VARIABLES for word in os.environ.get(name, "").split(os.pathsep)]
    return list(dict.fromkeys(Path(word).absolute() for word in words if word))


def import_from_module_folders() -> None:
    """Let modules of plug-ins be imported, but none in place of Python's own or an installed one.

    The folders go behind all others, and the current folder, from which `python -m` imports first, goes.
    """
    folders = list(map(str, module_folders()))
    first = sys.path[:1] if sys.path[:1] not in ([""], [os.getcwd()]) else []
    sys.path[:] = [path for path in [*first, *sys.path[1:]] if path not in folders] + folders


def check_readable(hidden: Iterable[Path], *needed: Path) -> None:
    """Raise InputError where a hidden folder holds Python, bifseg, a folder of plug-ins, or one of `needed`."""
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
) -> str:
    """Confine this process and all that it starts, for good.

    Args:
        hidden: folders of which nothing can be read.
        writable: the one folder in which files can be written, beside devices and shared memory.
        readable: files inside hidden folders that can be read all the same.
        network: whether the process may use the network.
        landlock: highest version of Landlock to use; None: the kernel's.
        seccomp: whether to filter system calls.

    Returns:
        By what it is confined: for example `landlock-7+seccomp`; `none` where the kernel offers nothing.

    Raises:
        RuntimeError: the process has more than one thread; the others would stay free.
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
    if seccomp and install_filter(network, signals=version >= SIGNALS_SINCE):
        means.append("seccomp")
    return "+".join(means) or "none"


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:  # not Linux
        return 1
