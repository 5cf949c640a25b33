"""Figures of a run: Dice against rounds, Dice per method, training curves. Equal scores give equal files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from bifseg.analysis.names import BASE_NET, FAILURES, OWN_SCRIBBLES
from bifseg.analysis.paired import main_network
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.stages import stage_rows
from bifseg.analysis.user_levels import by_user
from bifseg.core.files import check_hash, file_hash, read_json, write_json, writing, writing_folder
from bifseg.core.seeds import generator
from bifseg.reports.panels import (
    FIXED,
    OTHERS,
    STYLE,
    Entry,
    entries,
    in_protocol,
    legend,
    of,
    panels,
    structures,
)
from bifseg.reports.user_figure import users_figure

_NETWORKS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

_BOXES = "Boxes: quartiles and median; whiskers: 1.5 times the quartiles' distance; white diamond: mean."


@dataclass(frozen=True)
class Drawing:
    """A figure with its caption; `name` is the stem of its files."""

    name: str
    title: str
    caption: str
    figure: Figure


def write_figures(folder: Path, target: float = 0.90) -> None:
    """Write FOLDER/figures of a run's folder: SVG, PNG and `index.json` (for `read_figures`).

    Args:
        folder: RESULTS/RUN, with scores.parquet, sessions and the training curves of networks.
        target: Dice that counts as reached.

    Raises:
        InputError: scores or a protocol card are missing, or a file is damaged.
    """
    run = RunScores.read(folder, target)
    index = []
    with writing_folder(folder / "figures") as part, plt.rc_context(STYLE):
        for drawing in _drawings(folder, run):
            save(drawing.figure, part / drawing.name)
            about = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption}
            index.append(about | {"sha256": file_hash(part / f"{drawing.name}.svg")})
        write_json(part / "index.json", index)


def read_figures(folder: Path) -> list[dict[str, str]]:
    """`name`, `title` and `caption` of the figures that `write_figures` wrote, in reading order.

    Raises InputError for an SVG file that is not as it was written.
    """
    index: list[dict[str, str]] = read_json(folder / "index.json")
    for figure in index:
        path = folder / f"{figure['name']}.svg"
        check_hash(path, figure["sha256"], f"delete {folder} and draw the figures again")
    return index


def save(figure: Figure, stem: Path) -> None:
    """Write STEM.svg and STEM.png without dates, and close the figure."""
    for suffix, dated in ((".svg", {"Date": None}), (".png", {})):
        with writing(stem.with_name(stem.name + suffix)) as part:
            figure.savefig(part, format=suffix[1:], metadata=dated, bbox_inches="tight")
    plt.close(figure)


def _drawings(folder: Path, run: RunScores) -> Iterator[Drawing]:
    colours = {entry.method: entry.colour for entry in entries(run.frame)}
    for cohort in run.cohorts:
        cast = [Entry(p.method, p.network, p.label, colours[p.method], p.dash) for p in entries(cohort.frame)]
        yield from _per_stage(cohort, cast)
        if cohort.plays(run.roles.own):
            yield from _in_rounds(cohort, in_protocol(cohort.frame, cast, run.roles.own))
        yield from _per_user(cohort, cast)
        curves = _curves(folder, cohort.name)
        if curves:
            yield Drawing(
                f"{cohort.name}-training",
                "Training of the networks",
                f"Training loss (left) and Dice on the validation objects (right) of cohort {cohort.name}"
                f"{' (simulated)' if cohort.name in run.simulated else ''}; the circle marks the best validation.",
                training_curves(curves),
            )


def _per_stage(cohort: CohortScores, cast: Sequence[Entry]) -> Iterator[Drawing]:
    """The figures of a cohort's results, one point for each session."""
    nets = [entry for entry in cast if entry.method == BASE_NET]
    if len(nets) > 1:
        yield Drawing(
            f"{cohort.name}-networks",
            "Initial Dice per network",
            "One point for each object: Dice of the base network's own result inside the box. "
            f"{_BOXES} {FAILURES} {cohort.note}",
            network_boxes(cohort.frame, nets),
        )
    main = main_network(cohort.frame)
    yield Drawing(
        f"{cohort.name}-dice",
        "Dice per method",
        "One point for each session: Dice before adaptation, without scribbles, and with the same scribbles for every "
        f"method. {_BOXES} {FAILURES} {cohort.note}",
        dice_boxes(cohort.frame, cohort.stages, [entry for entry in cast if entry.network == main]),
    )


def _per_user(cohort: CohortScores, cast: Sequence[Entry]) -> Iterator[Drawing]:
    """The figure of the levels of the user, if the run has several."""
    run = cohort.run
    levels = by_user(cohort.frame, run.target, run.rules, run.roles.users)
    if len(levels):
        yield Drawing(
            f"{cohort.name}-users",
            "Level of the user",
            f"Mean Dice after the last round, and mean rounds to a Dice of {100 * run.target:g}% (one more "
            f"than the {cohort.rule(run.roles.own).rounds} of the protocol for never), by how carefully the robot "
            "draws, with 95% intervals over patients. "
            "The same policy, kind of box and seeds; the users are those of `bifseg robot list`. "
            f"{FAILURES} {cohort.note}",
            users_figure(levels, cast),
        )


def _in_rounds(cohort: CohortScores, cast: Sequence[Entry]) -> Iterator[Drawing]:
    """The figures over the rounds of a cohort in which each method is corrected on its own errors."""
    own, target = cohort.run.roles.own, cohort.run.target
    rule = cohort.rule(own)
    yield Drawing(
        f"{cohort.name}-rounds",
        "Dice against rounds",
        f"Mean Dice after each round of scribbles on a method's own mistakes ({own}), with its 95% "
        "interval over patients. Round 0: before any scribbles. A session that ended early "
        f"carries its last value forward. {FAILURES} {cohort.note}",
        dice_against_rounds(cohort.frame, cast, rule.rounds, own),
    )
    if rule.show(target):
        yield Drawing(
            f"{cohort.name}-reached",
            f"Rounds to a Dice of {100 * target:g}%",
            f"Share of the sessions ({own}) whose Dice was at least {100 * target:g}% after so many rounds or "
            "fewer, with its 95% interval over patients (Korn and Graubard 1998). A session "
            "that ended without reaching it, whatever the reason, never will and stays in the share. "
            f"{cohort.note}",
            reached_against_rounds(cohort.frame, cast, target, rule, own),
        )


def dice_boxes(scores: pd.DataFrame, stages: Mapping[str, pd.DataFrame], cast: Sequence[Entry]) -> Figure:
    """A panel per structure: boxes and points of Dice per stage and method.

    Args:
        scores: of one cohort.
        stages: rows of each stage, one for each session; a stage without rows is left out.
        cast: the entries that are shown.
    """
    stages = {stage: rows for stage, rows in stages.items() if len(rows)}
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
    """A panel per structure: boxes and points of the initial Dice of each base network."""
    rows = stage_rows(scores[scores["method"] == "base-net"], "initial")
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
    """A panel per structure: mean Dice after rounds 0..most of each entry, with the band of its 95% interval."""
    rows = scores[scores["protocol"] == own]
    figure, axes = panels(scores, width=5.2, height=3.6)
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for entry in cast:
            mine = of(rows, entry, structure)
            if len(mine):
                values, keys = dice_per_round(mine, most)
                patients = keys.get_level_values("patient")
                _band(axis, [mean_interval(dice, patients).within(0, 1) for dice in values.T], entry)
    legend(figure, cast, lines=True)
    return figure


def reached_against_rounds(
    scores: pd.DataFrame, cast: Sequence[Entry], target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> Figure:
    """A panel per structure: the share of sessions that reached the target by each round, with its band."""
    sessions = time_to_target(scores, target, rules, own)
    figure, axes = panels(scores, width=5.2, height=3.6, scale="share of sessions")
    for axis, (structure, _) in zip(axes, structures(scores), strict=True):
        for entry in cast:
            mine = of(sessions, entry, structure)
            if len(mine):
                _band(axis, reached_per_round(mine, rules.rounds), entry, steps=True)
        axis.set_ylim(-0.03, 1.03)
    legend(figure, cast, lines=True)
    return figure


def _band(axis: Axes, band: Sequence[Interval], entry: Entry, steps: bool = False) -> None:
    """An entry's curve over the rounds from 0, with its interval."""
    rounds = np.arange(len(band))
    mean, low, high = np.array([(point.mean, point.low, point.high) for point in band]).T
    step: Literal["post"] | None = "post" if steps else None
    axis.fill_between(rounds, low, high, color=entry.colour, alpha=0.15, lw=0, step=step)
    (line,) = axis.plot(rounds, mean, entry.dash, color=entry.colour, lw=1.8, marker="o", ms=3.5)
    line.set_drawstyle("steps-post" if steps else "default")
    axis.set_xlabel("round of scribbles")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def training_curves(curves: dict[str, pd.DataFrame]) -> Figure:
    """A row per network: training loss, and validation Dice with its best point."""
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


def _curves(run: Path, cohort: str) -> dict[str, pd.DataFrame]:
    """Training curves by network; a network with weights from elsewhere has none."""
    curves = {}
    for card in sorted(run.glob(f"networks/{cohort}/*/card.json")):
        path = card.with_name("curve.csv")
        check_hash(path, read_json(card)["curve_sha256"], f"delete {card.parent} and train again")
        curves[path.parent.name] = pd.read_csv(path)
    return {network: curve for network, curve in curves.items() if len(curve)}


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
