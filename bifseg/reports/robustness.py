"""Robustness for readers: title, caption and figure of the levels of disturbance."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bifseg.analysis.robustness import FLAT, levels_in
from bifseg.cards.entries import entry_name
from bifseg.reports.panels import Entry, legend, of, structures

_CAPTION = (
    "Last Dice (%) of the same objects at each level of a disturbance, 0 to 8; level 0 is undisturbed, "
    "docs/robustness.md states the strengths. Loss: Dice at the highest level minus that at level 0. Relative area: "
    "area under Dice over levels, as a share of the area if Dice stayed as at level 0, so that 100 is no loss. Means "
    "with 95% intervals over patients."
)


def robustness_title(curves: pd.DataFrame) -> str:
    """The title of the table of curves.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        A title that says whether the user, the image or both were disturbed.
    """
    images = curves["disturbance"].str.startswith("image-")
    disturbed = [
        text
        for text, is_played in (("careless user", (~images).any()), ("worse image", images.any()))
        if is_played
    ]
    return f"How much worse with a {' or a '.join(disturbed)}"


def robustness_caption(curves: pd.DataFrame) -> str:
    """The caption of the table of curves.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        What the columns are, and which lines are flat.
    """
    return f"{_CAPTION} {flat_lines(curves)}"


def flat_lines(curves: pd.DataFrame) -> str:
    """Sentences on the entries whose result does not depend on a disturbance.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        A sentence for each protocol with such entries, and the rule; a sentence without a name if there are none.
    """
    rule = f"no session's Dice changes by more than {100 * FLAT:g} points at any level"
    sentences = []
    for protocol, rows in curves.groupby("protocol", sort=True):
        flat = rows.groupby(["method", "network"], sort=False)["flat"].all()
        names = [entry_name(*pair) for pair in flat.index[flat]]
        if names:
            verb = "shows a flat line" if len(names) == 1 else "show flat lines"
            sentences.append(
                f"{', '.join(names)} {verb} under {protocol}: the result ignores what is disturbed."
            )
    return f"{' '.join(sentences)} Flat: {rule}." if sentences else f"No line is flat (flat: {rule})."


def curves_figure(curves: pd.DataFrame, cast: Sequence[Entry]) -> Figure:
    """A row per disturbance and a column per structure: mean Dice of each entry over levels, with its interval.

    Args:
        curves: rows of `analysis.robustness`, at least one.
        cast: the entries; those without rows are left out.

    Returns:
        The figure.
    """
    shown, protocols = structures(curves), sorted(set(curves["protocol"]))
    players = set(zip(curves["method"], curves["network"], strict=True))
    present = [entry for entry in cast if (entry.method, entry.network) in players]
    size = (max(3.4 * len(shown), 5.2), 2.9 * len(protocols))
    figure, grid = plt.subplots(len(protocols), len(shown), figsize=size, squeeze=False, sharey=True)
    for axes, protocol in zip(grid, protocols, strict=True):
        rows = curves[curves["protocol"] == protocol]
        axes[0].set_ylabel(f"Dice, {protocol}")
        for axis, (structure, seen) in zip(axes, shown, strict=True):
            axis.set_title(f"{structure.replace('_', ' ')} ({'seen' if seen else 'unseen'})")
            axis.set_xlabel("level")
            for entry in present:
                _curve(axis, of(rows, entry, structure), entry)
    figure.subplots_adjust(wspace=0.16, hspace=0.55)
    legend(figure, present, lines=True)
    return figure


def _curve(axis: Axes, rows: pd.DataFrame, entry: Entry) -> None:
    """An entry's line with the band of its intervals; nothing without rows."""
    levels = levels_in(rows)
    if not levels:
        return
    mean, low, high = np.array(
        [rows[f"level_{k}_{kind}"] for kind in ("mean", "low", "high") for k in levels]
    ).reshape(3, len(levels))
    axis.fill_between(levels, low, high, color=entry.colour, alpha=0.15, lw=0)
    axis.plot(levels, mean, entry.dash, color=entry.colour, lw=1.8, marker=entry.marker, ms=3.5)
    axis.set_xticks(levels)
