"""Figures of a run: Dice against rounds, Dice per method, training curves. Equal scores give equal files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from bifseg.analysis.names import BASE_NET, FAILURES
from bifseg.analysis.paired import main_network
from bifseg.analysis.robustness import robustness
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.user_levels import by_user
from bifseg.core.files import (
    check_hash,
    file_hash,
    read_record,
    write_record,
    writing,
    writing_folder,
)
from bifseg.reports.drawings import (
    curves_figure,
    dice_against_rounds,
    dice_boxes,
    network_boxes,
    reached_against_rounds,
    training_curves,
    users_figure,
)
from bifseg.reports.panels import (
    STYLE,
    Entry,
    entries,
    in_protocol,
    surroundings,
    svg,
    with_rows,
)
from bifseg.reports.robustness import flat_lines

_BOXES = "Boxes: quartiles and median; whiskers: 1.5 times the quartiles' distance; white diamond: mean."


@dataclass(frozen=True)
class Drawing:
    """A figure with its caption; `name` is the stem of its files."""

    name: str
    title: str
    caption: str
    figure: Figure


def write_figures(folder: Path, target: float = 0.90, scores: RunScores | None = None) -> None:
    """Write FOLDER/figures of a run's folder: SVG, PNG and `index.json` (for `figure_index.read_figures`).

    Args:
        folder: RESULTS/RUN, with scores.parquet, sessions and the training curves of networks.
        target: Dice that counts as reached.
        scores: of the run with the same target; None: they are read.

    Raises:
        InputError: scores or a protocol card are missing, or a file is damaged.
    """
    run = scores or RunScores.read(folder, target)
    index = []
    with writing_folder(folder / "figures") as part, plt.rc_context(STYLE):
        for drawing in _drawings(folder, run):
            _save(drawing.figure, part / drawing.name)
            about = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption}
            index.append(about | {"sha256": file_hash(part / f"{drawing.name}.svg")})
        write_record(part / "index.json", {"figures": index})


def _save(figure: Figure, stem: Path) -> None:
    """Write STEM.png and STEM.svg without dates, and close the figure."""
    around = surroundings(figure)
    with writing(stem.with_name(f"{stem.name}.png")) as part:
        figure.savefig(part, format="png", bbox_inches=around)
    with writing(stem.with_name(f"{stem.name}.svg")) as part:
        part.write_bytes(svg(figure, around))


def _drawings(folder: Path, run: RunScores) -> Iterator[Drawing]:
    methods = {entry.method: entry for entry in entries(run.frame)}
    for cohort in run.cohorts:
        cast = [
            replace(entry, colour=methods[entry.method].colour, marker=methods[entry.method].marker)
            for entry in entries(cohort.frame)
        ]
        yield from _per_stage(cohort, cast)
        if cohort.plays(run.roles.own):
            yield from _in_rounds(cohort, in_protocol(cohort.frame, cast, run.roles.own))
        yield from _per_user(cohort, cast)
        yield from _per_level(cohort, cast)
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
    drawn = {
        entry for rows in cohort.stages.values() for entry in with_rows(rows, cast) if entry.network == main
    }
    if drawn:  # tools that start from scribbles have none of these results
        yield Drawing(
            f"{cohort.name}-dice",
            "Dice per method",
            "One point for each session: Dice before adaptation, without scribbles, and with the same scribbles for "
            f"every method. {_BOXES} {FAILURES} {cohort.note}",
            dice_boxes(cohort.frame, cohort.stages, [entry for entry in cast if entry in drawn]),
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


def _per_level(cohort: CohortScores, cast: Sequence[Entry]) -> Iterator[Drawing]:
    """The figure of the levels of disturbance, if the run has some."""
    curves = robustness(cohort.disturbed)
    if len(curves):
        yield Drawing(
            f"{cohort.name}-robustness",
            "Dice over levels of disturbance",
            "Mean last Dice at each level of the protocols with a disturbance, with 95% intervals over patients; level "
            f"0 is undisturbed (docs/robustness.md). {flat_lines(curves)} {FAILURES} {cohort.note}",
            curves_figure(curves, cast),
        )


def _in_rounds(cohort: CohortScores, cast: Sequence[Entry]) -> Iterator[Drawing]:
    """The figures over the rounds of a cohort in which each method is corrected on its own errors."""
    own, target = cohort.run.roles.own, cohort.run.target
    rule = cohort.rule(own)
    yield Drawing(
        f"{cohort.name}-rounds",
        "Dice against rounds",
        f"Mean Dice after each round of scribbles on a method's own errors ({own}), with its 95% "
        "interval over patients. Round 0: before any scribbles. A session that ended early "
        f"carries its last value forward. {FAILURES} {cohort.note}",
        dice_against_rounds(cohort.frame, cast, rule.rounds, own),
    )
    if rule.plays_to(target):
        yield Drawing(
            f"{cohort.name}-reached",
            f"Rounds to a Dice of {100 * target:g}%",
            f"Share of the sessions ({own}) whose Dice was at least {100 * target:g}% after so many rounds or "
            "fewer, with its 95% interval over patients (Korn and Graubard 1998). A session "
            "that ended without reaching it, whatever the reason, never will and stays in the share. "
            f"{cohort.note}",
            reached_against_rounds(cohort.frame, cast, target, rule, own),
        )


def _curves(run: Path, cohort: str) -> dict[str, pd.DataFrame]:
    """Training curves by network; a network with weights from elsewhere has none."""
    curves = {}
    for card in sorted(run.glob(f"networks/{cohort}/*/card.json")):
        path = card.with_name("curve.csv")
        check_hash(
            path, read_record(card, "curve_sha256")["curve_sha256"], f"delete {card.parent} and train again"
        )
        curves[path.parent.name] = pd.read_csv(path)
    return {network: curve for network, curve in curves.items() if len(curve)}
