"""Random generators that depend on names alone, so that the order of work and the machine do not matter."""

from __future__ import annotations

import hashlib

import numpy as np


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator that depends on a seed and names alone.

    The same names give the same numbers, whatever the order of the work, the shard or the machine.

    Args:
        seed: seed of the run.
        *names: names of the thing to draw, such as cohort, case, object and step.

    Returns:
        A generator seeded by the SHA-256 of seed and names.
    """
    text = "\x1f".join(str(part) for part in (seed, *names))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))
