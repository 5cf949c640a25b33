"""Which code a session's result depends on: results of older code are not mistaken for new ones."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# Of `metrics` a session uses Dice alone, whose definition stands: adding a metric runs no session.
PARTS = (
    "cards.py",
    "cohorts/listing.py",
    "cohorts/objects.py",
    "crf.py",
    "finetuning.py",
    "geodesic.py",
    "geometry.py",
    "images.py",
    "methods",
    "neighbours.py",
    "networks",
    "recorded.py",
    "robot",
    "scribbles.py",
    "seeds.py",
    "sessions.py",
    "stuck.py",
)
"""Files and folders of the package."""


@cache
def code_version() -> str:
    """Hash of the source that a session's result depends on."""
    package, digest = Path(__file__).parent, hashlib.sha256()
    for part in PARTS:
        place = package / part
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]
