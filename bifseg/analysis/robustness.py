"""Results at the levels of a disturbance: Dice at each level, what the highest costs, and the area under the curve."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bifseg.analysis.intervals import Interval, mean_interval, ratio_interval
from bifseg.analysis.names import FAILED, in_reading_order
from bifseg.analysis.stages import last_rows, per_group
from bifseg.cards.entries import split_level

FLAT = 0.001
"""Largest change of a session's Dice, at any level, of an entry whose line counts as flat."""

_LEVELS = range(9)
"""Levels that a card may name; see `cards.disturb`."""
CURVES = {f"level_{level}": f"Level {level} (%)" for level in _LEVELS}
CURVES |= {"loss": "Loss (points)", "relative": "Relative area (%)"}
"""Header of each column by its name, without the ending of mean and limits."""


def robustness(disturbed: pd.DataFrame) -> pd.DataFrame:
    """Dice over the levels of each disturbance, per structure and entry.

    Levels are compared on the same objects and replicates; a session that lacks a level is left out. A failed session
    has the worst score.

    Args:
        disturbed: scores of one cohort under protocols with a disturbance, all levels.

    Returns:
        A row per structure, entry and `protocol` (its card): `disturbance`; `n` objects (times replicates), `failed`
        sessions of all levels; `level_K_mean`, the mean last Dice at level K with its 95% interval over patients,
        `_low`, `_high`; `loss`, Dice at the highest level minus that at level 0; `relative`, the area under Dice over
        levels (trapezoids) divided by the area that Dice at level 0 would have, a ratio of sums over objects; and
        `flat`, whether no session's Dice differs from its own at level 0 by more than `FLAT`. No rows with fewer than
        two levels.
    """
    if disturbed.empty:
        return pd.DataFrame()
    last = last_rows(disturbed)
    cards = last["protocol"].map(lambda name: split_level(name)[0]).astype(str)
    parts = [
        per_group(rows, _measures).assign(protocol=card, disturbance=rows["disturbance"].iloc[0])
        for card, rows in last.groupby(cards, sort=True)
        if rows["level"].nunique() > 1
    ]
    return in_reading_order(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()


def levels_in(frame: pd.DataFrame) -> list[int]:
    """The levels of curves.

    Args:
        frame: rows of `robustness`.

    Returns:
        Levels that some row has, in order.
    """
    return [
        level
        for level in _LEVELS
        if f"level_{level}_mean" in frame and frame[f"level_{level}_mean"].notna().any()
    ]


def _measures(sessions: pd.DataFrame) -> dict[str, float]:
    """The columns of a structure and entry under one card."""
    keys = ["patient", "object", "replicate", "training_seed"]
    dice = sessions.pivot(index=keys, columns="level", values="dice").dropna()
    counts: dict[str, float] = {"n": len(dice), "failed": int(sessions["status"].isin(FAILED).sum())}
    counts["flat"] = False  # nobody knows without level 0, or without a session at every level
    levels, patients = dice.columns.to_numpy(float), dice.index.get_level_values("patient")
    if dice.empty or len(levels) < 2 or levels[0] != 0:
        return counts
    values = dice.to_numpy(float)
    columns = {**counts, "flat": bool(np.abs(values - values[:, :1]).max() <= FLAT)}
    for level, one in zip(levels, values.T, strict=True):
        columns |= mean_interval(one, patients).within(0, 1).columns(f"level_{int(level)}")
    columns |= mean_interval(values[:, -1] - values[:, 0], patients).within(-1, 1).columns("loss")
    return columns | _relative_area(values, levels, patients).columns("relative")


def _relative_area(values: np.ndarray, levels: np.ndarray, patients: pd.Index) -> Interval:
    """Area under the curves over that of level 0; NaN if nothing was found at level 0."""
    constant = levels[-1] * values[:, 0]
    if not constant.any():
        return Interval(np.nan, np.nan, np.nan)
    ratio = ratio_interval(np.trapezoid(values, levels, axis=1), constant, patients)
    return ratio.within(0, np.inf)
