"""The first screen of the report: every entry, ranked, per cohort and over all cohorts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.names import METHODS, TOOLS
from bifseg.analysis.overview import HIGHER_IS_BETTER, MEASURES, Overview
from bifseg.cards.entries import entry_name
from bifseg.core.wording import joined
from bifseg.reports.caption_notes import other_objects
from bifseg.reports.formats import limits, plain, rank_text, whole_percent
from bifseg.reports.shown_table import Group, Row, ShownTable, with_files

_SHOWN = {  # header, factor, digits
    "initial": ("Initial Dice (%)", 100, 1),
    "dice": ("Final Dice (%)", 100, 1),
    "reached": ("Reached {goal} (%)", 100, 0),
    "prompts": ("Prompts to {goal}", 1, 1),
    "rounds": ("Rounds to {goal}", 1, 1),
    "user_s": ("User time (s)", 1, 1),
    "machine_s": ("Machine time (s)", 1, 2),
}


@dataclass(frozen=True)
class FirstScreen:
    """What the first screen says of one cohort or of all.

    Attributes:
        sentence: which entry is first, and whether others differ significantly.
        caption: how to read the table.
        table: a row an entry, best first; entries that saw patients in training in a group apart.
    """

    sentence: str
    caption: str
    table: ShownTable


def first_screen(summary: Overview, target: float) -> FirstScreen:
    """The first screen of a cohort, or of all cohorts together.

    Args:
        summary: of `overview` or `overview_over_cohorts`.
        target: Dice that counts as reached.

    Returns:
        Entries, best first, with a sentence and a caption.
    """
    goal, frame = f"{100 * target:g}%", summary.frame
    known = [name for name in MEASURES if frame[f"{name}_mean"].notna().any()]
    shown = sorted(known, key=lambda name: name != summary.by)  # what the ranking is by comes first
    parts = _parts(frame)
    groups = [Group(_rows(summary, part, shown), title if len(parts) > 1 else "") for title, part in parts]
    columns = [
        "Rank",
        "Entry",
        *(_SHOWN[name][0].format(goal=goal) for name in shown),
        "Exposure",
        "n",
        "failed",
    ]
    name = "-".join((*summary.cohorts, "ranking"))
    table = with_files(ShownTable(columns, groups, ("Rank", "Entry", "Exposure")), name)
    return FirstScreen(_sentence(summary, goal), _caption(summary, goal), table)


def _parts(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The entries that are ranked together, with a heading."""
    titles = {
        False: "Not trained on these patients",
        True: "Trained on some of these patients: ranked apart",
    }
    return [(titles[bool(saw)], part) for saw, part in frame.groupby("saw", sort=True)]


def _rows(summary: Overview, frame: pd.DataFrame, shown: list[str]) -> list[Row]:
    """The rows of entries that are ranked together."""
    best = {name: _best(frame[f"{name}_mean"], name) for name in shown}
    one = summary.cohorts[0] if len(summary.cohorts) == 1 else ""
    rows = []
    for k, row in enumerate(frame.to_dict("records")):
        entry, yours = entry_name(row["method"], row["network"]), row["method"] not in METHODS + TOOLS
        numbers = [(_text(row, name), best[name][k]) for name in shown]
        cells = [
            (rank_text(row), False),
            (entry, False),
            *numbers,
            (row["exposure"], False),
            (str(row["n"]), False),
            (str(row["failed"]), False),
        ]
        where = {"cohort": one, "structure": "", "entry": entry, "protocol": summary.protocol}
        rows.append(Row(cells, where, yours))
    return rows


def summary_text(summary: Overview, target: float, simulated: Collection[str]) -> str:
    """The three numbers that matter of the first entry and of the user's own ones, for a terminal.

    Args:
        summary: of `overview` or `overview_over_cohorts`.
        target: Dice that counts as reached.
        simulated: names of cohorts whose images a simulator made.

    Returns:
        Lines, each ended by a newline: for each such entry final Dice, prompts to the target, and user time; a number
        that the protocol does not give is left out.
    """
    goal, frame = f"{100 * target:g}%", summary.frame
    means = "means of " if len(summary.cohorts) > 1 else ""
    made = [name for name in summary.cohorts if name in simulated]
    which = "" if len(made) == len(summary.cohorts) else f" in {', '.join(made)}"
    where = f"{means}{', '.join(summary.cohorts)}{f', simulated images{which}' if made else ''}"
    parts = _parts(frame)
    lines = [
        line
        for title, part in parts
        for line in [*([f"{title}:"] if len(parts) > 1 else []), *_lines(part, goal, where, summary.protocol)]
    ]
    if summary.partial:
        lines.append(f"    Not ranked, since not in every cohort: {', '.join(summary.partial)}.")
    if summary.others:
        lines.append(f"    Not ranked, since a method's main network counts: {', '.join(summary.others)}.")
    lines += [f"    {text}" for text in other_objects(summary.fewer)]
    return "".join(f"{line}\n" for line in lines)


def _lines(frame: pd.DataFrame, goal: str, where: str, protocol: str) -> list[str]:
    """The lines of entries that are ranked together."""
    names, lines = _names(frame), []
    first = _names(frame[frame["rank"] == 1])
    for k, row in enumerate(frame.to_dict("records")):
        if k and row["method"] in METHODS + TOOLS:
            continue
        number = "first" if row["rank"] == 1 else f"number {row['rank']:.0f}"
        others = [name for name in first if name != names[k]] if row["rank"] == 1 else []
        rank = f"{number} of {len(frame)} entries{f', with {joined(others)}' if others else ''}"
        alone = f"the only entry under {protocol}"
        lines.append(f"{names[k]} is {rank if len(frame) > 1 else alone} ({where}):")
        reached = f", reached in {_text(row, 'reached')}% of sessions"
        spent = "until then" if np.isfinite(row["prompts_mean"]) else "a session"
        numbers = {
            "dice": f"{_text(row, 'dice')}% Dice at the end",
            "prompts": f"{_text(row, 'prompts')} prompts to a Dice of {goal}{reached}",
            "user_s": f"{_text(row, 'user_s')} s of a user's time {spent}, predicted",
        }
        lines += [f"    {text}" for name, text in numbers.items() if np.isfinite(row[f"{name}_mean"])]
        if k == 0 and len(names) > 1:
            lines.append(f"    {_certainty(names, frame['group'].tolist())}")
    return lines


def _best(means: pd.Series, name: str) -> list[bool]:
    """Which values are the best of a column; none where all are equal or unknown."""
    pick: Callable[[Any], float] = np.nanmax if name in HIGHER_IS_BETTER else np.nanmin
    values = means.to_numpy(float)
    if np.isnan(values).all():
        return [False] * len(values)
    best = values == pick(values)
    return [bool(one) and not best.all() for one in best]


def _text(row: dict[Any, Any], name: str) -> str:
    _, factor, digits = _SHOWN[name]
    value, low, high = (factor * row[f"{name}_{kind}"] for kind in ("mean", "low", "high"))
    form = f".{digits}f"
    return (whole_percent(value) if name == "reached" else plain(value, form)) + limits(low, high, form)


def _sentence(summary: Overview, goal: str) -> str:
    """Which entry of each part is first, by how much, and which others do not differ significantly."""
    parts = _parts(summary.frame)
    texts = [_sentence_of(summary, part, goal) for _, part in parts]
    titled = [
        text if len(parts) == 1 else f"{title}: {text}" for (title, _), text in zip(parts, texts, strict=True)
    ]
    return " ".join([*titled, *other_objects(summary.fewer)])


def _sentence_of(summary: Overview, frame: pd.DataFrame, goal: str) -> str:
    names = _names(frame)
    row = frame.iloc[0].to_dict()
    if summary.by == "prompts":
        how = f"{_text(row, 'prompts')} prompts to a Dice of {goal}, reached in {_text(row, 'reached')}% of sessions"
    else:
        how = f"a mean final Dice of {_text(row, 'dice')}%"
    if len(names) == 1:
        return f"{names[0]}: {how}."
    kind = "methods" if summary.others else "entries"
    among = f"Of the {len(names)} {kind} that play in every cohort, " if summary.partial else ""
    first = _names(frame[frame["rank"] == row["rank"]])
    leads = f"{joined(first)} share the first rank; {names[0]}" if len(first) > 1 else f"{names[0]} is first"
    return f"{among}{leads}: {how}. {_certainty(names, frame['group'].tolist())}"


def _names(frame: pd.DataFrame) -> list[str]:
    return [entry_name(*pair) for pair in zip(frame["method"], frame["network"], strict=True)]


def _certainty(names: list[str], groups: list[str]) -> str:
    """Which entries do not differ significantly from the first."""
    letters = set(groups[0])
    tied = [name for name, group in zip(names[1:], groups[1:], strict=True) if letters & set(group)]
    if not letters:
        return "There are too few patients to tell whether any other entry is worse."
    if not tied:
        return "Every other entry is worse (p < 0.05)."
    if len(tied) == len(names) - 1:
        return "No other entry differs significantly."
    return f"No significant difference: {', '.join(tied)}."


def _caption(summary: Overview, goal: str) -> str:
    """How to read the table; the report's definitions say the rest."""
    frame = summary.frame
    by = f"prompts to {goal}, fewest first" if summary.by == "prompts" else "mean final Dice"
    what = "means of the cohorts' means" if len(summary.cohorts) > 1 else "means"
    limited = frame[[f"{name}_low" for name in MEASURES]].notna().any(axis=None)
    each = " of each cohort" if len(summary.cohorts) > 1 else ""
    intervals = " with 95% intervals over patients" if limited else f"; an interval needs two patients{each}"
    texts = [
        f"Last results under {summary.protocol}, ranked by {by}: {what}{intervals}.",
        "Entries that share a letter do not differ significantly; the best value of a column is bold.",
    ]
    if (frame["group"] == "").any():
        texts.append("A dash for a rank: too few patients to tell entries apart.")
    if frame["saw"].any():
        texts.append(
            "Entries trained on some of these patients are ranked apart, with best values of their own."
        )
    if frame["initial_mean"].isna().any() and frame["initial_mean"].notna().any():
        where = " in some cohort" if len(summary.cohorts) > 1 else ""
        texts.append(f"A dash for the initial result: the entry starts from scribbles{where}.")
    if summary.partial:
        texts.append(f"Not in every cohort: {', '.join(summary.partial)}.")
    if summary.others:
        texts.append(
            "A method counts with its main network in each cohort, the one that most methods use; left out: "
            f"{', '.join(summary.others)}."
        )
    return " ".join(texts)
