"""Figures of a run: Dice against rounds, Dice per method, training curves. Equal scores give equal files."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bifseg.comparisons import main_network
from bifseg.interactions import Rules, dice_per_round, played_rules, reached_per_round, rules_of, waits
from bifseg.scoring import read_scores
from bifseg.seeds import generator
from bifseg.statistics import Interval, bootstrap_mean
from bifseg.store import read_json, write_json, writing, writing_folder
from bifseg.summaries import (
    FAILURES,
    OWN,
    SHARED,
    STAGES,
    data_note,
    method_label,
    method_rank,
    simulated_cohorts,
    stage_rows,
)

# Okabe and Ito's palette, told apart by the colour-blind; a method has one colour in every figure.
_FIXED = {
    "base-net": "#6f6f6f",
    "base-crf": "#E69F00",
    "bifseg-w": "#56B4E9",
    "bifseg": "#0072B2",
    "grabcut": "#D55E00",
    "grabcut-opencv": "#8C510A",
    "slic-seg": "#009E73",
    "random-walks": "#CC79A7",
    "geos": "#000000",
    "growcut": "#B8A800",
}
_OTHERS = ("#7B3294", "#66A61E", "#C51B7D", "#35978F", "#A6761D")
_NETWORKS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_DASHES = ("-", "--", ":", "-.")
STYLE: Any = {  # matplotlib types the keys one by one
    "svg.hashsalt": "bifseg",  # ids of the SVG's parts
    "svg.fonttype": "path",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 150,
}


@dataclass(frozen=True)
class Player:
    """A method with its network, as figures show it: colour by method, dashes by network."""

    method: str
    network: str
    label: str
    colour: str
    dash: str


@dataclass(frozen=True)
class Drawing:
    """A figure with what must be known to read it; `name` is the stem of its files."""

    name: str
    title: str
    caption: str
    figure: Figure


def write_figures(run: Path, target: float = 0.90) -> None:
    """Write RUN/figures from RUN/scores.parquet and the training curves: SVG, PNG and `index.json`."""
    scores, simulated = read_scores(run / "scores.parquet"), simulated_cohorts(run)
    index = []
    with writing_folder(run / "figures") as folder, plt.rc_context(STYLE):
        for drawing in _drawings(run, scores, simulated, target):
            save(drawing.figure, folder / drawing.name)
            index.append({"name": drawing.name, "title": drawing.title, "caption": drawing.caption})
        write_json(folder / "index.json", index)


def read_figures(folder: Path) -> list[dict[str, str]]:
    """`name`, `title` and `caption` of the figures that `write_figures` wrote, in reading order."""
    index: list[dict[str, str]] = read_json(folder / "index.json")
    return index


def save(figure: Figure, stem: Path) -> None:
    """Write STEM.svg and STEM.png without dates, and close the figure."""
    for suffix, dated in ((".svg", {"Date": None}), (".png", {})):
        with writing(stem.with_name(stem.name + suffix)) as part:
            figure.savefig(part, format=suffix[1:], metadata=dated, bbox_inches="tight")
    plt.close(figure)


def svg(figure: Figure) -> bytes:
    """The SVG of a figure, without a date, and close the figure."""
    text = io.BytesIO()
    figure.savefig(text, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)
    return text.getvalue()


def players(scores: pd.DataFrame) -> list[Player]:
    """Methods with their networks in reading order; colours depend on the methods of the whole frame."""
    methods = sorted(set(scores["method"]), key=method_rank)
    others = [method for method in methods if method not in _FIXED]
    colours = _FIXED | {method: _OTHERS[k % len(_OTHERS)] for k, method in enumerate(others)}
    main = main_network(scores)
    networks = sorted(set(scores["network"]) - {""}, key=lambda name: (name != main, name))
    pairs = sorted(set(zip(scores["method"], scores["network"], strict=True)))
    return [
        Player(
            method,
            network,
            method_label(method, network, networks),
            colours[method],
            _DASHES[networks.index(network) % len(_DASHES)] if network else "-",
        )
        for method, network in sorted(pairs, key=lambda pair: (method_rank(pair[0]), pair[1]))
    ]


def _drawings(run: Path, scores: pd.DataFrame, simulated: set[str], target: float) -> Iterator[Drawing]:
    rules = played_rules(run)
    colours = {player.method: player.colour for player in players(scores)}
    for cohort, rows in scores.groupby("cohort", sort=True):
        about = data_note(rows, str(cohort), cohort in simulated)
        cast = [Player(p.method, p.network, p.label, colours[p.method], p.dash) for p in players(rows)]
        main = main_network(rows)
        nets = [p for p in cast if p.method == "base-net"]
        if len(nets) > 1:
            yield Drawing(
                f"{cohort}-networks",
                "Initial Dice per network",
                "Every object's Dice as a point: the base networks' own results inside the box. Boxes: quartiles "
                "and median; whiskers: 1.5 times the quartiles' distance; white diamond: mean. "
                f"{FAILURES} {about}",
                network_boxes(rows, nets),
            )
        yield Drawing(
            f"{cohort}-dice",
            "Dice per method",
            "Every session's Dice as a point: before adaptation, without scribbles, and with the same scribbles "
            "for every method. Boxes: quartiles and median; whiskers: 1.5 times the quartiles' distance; white "
            f"diamond: mean. {FAILURES} {about}",
            dice_boxes(rows, [p for p in cast if p.network == main]),
        )
        if OWN in set(rows["protocol"]):
            yield from _in_rounds(rows, str(cohort), cast, target, rules_of(rules, OWN), about)
        curves = _curves(run, str(cohort))
        if curves:
            yield Drawing(
                f"{cohort}-training",
                "Training of the networks",
                f"Training loss (left) and Dice on the validation objects (right) of cohort {cohort}"
                f"{' (simulated)' if cohort in simulated else ''}; the circle marks the best validation.",
                training_curves(curves),
            )


def _in_rounds(
    rows: pd.DataFrame, cohort: str, cast: Sequence[Player], target: float, rules: Rules, about: str
) -> Iterator[Drawing]:
    """The figures of a cohort over the rounds on a method's own mistakes."""
    mine = _in_protocol(rows, cast, OWN)
    yield Drawing(
        f"{cohort}-rounds",
        "Dice against rounds",
        f"Mean Dice after each round of scribbles on a method's own mistakes ({OWN}), with its 95% "
        "bootstrap interval over cases. Round 0: before any scribbles. A session that ended early "
        f"carries its last value forward. {FAILURES} {about}",
        dice_against_rounds(rows, mine, rules.rounds),
    )
    if rules.show(target):
        yield Drawing(
            f"{cohort}-reached",
            f"Rounds to a Dice of {100 * target:g}%",
            f"Share of the sessions ({OWN}) whose Dice was at least {100 * target:g}% after so many rounds or "
            "fewer: one minus Kaplan and Meier's curve, with its 95% bootstrap interval over cases. A session "
            "that ended without reaching it, whatever the reason, never will and stays in the share. "
            f"{about}",
            reached_against_rounds(rows, mine, target, rules),
        )


def dice_boxes(scores: pd.DataFrame, cast: Sequence[Player], shared: str = SHARED) -> Figure:
    """A panel per structure: boxes and points of Dice per stage and method."""
    stages = {stage: stage_rows(scores, stage, shared) for stage in STAGES}
    stages = {stage: rows for stage, rows in stages.items() if len(rows)}
    figure, axes = panels(scores, width=6.2, height=3.6)
    step = 0.8 / len(cast)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for k, (stage, rows) in enumerate(stages.items()):
            for m, player in enumerate(cast):
                values = _of(rows, player, structure)["dice"].to_numpy()
                if len(values):
                    rng = generator(0, "jitter", stage, structure, player.label)
                    _box(axis, values, k + (m - (len(cast) - 1) / 2) * step, step, player.colour, rng)
        axis.set_xticks(range(len(stages)), stages)
        axis.tick_params(axis="x", length=0)
        axis.grid(axis="x", visible=False)
    legend(figure, cast, lines=False)
    return figure


def network_boxes(scores: pd.DataFrame, nets: Sequence[Player]) -> Figure:
    """A panel per structure: boxes and points of the initial Dice of each base network."""
    rows = stage_rows(scores[scores["method"] == "base-net"], "initial")
    figure, axes = panels(scores, width=5.2, height=3.2)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for k, player in enumerate(nets):
            values = _of(rows, player, structure)["dice"].to_numpy()
            if len(values):
                rng = generator(0, "jitter", "networks", structure, player.label)
                _box(axis, values, k, 0.7, _NETWORKS[k % len(_NETWORKS)], rng)
        axis.set_xticks(range(len(nets)), [player.network for player in nets], fontsize=8)
        axis.grid(axis="x", visible=False)
    return figure


def dice_against_rounds(scores: pd.DataFrame, cast: Sequence[Player], most: int, own: str = OWN) -> Figure:
    """A panel per structure: mean Dice after rounds 0..most of each player, with a bootstrap band."""
    rows = scores[scores["protocol"] == own]
    figure, axes = panels(scores, width=5.2, height=3.6)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for player in cast:
            mine = _of(rows, player, structure)
            if len(mine):
                values, keys = dice_per_round(mine, most)
                rng = generator(0, "rounds", structure, player.label)
                _band(axis, bootstrap_mean(values, keys.get_level_values("case"), rng, draws=2000), player)
    legend(figure, cast, lines=True)
    return figure


def reached_against_rounds(
    scores: pd.DataFrame, cast: Sequence[Player], target: float, rules: Rules, own: str = OWN
) -> Figure:
    """A panel per structure: the share of sessions that reached the target by each round, with its band."""
    sessions = waits(scores, target, rules, own)
    figure, axes = panels(scores, width=5.2, height=3.6, scale="share of sessions")
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for player in cast:
            mine = _of(sessions, player, structure)
            if len(mine):
                _band(axis, reached_per_round(mine, rules.rounds), player, steps=True)
        axis.set_ylim(-0.03, 1.03)
    legend(figure, cast, lines=True)
    return figure


def _band(axis: Axes, band: Interval, player: Player, steps: bool = False) -> None:
    """A player's curve over the rounds from 0, with its interval."""
    rounds = np.arange(len(band.mean))
    step: Literal["post"] | None = "post" if steps else None
    axis.fill_between(rounds, band.low, band.high, color=player.colour, alpha=0.15, lw=0, step=step)
    (line,) = axis.plot(rounds, band.mean, player.dash, color=player.colour, lw=1.8, marker="o", ms=3.5)
    line.set_drawstyle("steps-post" if steps else "default")
    axis.set_xlabel("round of scribbles")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(curves: dict[str, pd.DataFrame]) -> Figure:
    """A row per network: training loss, and validation Dice with its best point."""
    figure, axes = plt.subplots(len(curves), 2, figsize=(10.4, 2.9 * len(curves)), squeeze=False)
    for (loss, dice), (network, curve) in zip(axes, curves.items(), strict=True):
        loss.plot(curve["iteration"], curve["train_loss"], color=_OTHERS[0], lw=1.6)
        loss.set(ylabel="training loss", title=network)
        dice.plot(curve["iteration"], curve["validation_dice"], color=_FIXED["bifseg"], lw=1.6)
        dice.set(ylabel="validation Dice")
        best = int(np.argmax(curve["validation_dice"].fillna(-1)))
        at, reached = curve["iteration"].iloc[best], curve["validation_dice"].iloc[best]
        dice.plot(at, reached, "o", color=_FIXED["bifseg"], mfc="white")
        dice.set_title(f"best {reached:.3f}", fontweight="normal")
    for axis in axes[-1]:
        axis.set_xlabel("iteration")
    figure.tight_layout()
    return figure


def _curves(run: Path, cohort: str) -> dict[str, pd.DataFrame]:
    """Training curves by network; a network that was brought trained has none."""
    found = {
        path.parent.name: pd.read_csv(path) for path in sorted(run.glob(f"networks/{cohort}/*/curve.csv"))
    }
    return {network: curve for network, curve in found.items() if len(curve)}


def structures(scores: pd.DataFrame) -> list[tuple[str, bool]]:
    """(structure, seen), seen first."""
    pairs = set(zip(scores["structure"], scores["seen"].astype(bool), strict=True))
    return sorted(pairs, key=lambda pair: (not pair[1], pair[0]))


def panels(
    scores: pd.DataFrame, width: float, height: float, scale: str = "Dice"
) -> tuple[Figure, list[Axes]]:
    """A titled panel per structure, two in a row, with one scale."""
    shown = structures(scores)
    columns = min(2, len(shown))
    lines = -(-len(shown) // columns)
    figure, grid = plt.subplots(
        lines, columns, figsize=(width * columns, height * lines), squeeze=False, sharey=True
    )
    for axis in grid[:, 0]:
        axis.set_ylabel(scale)
    axes = list(grid.flat)
    for spare in axes[len(shown) :]:
        spare.remove()
    for axis, (structure, seen) in zip(axes, shown, strict=False):
        axis.set_title(f"{structure.replace('_', ' ')} ({'seen' if seen else 'unseen'})")
    figure.subplots_adjust(wspace=0.16, hspace=0.42)
    return figure, axes[: len(shown)]


def _in_protocol(rows: pd.DataFrame, cast: Sequence[Player], protocol: str) -> list[Player]:
    """The players who play under a protocol."""
    mine = rows[rows["protocol"] == protocol]
    there = set(zip(mine["method"], mine["network"], strict=True))
    return [player for player in cast if (player.method, player.network) in there]


def _of(rows: pd.DataFrame, player: Player, structure: str) -> pd.DataFrame:
    mine = (rows["method"] == player.method) & (rows["network"] == player.network)
    return rows[mine & (rows["structure"] == structure)]


def _box(axis: Axes, values: NDArray, at: float, width: float, colour: str, rng: np.random.Generator) -> None:
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


def legend(figure: Figure, cast: Sequence[Player], lines: bool) -> None:
    """Who is who, above the panels."""
    if lines:
        handles = [Line2D([], [], color=p.colour, ls=p.dash, marker="o", ms=4, lw=1.8) for p in cast]
    else:
        handles = [Line2D([], [], color=p.colour, ls="", marker="s", ms=8) for p in cast]
    top = figure.subplotpars.top
    figure.legend(
        handles,
        [p.label for p in cast],
        loc="lower left",
        bbox_to_anchor=(figure.subplotpars.left - 0.01, top + 0.28 / figure.get_figheight()),
        ncols=min(len(cast), 5, max(1, 110 // (8 + max(len(p.label) for p in cast)))),
        borderaxespad=0,
        handletextpad=0.4,
        columnspacing=1.4,
    )
