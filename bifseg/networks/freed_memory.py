"""Memory of freed arrays that the process keeps for its next ones."""

from __future__ import annotations

import ctypes
import os

_MOST = 2**28
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of malloc.h


def keep_freed_memory() -> None:
    """Let glibc keep freed memory, up to 256 MiB, and take arrays of up to 256 MiB from it.

    Otherwise each array of more than 32 MiB is new memory, which the system clears page by page: half of the time of 3D
    networks at the paper's size (benchmarks/README.md). Trainings do not call it: their memory rose. Nothing changes
    with another C library, or where the user has set `GLIBC_TUNABLES` or a variable `MALLOC_..._`.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt") and not any(v.startswith(("GLIBC_TUNABLES", "MALLOC_")) for v in os.environ):
        libc.mallopt(_TRIM_THRESHOLD, _MOST)
        libc.mallopt(_MMAP_THRESHOLD, _MOST)
