"""Processes whose parent was killed: nobody would end them, or remove what they share."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import sleep, time

_NEW_S = 60.0
"""A folder that is so young may not be locked yet."""


def end_with(parent: int, folder: Path | None = None) -> None:
    """End this process, even in the midst of its work, within a second or so of the end of its parent.

    Args:
        parent: process number of the parent.
        folder: removed then.
    """

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class OwnFolder:
    """A temporary folder of this process, locked (flock) while the process lives.

    Those of processes that ended without a word, as all of a node that went down, are removed first.

    Attributes:
        path: of the folder.
    """

    def __init__(self) -> None:
        for left in Path(tempfile.gettempdir()).glob("bifseg-????????.own"):
            _remove_left(left)
        self.path = Path(tempfile.mkdtemp(prefix="bifseg-", suffix=".own"))
        self._lock = os.open(self.path, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks; there nothing is removed either
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _remove_left(folder: Path) -> None:
    with suppress(OSError), _opened(folder) as handle:
        if time() - os.fstat(handle).st_mtime > _NEW_S:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
