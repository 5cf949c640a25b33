"""Figures of Dice by method, round or level of the user or a disturbance, and of training curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bifseg.analysis.interactions import dice_per_round, reached_per_round, time_to_target
from bifseg.analysis.intervals import Interval, mean_interval
from bifseg.analysis.names import BASE_NET, OWN_SCRIBBLES
from bifseg.analysis.robustness import levels_in
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import stage_rows
from bifseg.core.seeds import generator
from bifseg.reports.panels import (
    FIXED,
    OTHERS,
    Entry,
    legend,
    of,
    panels,
    structures,
    with_rows,
)

_NETWORKS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")


def dice_boxes(scores: pd.DataFrame, stages: Mapping[str, pd.DataFrame], cast: Sequence[Entry]) -> Figure:
    """A panel per structure: boxes and points of Dice per stage and method.

    Args:
        scores: of one cohort.
        stages: rows of each stage, one for each session; a stage without rows is left out.
        cast: the entries that are shown, at least one.

    Returns:
        The figure.
    """
    shown = ["method", "network", "structure", "dice"]
    stages = {stage: rows[shown] for stage, rows in stages.items() if len(rows)}
    figure, axes = panels(scores, width=6.2, height=3.6)
    step = 0.8 / len(cast)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for k, (stage, rows) in enumerate(stages.items()):
            for m, entry in enumerate(cast):
                values = of(rows, entry, structure)["dice"].to_numpy()
                if len(values):
                    rng = generator(0, "jitter", stage, structure, entry.label)
                    _box(axis, values, k + (m - (len(cast) - 1) / 2) * step, step, entry.colour, rng)
        axis.set_xticks(range(len(stages)), stages)
        axis.tick_params(axis="x", length=0)
        axis.grid(axis="x", visible=False)
    legend(figure, cast, lines=False)
    return figure


def network_boxes(scores: pd.DataFrame, nets: Sequence[Entry]) -> Figure:
    """A panel per structure: boxes and points of the initial Dice of each base network.

    Args:
        scores: of one cohort.
        nets: the base nets.

    Returns:
        The figure.
    """
    rows = stage_rows(scores[scores["method"] == BASE_NET], "initial")
    figure, axes = panels(scores, width=5.2, height=3.2)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for k, entry in enumerate(nets):
            values = of(rows, entry, structure)["dice"].to_numpy()
            if len(values):
                rng = generator(0, "jitter", "networks", structure, entry.label)
                _box(axis, values, k, 0.7, _NETWORKS[k % len(_NETWORKS)], rng)
        axis.set_xticks(range(len(nets)), [entry.network for entry in nets], fontsize=8)
        axis.grid(axis="x", visible=False)
    return figure


def dice_against_rounds(
    scores: pd.DataFrame, cast: Sequence[Entry], most: int, own: str = OWN_SCRIBBLES
) -> Figure:
    """A panel per structure: mean Dice of each entry against rounds, with the band of its 95% interval.

    Args:
        scores: of one cohort.
        cast: the entries that are shown.
        most: last round of the axis.
        own: the protocol whose sessions are drawn.

    Returns:
        The figure.
    """
    curves, sessions = dice_per_round(scores[scores["protocol"] == own], most)
    figure, axes = panels(scores, width=5.2, height=3.6)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for entry in cast:
            own_sessions = of(sessions, entry, structure)
            if len(own_sessions):
                values, patients = curves[own_sessions.index], own_sessions["patient"]
                _band(
                    axis, [mean_interval(dice, patients).within(0, 1) for dice in values.T], entry, len(cast)
                )
    legend(figure, cast, lines=True)
    return figure


def reached_against_rounds(
    scores: pd.DataFrame, cast: Sequence[Entry], target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> Figure:
    """A panel per structure: the share of sessions that reached the target by each round, with its band.

    Args:
        scores: of one cohort.
        cast: the entries that are shown.
        target: Dice that counts as reached.
        rules: of the protocol.
        own: the protocol whose sessions are drawn.

    Returns:
        The figure.
    """
    sessions = time_to_target(scores, target, rules, own)
    figure, axes = panels(scores, width=5.2, height=3.6, scale="share of sessions")
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for entry in cast:
            times = of(sessions, entry, structure)
            if len(times):
                _band(axis, reached_per_round(times, rules.rounds), entry, len(cast), steps=True)
        axis.set_ylim(-0.03, 1.03)
    legend(figure, cast, lines=True)
    return figure


def _band(axis: Axes, band: Sequence[Interval], entry: Entry, many: int, steps: bool = False) -> None:
    """An entry's curve over the rounds from 0, with its interval: the paler, the more intervals overlap."""
    rounds = np.arange(len(band))
    mean, low, high = np.array([(point.mean, point.low, point.high) for point in band]).T
    step: Literal["post"] | None = "post" if steps else None
    axis.fill_between(rounds, low, high, color=entry.colour, alpha=min(0.15, 0.5 / many), lw=0, step=step)
    (line,) = axis.plot(rounds, mean, entry.dash, color=entry.colour, lw=1.8, marker=entry.marker, ms=3.5)
    line.set_drawstyle("steps-post" if steps else "default")
    axis.set_xlabel("round of scribbles")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(curves: dict[str, pd.DataFrame]) -> Figure:
    """A row per network: training loss, and validation Dice with its best point.

    Args:
        curves: by network, with columns `iteration`, `train_loss` and `validation_dice`.

    Returns:
        The figure.
    """
    figure, axes = plt.subplots(len(curves), 2, figsize=(10.4, 2.9 * len(curves)), squeeze=False)
    for (loss, dice), (network, curve) in zip(axes, curves.items(), strict=True):
        loss.plot(curve["iteration"], curve["train_loss"], color=OTHERS[0], lw=1.6)
        loss.set(ylabel="training loss", title=network)
        dice.plot(curve["iteration"], curve["validation_dice"], color=FIXED["bifseg"], lw=1.6)
        dice.set(ylabel="validation Dice")
        best = int(np.argmax(curve["validation_dice"].fillna(-1)))
        at, reached = curve["iteration"].iloc[best], curve["validation_dice"].iloc[best]
        dice.plot(at, reached, "o", color=FIXED["bifseg"], mfc="white")
        dice.set_title(f"best {reached:.3f}", fontweight="normal")
    for axis in axes[-1]:
        axis.set_xlabel("iteration")
    figure.tight_layout()
    return figure


_LEVEL_MEASURES = {  # stem of the limits: column and label
    "final": ("final_mean", "Dice, last round"),
    "round": ("round_restricted", "rounds to the target"),
}


def users_figure(levels: pd.DataFrame, cast: Sequence[Entry]) -> Figure:
    """A row per structure: final Dice and rounds to the target of each entry at every level of the user.

    Args:
        levels: rows of `by_user`; NaN (a target that the protocol does not show) is left out.
        cast: the entries; those without rows are left out.

    Returns:
        The figure.
    """
    users = list(dict.fromkeys(levels["user"]))
    shown = structures(levels)
    figure, grid = plt.subplots(len(shown), 2, figsize=(10.4, 3.0 * len(shown)), squeeze=False, sharey="col")
    present = with_rows(levels, cast)
    for axes, (structure, seen) in zip(grid, shown, strict=True):
        for axis, (stem, (column, label)) in zip(axes, _LEVEL_MEASURES.items(), strict=True):
            for k, entry in enumerate(present):
                at = np.arange(len(users)) + (k - (len(present) - 1) / 2) * 0.5 / len(present)
                _with_limits(
                    axis,
                    at,
                    of(levels, entry, structure).set_index("user").reindex(users),
                    stem,
                    column,
                    entry,
                )
            axis.set_xticks(range(len(users)), users)
            axis.grid(axis="x", visible=False)
            axis.set_ylabel(label)
        axes[0].set_title(f"{structure.replace('_', ' ')} ({'seen' if seen else 'unseen'})")
    figure.subplots_adjust(wspace=0.2, hspace=0.42)
    legend(figure, present, lines=True)
    return figure


def _with_limits(
    axis: Axes, at: NDArray[Any], rows: pd.DataFrame, stem: str, column: str, entry: Entry
) -> None:
    """An entry's means with the limits of their intervals."""
    means, low, high = (rows[name].to_numpy(float) for name in (column, f"{stem}_low", f"{stem}_high"))
    error = np.nan_to_num(np.abs([means - low, high - means]))
    style: Any = {
        "color": entry.colour,
        "marker": entry.marker,
        "ms": 4,
        "lw": 1.6,
        "capsize": 2,
        "elinewidth": 1,
    }
    axis.errorbar(at, means, error, fmt=entry.dash, **style)


def curves_figure(curves: pd.DataFrame, cast: Sequence[Entry]) -> Figure:
    """A row per disturbance and a column per structure: mean Dice of each entry over levels, with its interval.

    Args:
        curves: rows of `analysis.robustness`, at least one.
        cast: the entries; those without rows are left out.

    Returns:
        The figure.
    """
    shown, protocols = structures(curves), sorted(set(curves["protocol"]))
    present = with_rows(curves, cast)
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


def _box(
    axis: Axes, values: NDArray[Any], at: float, width: float, colour: str, rng: np.random.Generator
) -> None:
    axis.boxplot(
        [values],
        positions=[at],
        widths=0.78 * width,
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": colour + "33", "edgecolor": colour, "linewidth": 1.2},
        medianprops={"color": colour, "linewidth": 2},
        whiskerprops={"color": colour},
        capprops={"color": colour},
        meanprops={"marker": "D", "markersize": 4, "markerfacecolor": "white", "markeredgecolor": colour},
    )
    across = at + rng.uniform(-0.22, 0.22, len(values)) * width
    many = len(values) > 200  # as vectors they would make the file large
    axis.plot(across, values, "o", ms=2.4, color=colour, alpha=0.55, mew=0, rasterized=many, zorder=3)
