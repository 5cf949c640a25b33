"""Processes that end with their parent, and temporary folders that are removed after their process."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from time import sleep, time
from typing import TypeVar

from bifseg.core.errors import short
from bifseg.core.removal import remove_tree

T = TypeVar("T")
_NEW_S = 60.0
"""A younger folder is left alone: its process may not have locked it yet."""


def end_with(parent: int) -> None:
    """End this process about a second after its parent ends, even while it works.

    Args:
        parent: process number of the parent.
    """

    def watch() -> None:
        while os.getppid() == parent:
            sleep(1)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


@contextmanager
def beside(work: Callable[[], T]) -> Iterator[Future[T]]:
    """A context during which a copy of this process (a fork) does some work; without fork, the work comes first.

    Args:
        work: sees everything that this process has in memory; pickle must know what it returns.

    Yields:
        What the work returns, known after the context, which ends when the work is done.

    Raises:
        Exception: the work raised it.
        RuntimeError: the copy was killed.
    """
    done: Future[T] = Future()
    if "fork" not in get_all_start_methods():
        done.set_result(work())
        yield done
        return
    fork = get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=_work, args=(work, sender, os.getpid()), daemon=True)
    process.start()
    sender.close()
    try:
        yield done
    finally:
        # Read also after an error of the block: a pipe that is full would never let the process end.
        with receiver:
            try:
                error, result = receiver.recv()
            except EOFError:
                process.join()
                error, result = RuntimeError(f"a process ended with exit code {process.exitcode}"), None
        process.join()
    if error is not None:
        raise error
    done.set_result(result)


def _work(work: Callable[[], object], sender: Connection, parent: int) -> None:
    """Do the work, and send the error that it raised, or None, and what it returned."""
    end_with(parent)
    try:
        result = work()
    except Exception as error:
        error.__cause__ = error.__context__ = None  # only the message is certain to be passed on
        sender.send((error, None))
    else:
        sender.send((None, result))


class OwnFolder:
    """A temporary folder of this process, locked (flock) while the process lives.

    The constructor removes the folders of processes that were killed, for example with their node.

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
        with suppress(OSError):  # a file system without locks, or a method was faster: we do not wait for it
            fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def share(self, name: str) -> None:
        """Move a file from `path` into `shared`, replacing a file or link of the same name; no link is followed.

        Args:
            name: name of the file.
        """
        os.rename(name, name, src_dir_fd=self._lock, dst_dir_fd=self._shared)

    def discard(self, name: str) -> None:
        """Remove a file or link from `shared` if it exists.

        Args:
            name: name of the file.
        """
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._shared)

    def read_shared(self, name: str, most: int) -> bytes:
        """The bytes of a file in `shared`, which the other process may have replaced by anything.

        Args:
            name: name of the file.
            most: greatest number of bytes.

        Returns:
            The content.

        Raises:
            ValueError: the file is missing, longer, or not a regular file (a link, a pipe, a device or a folder).
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            handle = os.open(name, flags, dir_fd=self._shared)
        except FileNotFoundError as error:
            with os.scandir(self._shared) as entries:
                others = ", ".join(sorted(short(entry.name, 40) for entry in islice(entries, 5)))
            raise ValueError(f"it was not written; the folder holds {others or 'nothing'}") from error
        except OSError as error:  # "too many levels of links" for a link
            raise ValueError(f"it cannot be opened: {error.strerror}") from error
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
                raise ValueError("it is not a regular file of its own folder")
            if facts.st_size > most:
                raise ValueError(f"it has {facts.st_size} bytes; at most {most} fit the image")
            return _read(handle, facts.st_size)
        finally:
            os.close(handle)

    def remove(self) -> None:
        """Remove the folder with its content, and release the lock."""
        remove_tree(self.path)
        for handle in (self._lock, self._shared):
            os.close(handle)


def own_folders() -> list[Path]:
    """The `OwnFolder` of every process, in the machine's temporary folder.

    Returns:
        Paths; empty if no process has one.
    """
    return list(Path(tempfile.gettempdir()).glob("bifseg-????????.own"))


def _read(handle: int, size: int) -> bytes:
    """The first `size` bytes of an open file; fewer if it is cut off meanwhile."""
    content = bytearray()
    while len(content) < size and (part := os.read(handle, size - len(content))):
        content += part
    return bytes(content)


def _remove_abandoned(folder: Path) -> None:
    """Remove a folder that no living process has locked."""
    with suppress(OSError), _opened(folder) as handle:
        if time() - os.fstat(handle).st_mtime > _NEW_S:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_tree(folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)
