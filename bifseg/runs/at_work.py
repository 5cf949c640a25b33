"""A lock on a run, so that a second snakemake on the same run stops at once and says why.

The working process holds a lock on RUN/at-work.json. The kernel releases the lock when the process ends, for whatever
reason; the file alone means nothing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
from datetime import datetime
from pathlib import Path
from typing import TextIO

from bifseg.core.errors import InputError

_FILE = "at-work.json"
_CANNOT_LOCK = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL)


def begin_work(run: Path) -> TextIO:
    """Mark a run as worked on by this process.

    Args:
        run: the folder RESULTS/RUN; it is created if it is missing.

    Returns:
        The open file that holds the lock, until it is closed or the process ends.

    Raises:
        InputError: another process works on the run, or nothing can be written there.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
        mark = open(run / _FILE, "a+", encoding="utf-8")  # noqa: SIM115  # stays open as long as the process works
    except OSError as error:
        raise InputError(
            f"{run}: results cannot be written there ({error.strerror}), and nothing was started; make the folder "
            "writable, or name another one by --config results=FOLDER"
        ) from error
    if not _lock(mark, fcntl.LOCK_EX):
        mark.close()
        raise InputError(
            who_is_at_work(run) or f"{run}: another snakemake works on this run; wait for it to end"
        )
    mark.truncate(0)
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    json.dump({"machine": platform.node(), "process": os.getpid(), "since": since}, mark)
    mark.flush()
    return mark


def who_is_at_work(run: Path, what: str = "another snakemake") -> str:
    """A line about the process that works on a run.

    Args:
        run: the folder RESULTS/RUN.
        what: what the line calls the process.

    Returns:
        The process, its machine and since when; empty if no process works on the run.
    """
    try:
        with open(run / _FILE, encoding="utf-8") as mark:
            if _lock(mark, fcntl.LOCK_SH):  # NFS refuses an exclusive lock on a file that is open for reading
                return ""
            worker = json.load(mark)
            about = f"process {worker['process']} on {worker['machine']}, since {worker['since']}"
    except OSError:
        return ""
    except (ValueError, KeyError, TypeError):  # the file is being written
        about = "it has just started"
    return f"{run}: {what} works on this run ({about}); wait for it to end, or stop it"


def _lock(mark: TextIO, kind: int) -> bool:
    """Whether the file now has a lock of this kind; also True if the file system has no locks."""
    try:
        fcntl.flock(mark, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _CANNOT_LOCK
    return True
