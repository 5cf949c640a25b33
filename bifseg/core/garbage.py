"""Python's garbage collector, kept from searching imported modules, which are most of what a process has."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def many_imports() -> Iterator[None]:
    """A context for imports: garbage is not collected meanwhile, and what is in memory at its end is never searched."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
