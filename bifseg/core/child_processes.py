"""Processes whose parent was killed, and the temporary folders of processes."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import sleep, time

_NEW_S = 60.0
"""A folder that is so young may not be locked yet."""


def end_with(parent: int) -> None:
    """End this process, even in the midst of its work, within a second or so of the end of its parent."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


class OwnFolder:
    """A temporary folder of this process, locked (flock) while the process lives.

    Making one removes those of processes that were killed, as by a node that went down.

    Attributes:
        path: the folder, in which only this process writes.
        shared: a folder in it, in which another process works.
    """

    def __init__(self) -> None:
        for abandoned in own_folders():
            _remove_abandoned(abandoned)
        self.path = Path(tempfile.mkdtemp(prefix="bifseg-", suffix=".own"))
        self.shared = self.path / "shared"
        self.shared.mkdir()
        self._lock, self._shared = os.open(self.path, os.O_RDONLY), os.open(self.shared, os.O_RDONLY)
        with suppress(OSError):  # a file system without locks; there nothing is removed either
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def share(self, name: str) -> None:
        """Move a file of `path` into `shared`, in place of a file or link of that name; no link is followed."""
        os.rename(name, name, src_dir_fd=self._lock, dst_dir_fd=self._shared)

    def discard(self, name: str) -> None:
        """Remove a file or link of `shared` if there is one."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._shared)

    def read_shared(self, name: str, most: int) -> bytes:
        """The bytes of a file of `shared`, whatever the other process made of it.

        Args:
            name: of the file.
            most: bytes that it may have.

        Raises:
            ValueError: it is missing or longer, or it is a link, a pipe, a device or a folder.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            handle = os.open(name, flags, dir_fd=self._shared)
        except OSError as error:  # a link: too many levels of them
            raise ValueError(f"it cannot be opened: {error.strerror}") from error
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
                raise ValueError("it is no regular file of its own folder")
            if facts.st_size > most:
                raise ValueError(f"it has {facts.st_size} bytes; at most {most} fit the image")
            return _read(handle, facts.st_size)
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        for handle in (self._lock, self._shared):
            os.close(handle)


def own_folders() -> list[Path]:
    """The folders of this and other processes that are in the temporary folder now."""
    return list(Path(tempfile.gettempdir()).glob("bifseg-????????.own"))


def _read(handle: int, size: int) -> bytes:
    """The first bytes of an open file; fewer where it is cut off meanwhile."""
    content = bytearray()
    while len(content) < size and (part := os.read(handle, size - len(content))):
        content += part
    return bytes(content)


def _remove_abandoned(folder: Path) -> None:
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
