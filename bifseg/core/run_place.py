"""The place of a file in its run. A reader compares it, and so notices a file from another place or another run."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

KEY = ".session-key"
"""File in RESULTS/RUN with the run's secret key, which signs session records; its hash names the run."""
PART = ".part-"
"""Prefix of temporary names of files and folders; a killed process leaves files with it."""
_RUN_MARK = "config.json"
_LEVELS_UP = 5
_PART = re.compile(re.escape(PART) + r"[a-z0-9_]{8}-")


def run_folder(folder: Path) -> Path:
    """The folder that holds everything a run makes.

    Args:
        folder: inside the run's folder, or that folder.

    Returns:
        The nearest folder upwards with a session key; without one, the nearest with `config.json`, or `folder` itself.
    """
    return _marked(folder) or folder


def run_place(path: Path) -> str:
    """The place of a file in its run, to be written into the file.

    Args:
        path: the file, which need not exist; a temporary name of `files.writing` counts as the final one.

    Returns:
        `NAME:PATH`, with the path from the run's folder in forward slashes. NAME is 16 hexadecimal digits, or empty if
        the run has no session key yet. An empty text outside of a run.
    """
    path = Path(os.path.abspath(path))
    run = _marked(path.parent)
    if run is None:
        return ""
    name = ""
    with suppress(OSError):
        name = hashlib.sha256((run / KEY).read_bytes()).hexdigest()[:16]
    parts = (_PART.sub("", part, count=1) for part in path.relative_to(run).parts)
    return f"{name}:{'/'.join(parts)}"


def misplacement(written: str, here: str) -> str:
    """Why a file does not belong to the place where it was read.

    Args:
        written: the place in the file, as `run_place` returned it.
        here: the place from which it was read.

    Returns:
        A part of a sentence; empty if the file belongs there, or one of the places is empty.
    """
    if not written or not here:
        return ""
    (run, path), (this_run, this_path) = written.split(":", 1), here.split(":", 1)
    if run and this_run and run != this_run:
        return f"it was written as {path} of another run"
    return "" if path == this_path else f"it was written as {path}, not in this place"


def _marked(folder: Path) -> Path | None:
    """The nearest folder upwards with the mark of a run."""
    around = [folder, *list(folder.absolute().parents)[:_LEVELS_UP]]
    marked = (place for mark in (KEY, _RUN_MARK) for place in around if (place / mark).is_file())
    return next(marked, None)
