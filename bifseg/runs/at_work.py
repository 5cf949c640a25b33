"""Who works on a run, so that a second snakemake on the same run says so at once.

The process at work holds a lock on RUN/at-work.json. The kernel gives the lock up when the process ends, however it
ends; the file alone means nothing.
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
        run: the folder RESULTS/RUN; it is made if it is missing.

    Returns:
        The open file that holds the mark: closing it, or the end of the process, gives the mark up.

    Raises:
        InputError: another process works on the run.
    """
    run.mkdir(parents=True, exist_ok=True)
    mark = open(run / _FILE, "a+", encoding="utf-8")  # noqa: SIM115  # stays open while the run is worked on
    if not _lock(mark):
        mark.close()
        raise InputError(
            who_is_at_work(run) or f"{run}: another snakemake is at work on this run; wait for it"
        )
    mark.truncate(0)
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    json.dump({"machine": platform.node(), "process": os.getpid(), "since": since}, mark)
    mark.flush()
    return mark


def who_is_at_work(run: Path) -> str:
    """One line about the process at work on a run: since when and on which machine; empty if there is none."""
    try:
        with open(run / _FILE, encoding="utf-8") as mark:
            if _lock(mark):
                return ""
            worker = json.load(mark)
            about = f"process {worker['process']} on {worker['machine']}, since {worker['since']}"
    except OSError:
        return ""
    except (ValueError, KeyError, TypeError):  # it is just being written
        about = "it has just begun"
    return f"{run}: another snakemake is at work on this run ({about}); wait for it, or stop it first"


def _lock(mark: TextIO) -> bool:
    """Whether the lock of an open file could be taken; True where the file system has no locks."""
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _CANNOT_LOCK
    return True
