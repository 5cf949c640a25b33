"""Curves over time: a measure of every entry over the runs of a history."""

from __future__ import annotations

from math import ceil

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from bifseg.reports.panels import STYLE, Entry, entries, legend, of, panels, structures, svg

FAILURE = "#c00000"
_MOST_TICKS = 6


def curves(past: pd.DataFrame, measure: str, scale: str, factor: float = 1, log: bool = False) -> bytes:
    """The SVG of a panel for each structure: one line for each entry over the runs, with the interval of each point.

    Args:
        past: rows of one cohort and protocol, as `standings.entries` gives.
        measure: its mean is drawn.
        scale: label of the axis.
        factor: from the measure to the scale.
        log: whether the scale is logarithmic.

    Returns:
        Bytes of the SVG file. Runs are in the order of their end, at equal distances; a cross marks a run with failed
        sessions.
    """
    with plt.rc_context(STYLE):
        return svg(_figure(past, measure, scale, factor, log))


def _figure(past: pd.DataFrame, measure: str, scale: str, factor: float, log: bool) -> Figure:
    turns = {when: turn for turn, when in enumerate(sorted(set(past["when"])))}
    rows = past.assign(turn=past["when"].map(turns))
    figure, axes = panels(rows, width=5.2, height=3.2, scale=scale)
    cast = entries(rows)
    for axis, (structure, _) in zip(axes, structures(rows), strict=True):
        for k, entry in enumerate(cast):
            aside = 0.3 * ((k + 0.5) / len(cast) - 0.5)  # so that intervals do not hide each other
            _line(axis, of(rows, entry, structure), measure, factor, entry, aside)
        _ticks(axis, rows, len(turns))
        if log:
            axis.set_yscale("log")
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.yaxis.set_minor_formatter(NullFormatter())
    legend(figure, cast, lines=True)
    return figure


def _line(axis: Axes, rows: pd.DataFrame, measure: str, factor: float, entry: Entry, aside: float) -> None:
    mean, low, high = (factor * rows[f"{measure}_{kind}"].to_numpy(float) for kind in ("mean", "low", "high"))
    turns = rows["turn"].to_numpy(float) + aside
    axis.plot(turns, mean, entry.dash, color=entry.colour, lw=1.4, marker=entry.marker, ms=3.5)
    axis.vlines(turns, low, high, color=entry.colour, alpha=0.45, lw=1.2)
    failed = rows["failed"].to_numpy() > 0
    axis.plot(turns[failed], mean[failed], "X", color=FAILURE, ms=9, mec="white", mew=0.8, zorder=4)


def _ticks(axis: Axes, rows: pd.DataFrame, runs: int) -> None:
    """Day and commit below some of the runs."""
    label = {
        turn: f"{when[5:10]}\n{(commit or '')[:7]}"
        for turn, when, commit in rows[["turn", "when", "commit"]].itertuples(index=False)
    }
    shown = range(runs - 1, -1, -ceil(runs / _MOST_TICKS))
    axis.set_xticks(shown, [label[turn] for turn in shown], fontsize=8)
    axis.set_xlim(-0.6, runs - 0.4)
