"""Embedded cohorts, simulated from a seed, so that the whole workflow runs without any data."""

from __future__ import annotations

from collections.abc import Callable

from bifseg.cohorts.simulated import fetal2d, tumour3d

SIMULATORS: dict[str, Callable[..., object]] = {"fetal2d": fetal2d.simulate, "tumour3d": tumour3d.simulate}
"""Simulators by their name in a cohort card: `simulate(counts, seed, folder, progress)` writes files and manifest."""
