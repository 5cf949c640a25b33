"""Tables as CSV (raw numbers), and as Markdown and LaTeX (text for readers)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bifseg.analysis.budgets import BUDGETS
from bifseg.analysis.names import GROUP, method_label
from bifseg.analysis.raters import RATERS
from bifseg.analysis.robustness import CURVES
from bifseg.analysis.statistics import LEVEL
from bifseg.core.files import write_text
from bifseg.core.metrics import MetricInfo, higher_is_better, known
from bifseg.reports.latex import escaped, latex_table
from bifseg.reports.pipe_table import pipe_table


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        name: stem of its files.
        frame: raw numbers, one row per structure and entry, and per measure in a table of tests; empty when
            the run has nothing to show here.
        caption: what the numbers are, over which sessions, and how failures count; for an empty frame, the reason.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class _Quantity:
    """How a measure is shown.

    Attributes:
        header: of the column of its means.
        difference: its name in a table of differences.
        factor: from the stored value to the shown one.
        digits: behind the decimal point.
    """

    header: str
    difference: str
    factor: float
    digits: int


_EFFORT = {
    "round": _Quantity("Rounds", "rounds", 1, 1),
    "n_prompts": _Quantity("Prompts", "prompts", 1, 1),
    "n_strokes": _Quantity("Strokes", "strokes", 1, 1),
    "n_scribble_voxels": _Quantity("Scribble voxels", "scribble voxels", 1, 0),
    "user_s": _Quantity("User time (s)", "user time (s)", 1, 1),
    "initial": _Quantity("Initial Dice (%)", "initial Dice (points)", 100, 1),
    "final": _Quantity("Final Dice (%)", "final Dice (points)", 100, 1),
    "machine_s": _Quantity("Machine time (s)", "machine time (s)", 1, 1),
}


def _quantities() -> dict[str, _Quantity]:
    """How each measure is shown, by column of the scores: the known metrics, then effort."""
    return {column: _of_metric(metric) for column, metric in known().items()} | _EFFORT


def _of_metric(metric: MetricInfo) -> _Quantity:
    """How a metric is shown: a share in per cent, its differences in points; any other unit as it is."""
    if metric.unit == "share":
        return _Quantity(metric.header, f"{metric.name} (points)", 100, 1)
    return _Quantity(metric.header, metric.header, 1, 2)


_SPENT = ("round", "n_prompts", "n_strokes", "n_scribble_voxels", "user_s")

_SHARES = BUDGETS | CURVES | RATERS
"""Headers of shares with intervals, shown in per cent or points."""

TEXT = ("Seen", "Structure", "Method", "Exposure", "Protocol", "User", "Measure")
"""Headers of the columns whose cells are words."""

Row = dict[str, Any]


def present(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as text for readers: `84.6 ± 3.2*`, `+2.1 [+1.0, +3.3]`, `34 of 40 (85%)`, `> 10`, `<0.001`.

    A star marks a mean whose `holm_p` is below 0.05. Rows of several targets become one row an entry with a column
    for each target: `3.4 [2.8, 4.1] (6)`, where 6 sessions never reached it. A dash marks an unknown value.

    Args:
        frame: raw numbers of a `Table`.

    Returns:
        Texts in columns `Seen`, `Structure`, `Method`, then the numbers; a row for each row of the frame.
    """
    rows: list[Row] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    if "target" in frame:
        rows = _spread_targets(rows)
    shown = {header: [text(row) for row in rows] for header, text in _columns(frame).items()}
    return pd.DataFrame(shown)


def best_cells(frame: pd.DataFrame) -> dict[str, list[bool]]:
    """Which means are the best of their structure.

    Args:
        frame: raw numbers of a `Table`.

    Returns:
        By header of a measure, a flag for each row of `present`. No row of a structure is the best where all are
        equal. Effort that was spent, whether or not the target was reached, has no best; effort to the target, which
        has intervals, has one. A table of several targets has none.
    """
    best: dict[str, list[bool]] = {}
    for name, quantity in _quantities().items() if "target" not in frame else ():
        column = f"{name}_mean"
        if column in frame and (name not in _SPENT or f"{name}_low" in frame):
            higher = higher_is_better(name) or name in ("initial", "final")
            by_structure = frame.groupby(["seen", "structure"])[column]
            best_value, other = (
                by_structure.transform(kind) for kind in (("max", "min") if higher else ("min", "max"))
            )
            best[quantity.header] = ((frame[column] == best_value) & (best_value != other)).tolist()
    return best


def _spread_targets(rows: list[Row]) -> list[Row]:
    """One row for each entry, with the row of each target under the target."""
    entries: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        entry = entries.setdefault(tuple(row[key] for key in GROUP), dict(row))
        entry[row["target"]] = row
    return list(entries.values())


def _columns(frame: pd.DataFrame) -> dict[str, Callable[[Row], str]]:
    """The function that makes the text of a row, by header, in order."""
    networks = {*frame["network"], *frame.get("reference_network", ())}
    columns: list[tuple[str, str, Callable[[Row], str]]] = [
        ("Seen", "seen", lambda row: "seen" if row["seen"] else "unseen"),
        ("Structure", "structure", lambda row: row["structure"].replace("_", " ")),
        ("Method", "method", lambda row: method_label(row["method"], row["network"], networks)),
        *((name.title(), name, _text(name)) for name in ("exposure", "protocol", "user")),
        ("Measure", "measure", lambda row: _quantities()[row["measure"]].difference),
        *_effort_columns(frame),
        *((q.header, f"{name}_mean", _mean(name)) for name, q in _quantities().items()),
        ("Gain", "gain_mean", _points("gain_mean")),
        ("Gain per prompt", "gain_per_prompt", _points("gain_per_prompt")),
        ("Gain per minute", "gain_per_minute", _points("gain_per_minute")),
        ("Area (%)", "area_mean", _interval("area", "mean", 100, 1)),
        *((header, f"{name}_mean", _interval(name, "mean", 100, 1)) for name, header in _SHARES.items()),
        ("Time (s)", "time_mean", _interval("time", "mean", 1, 1)),
        ("Rank", "rank", rank_text),
        ("Difference", "difference_mean", _difference),
        ("Effect", "effect", lambda row: plain(row["effect"], "+.2f")),
        ("p (Wilcoxon)", "wilcoxon_p", lambda row: p_value(row["wilcoxon_p"])),
        ("p (Holm)", "holm_p", lambda row: p_value(row["holm_p"])),
        ("Between seeds' means", "headline_std", _scaled("headline_std")),
        ("Between seeds", "seed_std", _scaled("seed_std")),
        ("Between patients", "patient_std", _scaled("patient_std")),
        ("Seeds' share", "seed_share", lambda row: plain(row["seed_share"], ".0%")),
        ("Between replicates", "replicate_std", _scaled("replicate_std")),
        ("Between cases", "case_std", _scaled("case_std")),
        ("Replicates' share", "replicate_share", lambda row: plain(row["replicate_share"], ".0%")),
        *((name, name, _text(name)) for name in ("n", "seeds", "objects", "cases", "patients", "failed")),
    ]
    return {header: text for header, needed, text in columns if needed in frame}


def _effort_columns(frame: pd.DataFrame) -> list[tuple[str, str, Callable[[Row], str]]]:
    """The columns of effort to one target, or to each of several."""
    if "target" in frame:
        return [(f"{100 * goal:g}%", "target", _at(goal)) for goal in sorted(set(frame["target"]))]
    return [
        ("Reached", "reached", _reached),
        ("Rounds", "round_restricted", _interval("round", "restricted", 1, 1)),
        ("Prompts", "n_prompts_restricted", _interval("n_prompts", "restricted", 1, 1)),
        ("User time (s)", "user_s_restricted", _interval("user_s", "restricted", 1, 1)),
        ("Median rounds", "round_median", _median("round")),
        ("Median prompts", "n_prompts_median", _median("n_prompts")),
        ("Median strokes", "n_strokes_median", _median("n_strokes")),
        ("Median user time (s)", "user_s_median", _median("user_s")),
    ]


def _points(name: str) -> Callable[[Row], str]:
    """Text of a difference in Dice, in percentage points."""
    return lambda row: plain(100 * row[name], "+.1f")


def _text(name: str) -> Callable[[Row], str]:
    return lambda row: str(row[name])


def p_value(p: float) -> str:
    """A p-value as text.

    Args:
        p: in [0, 1]; NaN if no test was possible.

    Returns:
        `0.034`, `<0.001`, or a dash for NaN; near 0.05 with one digit more.
    """
    text = plain(p, ".2g")
    return "<0.001" if p < 0.001 else plain(p, ".3g") if text == "0.05" else text


def plain(value: float, form: str) -> str:
    """A number with a typographic minus.

    Args:
        value: any number.
        form: format specification, such as `.1f`.

    Returns:
        The text; a dash for NaN.
    """
    return "–" if np.isnan(value) else format(value, form).replace("inf", "∞").replace("-", "−")


def whole_percent(percent: float) -> str:
    """A share in per cent without decimals, but not 0 or 100 where it is neither.

    Args:
        percent: from 0 to 100; NaN if unknown.

    Returns:
        `87`, `100`, or with a decimal between 99.5 and 100 and between 0 and 0.5: `99.7`; a dash for NaN.
    """
    text = plain(percent, ".0f")
    if text in ("0", "100") and percent not in (0, 100):
        return plain(min(max(percent, 0.1), 99.9), ".1f")
    return text


def with_limits(value: float, low: float, high: float, form: str) -> str:
    """A number with the limits of its interval.

    Args:
        value: the number.
        low: lower limit; NaN for a number without an interval.
        high: upper limit.
        form: format specification, such as `.1f`.

    Returns:
        `2.3 [1.0, 3.3]`, or the number alone.
    """
    return plain(value, form) + limits(low, high, form)


def limits(low: float, high: float, form: str) -> str:
    """The limits of an interval, to stand behind a number.

    Args:
        low: lower limit; NaN for a number without an interval.
        high: upper limit.
        form: format specification, such as `.1f`.

    Returns:
        ` [1.0, 3.3]`; empty without an interval.
    """
    return "" if np.isnan(low) else f" [{plain(low, form)}, {plain(high, form)}]"


def rank_text(row: Mapping[Any, Any]) -> str:
    """Rank and letters of an entry.

    Args:
        row: with `rank` and `group`.

    Returns:
        `1 a`; a dash where the patients are too few to rank.
    """
    return f"{plain(row['rank'], 'g')} {row['group']}" if row["group"] else "–"


def _reached(row: Row) -> str:
    share = row["reached"] / row["n"]
    return "–" if np.isnan(share) else f"{row['reached']:.0f} of {row['n']} ({whole_percent(100 * share)}%)"


def _median(name: str) -> Callable[[Row], str]:
    """Text of a median over all sessions; `never`, or more rounds than allowed, if half of them miss the target."""

    def text(row: Row) -> str:
        median = row[f"{name}_median"]
        if np.isposinf(median):
            return f"> {row['round_limit']}" if name == "round" else "never"
        return plain(median, ".1f") if name == "user_s" else plain(round(median, 1), "g")

    return text


def _interval(name: str, middle: str, factor: float, digits: int) -> Callable[[Row], str]:
    """Text of NAME_MIDDLE with the limits of its interval, if it has one."""

    def text(row: Row) -> str:
        value, low, high = (factor * row[f"{name}_{kind}"] for kind in (middle, "low", "high"))
        return with_limits(value, low, high, f".{digits}f")

    return text


def _at(goal: Any) -> Callable[[Row], str]:
    """Text of the rounds to a target and how many never reached it."""
    mean = _interval("round", "restricted", 1, 1)

    def text(row: Row) -> str:
        counts = row[goal]
        return "–" if np.isnan(counts["never"]) else f"{mean(counts)} ({counts['never']:.0f})"

    return text


def _scaled(name: str) -> Callable[[Row], str]:
    """Text of a column in the units of the row's measure."""

    def text(row: Row) -> str:
        how = _quantities()[row["measure"]]
        return plain(how.factor * row[name], f".{how.digits}f")

    return text


def _mean(name: str) -> Callable[[Row], str]:
    """Text of a measure: mean, standard deviation if there is one, star if its test is significant."""
    how = _quantities()[name]

    def text(row: Row) -> str:
        mean, std = (how.factor * row[f"{name}_{kind}"] for kind in ("mean", "std"))
        spread = f" ± {std:.{how.digits}f}" if np.isfinite(mean) and np.isfinite(std) else ""
        star = "*" if row.get(f"{name}_holm_p", np.nan) < LEVEL else ""
        return plain(mean, f".{how.digits}f") + spread + star

    return text


def _difference(row: Row) -> str:
    how = _quantities()[row["measure"]]
    mean, low, high = (how.factor * row[f"difference_{kind}"] for kind in ("mean", "low", "high"))
    return with_limits(mean, low, high, f"+.{how.digits}f")


def to_markdown(table: Table, shown: pd.DataFrame | None = None) -> str:
    """The table in Markdown, with its caption.

    Args:
        table: with at least one row.
        shown: of `present`, if it is known.

    Returns:
        Title and caption in a paragraph, then the table.
    """
    shown = present(table.frame) if shown is None else shown
    body = pipe_table(list(shown.columns), shown.to_numpy().tolist(), TEXT)
    return f"**{table.title}.** {table.caption}\n\n{body}\n"


def to_latex(table: Table, shown: pd.DataFrame | None = None) -> str:
    r"""The table in LaTeX, with a heading for each structure; needs `\usepackage{booktabs}`.

    Args:
        table: with at least one row.
        shown: of `present`, if it is known.

    Returns:
        A whole `table` environment.
    """
    shown = present(table.frame) if shown is None else shown
    columns = shown.columns.tolist()[2:]
    groups = [
        (
            f"{structure} ({seen})",
            [[escaped(cell) for cell in row] for row in rows[columns].to_numpy().tolist()],
        )
        for (seen, structure), rows in shown.groupby(["Seen", "Structure"], sort=False)
    ]
    return latex_table(columns, TEXT, groups, table.name, f"{table.title}. {table.caption}")


def write_table(table: Table, folder: Path) -> None:
    """Write a table as NAME.csv (raw numbers), NAME.md and NAME.tex (for readers).

    Args:
        table: with at least one row.
        folder: where the files go.
    """
    write_text(folder / f"{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n"))
    shown = present(table.frame)
    write_text(folder / f"{table.name}.md", to_markdown(table, shown))
    write_text(folder / f"{table.name}.tex", to_latex(table, shown))
