"""Which code a result depends on: results of older code are not mistaken for new ones."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

SESSIONS = (
    "cards",
    "cohorts/objects.py",
    "cohorts/cohort.py",
    "core/geometry.py",
    "core/images.py",
    "core/overlap.py",
    "core/scribbles.py",
    "core/seeds.py",
    "methods",
    "networks",
    "robot",
    "sessions/game.py",
    "sessions/stuck.py",
)
"""Files and folders of the package that a session's result depends on."""

SCORES = ("robot/effort.py", "core/metrics", "sessions/record.py", "analysis/scores.py")
"""What the scores of stored sessions depend on besides."""


@cache
def code_version(parts: tuple[str, ...] = SESSIONS) -> str:
    """Hash of the source in these files and folders of the package."""
    package, digest = Path(__file__).parents[1], hashlib.sha256()
    for part in parts:
        place = package / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
