"""Removal of folders that another program filled."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

_LIMIT_S = 30.0


def remove_tree(folder: Path | str) -> None:
    """Remove a folder that another program filled, as far as possible; no link is followed.

    Args:
        folder: may nest deeper than Python can recurse, and hold folders that are read-only.
    """
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        import subprocess  # rarely needed, and the supervisor must start fast

        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run([*command, "--", folder], capture_output=True, timeout=_LIMIT_S, check=False)
