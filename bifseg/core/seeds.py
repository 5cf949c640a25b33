"""Random generators that depend on what is drawn, never on when or where."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A generator seeded by a hash of the run seed and the names of the thing to be drawn.

    The same names give the same numbers whatever the order of the work, the shard or the machine.
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))
