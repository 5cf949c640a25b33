"""The first screen of the report: every entry of a cohort, ranked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import METHODS, TOOLS
from bifseg.analysis.overview import HIGHER_IS_BETTER, MEASURES, Overview, overview
from bifseg.analysis.run_scores import CohortScores
from bifseg.cards.entries import entry_name
from bifseg.reports.formats import rank_text, with_limits

_SHOWN = {  # header, factor, digits
    "initial": ("Initial Dice (%)", 100, 1),
    "dice": ("Final Dice (%)", 100, 1),
    "reached": ("Reached {goal} (%)", 100, 0),
    "rounds": ("Rounds to {goal}", 1, 1),
    "prompts": ("Prompts to {goal}", 1, 1),
    "user_s": ("User time (s)", 1, 1),
    "machine_s": ("Machine time (s)", 1, 2),
}


@dataclass(frozen=True)
class Cell:
    """A number as text, and whether it is the best of its column."""

    text: str
    best: bool


@dataclass(frozen=True)
class Line:
    """One entry.

    Attributes:
        rank: place and tie letters, `1 a`.
        name: METHOD@NETWORK.
        yours: whether its method is none of bifseg's.
        cells: in the order of the columns.
        n, failed: sessions, and those without a result.
    """

    rank: str
    name: str
    yours: bool
    cells: list[Cell]
    n: int
    failed: int


@dataclass(frozen=True)
class FirstScreen:
    """What the first screen says of a cohort.

    Attributes:
        sentence: who is first, and whether that is sure.
        caption: how to read the table.
        columns: headers of the cells.
        lines: the entries, best first.
        first: (method, network) of the best entry.
    """

    sentence: str
    caption: str
    columns: list[str]
    lines: list[Line]
    first: tuple[str, str]


def first_screen(cohort: CohortScores) -> FirstScreen:
    """The first screen of a cohort.

    Args:
        cohort: its scores.

    Returns:
        Entries under the main protocol, best first, with a sentence and a caption.

    Raises:
        InputError: the card of its protocol is missing.
    """
    found = overview(cohort)
    goal, frame = f"{100 * cohort.run.target:g}%", found.frame
    shown = [name for name in MEASURES if frame[f"{name}_mean"].notna().any()]
    best = {name: _best(frame[f"{name}_mean"], name) for name in shown}
    lines = [
        Line(
            rank_text(row),
            entry_name(row["method"], row["network"]),
            row["method"] not in METHODS + TOOLS,
            [Cell(_text(row, name), best[name][k]) for name in shown],
            row["n"],
            row["failed"],
        )
        for k, row in enumerate(frame.to_dict("records"))
    ]
    columns = [_SHOWN[name][0].format(goal=goal) for name in shown]
    first = (frame["method"].iloc[0], frame["network"].iloc[0])
    return FirstScreen(_sentence(found, goal), _caption(found, goal), columns, lines, first)


def _best(means: pd.Series, name: str) -> list[bool]:
    """Which values are the best of a column; none where all are equal."""
    pick: Callable[[Any], float] = np.nanmax if name in HIGHER_IS_BETTER else np.nanmin
    values = means.to_numpy(float)
    best = values == pick(values)
    return [bool(one) and not best.all() for one in best]


def _text(row: dict[Any, Any], name: str) -> str:
    _, factor, digits = _SHOWN[name]
    value, low, high = (factor * row[f"{name}_{kind}"] for kind in ("mean", "low", "high"))
    return with_limits(value, low, high, f".{digits}f")


def _sentence(found: Overview, goal: str) -> str:
    """Who is first by how much, and who cannot be told from it."""
    frame = found.frame
    names = [entry_name(*pair) for pair in zip(frame["method"], frame["network"], strict=True)]
    row = frame.iloc[0].to_dict()
    if found.by == "rounds":
        how = f"{_text(row, 'rounds')} rounds to a Dice of {goal}, reached in {_text(row, 'reached')}% of sessions"
    else:
        how = f"a mean final Dice of {_text(row, 'dice')}%"
    letters = set(row["group"])
    tied = [name for name, group in zip(names[1:], frame["group"][1:], strict=True) if letters & set(group)]
    if len(names) == 1:
        return f"{names[0]}: {how}."
    if not letters:
        sure = "Whether any other entry is worse cannot be told: too few patients to rank."
    elif not tied:
        sure = "Every other entry is worse (p < 0.05)."
    elif len(tied) == len(names) - 1:
        sure = "No other entry can be told apart from it."
    else:
        sure = f"Not told apart from it: {', '.join(tied)}."
    return f"{names[0]} is first: {how}. {sure}"


def _caption(found: Overview, goal: str) -> str:
    by, effort = "final Dice", ""
    if found.by == "rounds":
        by = f"rounds to {goal} (never: {found.rounds} + 1), fewest first"
        effort = (
            f"Prompts (the box counts 1) and user time are those until {goal}; a session that never reaches it costs "
            "the most that the protocol allows. "
        )
    return (
        f"Last results under {found.protocol}, ranked by mean {by}: means over all sessions with 95% "
        "intervals over patients. The best value of a column is bold. Entries that share a letter cannot be told "
        "apart (Wilcoxon signed-rank test over patients, all pairs, Holm, 0.05); a dash for a rank: too few "
        f"patients. A failed session counts with the worst score. {effort}User time is predicted. A dash: the entry "
        "starts from scribbles and has no initial result."
    )
