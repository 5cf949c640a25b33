"""The figure of Dice and interactions against the level of the user."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bifseg.reports.panels import Entry, legend, of, structures

MEASURES = {
    "final": ("final_mean", "Dice, last round"),
    "round": ("round_restricted", "rounds to the target"),
}
"""What is shown, by the stem of its limits: column and label."""


def users_figure(levels: pd.DataFrame, cast: Sequence[Entry]) -> Figure:
    """One row for each structure: final Dice and rounds to the target of each entry at every level of the user.

    Args:
        levels: rows of `by_user`; what is NaN (a target that the protocol does not show) is left out.
        cast: the entries; those without rows are left out.
    """
    users = list(dict.fromkeys(levels["user"]))
    shown = structures(levels)
    figure, grid = plt.subplots(len(shown), 2, figsize=(10.4, 3.0 * len(shown)), squeeze=False, sharey="col")
    present = [entry for entry in cast if len(levels[_mine(levels, entry)])]
    for axes, (structure, seen) in zip(grid, shown, strict=True):
        for axis, (stem, (column, label)) in zip(axes, MEASURES.items(), strict=True):
            for k, entry in enumerate(present):
                aside = (k - (len(present) - 1) / 2) * 0.5 / len(present)
                _line(
                    axis,
                    of(levels, entry, structure).set_index("user").reindex(users),
                    stem,
                    column,
                    entry,
                    aside,
                )
            axis.set_xticks(range(len(users)), users)
            axis.grid(axis="x", visible=False)
            axis.set_ylabel(label)
        axes[0].set_title(f"{structure.replace('_', ' ')} ({'seen' if seen else 'unseen'})")
    figure.subplots_adjust(wspace=0.2, hspace=0.42)
    legend(figure, present, lines=True)
    return figure


def _mine(levels: pd.DataFrame, entry: Entry) -> pd.Series:
    return (levels["method"] == entry.method) & (levels["network"] == entry.network)


def _line(axis: Axes, rows: pd.DataFrame, stem: str, column: str, entry: Entry, aside: float) -> None:
    """An entry's means over the users, with the limits of their intervals."""
    means, low, high = (rows[name].to_numpy(float) for name in (column, f"{stem}_low", f"{stem}_high"))
    at = np.arange(len(rows)) + aside
    axis.errorbar(
        at,
        means,
        np.nan_to_num(np.abs([means - low, high - means])),
        fmt=entry.dash,
        color=entry.colour,
        marker="o",
        ms=4,
        lw=1.6,
        capsize=2,
        elinewidth=1,
    )
