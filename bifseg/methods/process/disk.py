"""Whether a full disk, and not the method, is why a call failed."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from bifseg.core.errors import InputError, one_line

_WORDS = re.compile(r"No space left on device|Disk quota exceeded")
_BLOCK = 512  # unit of `st_blocks`
_MUCH = 2**30
"""Bytes of a method's own files from which on it filled the disk itself."""


class FullDiskError(InputError):
    """A session has no result, since the disk of temporary files is full: no fault of its method."""


def check_disk(error: OSError | str, folder: Path) -> None:
    """Raise an error if a full disk, and not the method, is the reason of a failure.

    Args:
        error: the session's own, or the text of the method's, which counts only if the disk is nearly full now.
        folder: that of the method's files.

    Raises:
        FullDiskError: the disk is full, and the method's files take less than 1 GiB of it.
    """
    if not _WORDS.search(str(error)) or (isinstance(error, str) and shutil.disk_usage(folder).free > _MUCH):
        return
    if bytes_in(folder) < _MUCH:
        text = one_line(error) if isinstance(error, OSError) else error
        raise FullDiskError(
            f"{folder.parent.parent}: the disk of temporary files is full ({text}); free some of it, or set TMPDIR to "
            "another folder"
        )


def bytes_in(folder: Path) -> int:
    """The space that files take on the disk.

    Args:
        folder: without links out of it; files that come and go meanwhile are left out.

    Returns:
        Bytes.
    """
    taken = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                taken += os.lstat(os.path.join(place, name)).st_blocks * _BLOCK
    return taken
