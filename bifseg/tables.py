"""The paper's tables: one small frame of numbers per question, as CSV, Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from bifseg.scoring import read_scores
from bifseg.store import read_json, write_json, write_text, writing_folder
from bifseg.summaries import (
    FAILURES,
    OWN,
    SHARED,
    data_note,
    gains,
    initial_results,
    interactions,
    method_label,
    results,
    simulated_cohorts,
    stage_rows,
)


@dataclass(frozen=True)
class Table:
    """Numbers with what must be known to read them.

    Attributes:
        name: stem of its files.
        frame: raw numbers, one row per structure and method; empty when the run has nothing to show here.
        caption: what, over what, and how failures count; for an empty frame, why it is empty.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame


def run_tables(
    scores: pd.DataFrame, simulated: Iterable[str], target: float = 0.90, shared: str = SHARED, own: str = OWN
) -> list[Table]:
    """Every table of every cohort, in reading order; `simulated` names the cohorts whose images were made."""
    made = set(simulated)
    return [
        table
        for cohort, rows in scores.groupby("cohort", sort=True)
        for table in _cohort_tables(rows, str(cohort), cohort in made, target, shared, own)
    ]


def _cohort_tables(
    scores: pd.DataFrame, cohort: str, simulated: bool, target: float, shared: str, own: str
) -> Iterator[Table]:
    goal = f"{100 * target:g}%"
    frames = {
        "initial": initial_results(scores, shared),
        "unsupervised": results(stage_rows(scores, "unsupervised", shared)),
        "supervised": results(stage_rows(scores, "supervised", shared)),
        "gains": gains(scores, shared),
        "interactions": interactions(scores, target, own),
    }
    needs = {"supervised": shared, "interactions": own}
    for name, frame in frames.items():
        title, told = (text.format(shared=shared, own=own, goal=goal) for text in _WORDS[name])
        if frame.empty:
            caption = f"Left out: cohort {cohort} has no sessions of {needs.get(name, 'base-net')}."
        else:
            caption = f"{told} {data_note(scores, cohort, simulated)}"
        yield Table(f"{cohort}-{name}", title, caption, frame)


_RESULTS = f"Dice (%) and ASSD (mm), mean ± standard deviation over n sessions. {FAILURES}"
# name: title, caption
_WORDS = {
    "initial": (
        "Initial results",
        f"{_RESULTS} The result inside the box, before any adaptation; methods that begin with the base net's "
        "result are not repeated.",
    ),
    "unsupervised": (
        "Without scribbles",
        f"{_RESULTS} The last result before any scribbles; for the base net, its initial result.",
    ),
    "supervised": (
        "With the same scribbles",
        f"{_RESULTS} The last result under {{shared}}: every method gets the scribbles that were drawn on the base "
        "net's initial result. The base net takes no scribbles and shows its initial result.",
    ),
    "gains": (
        "Gain over the base net",
        "Mean difference in Dice, in points, to the base net's initial result on the same object, with the 95% "
        f"bootstrap interval over cases; n pairs. {FAILURES}",
    ),
    "interactions": (
        "Effort to a Dice of {goal}",
        "Under {own}, effort until Dice is at least {goal}. Rounds, strokes, scribble voxels, user time (predicted) "
        "and machine time: mean ± standard deviation over the sessions that reached the target, and only those. "
        "Median rounds: over all n sessions, where one that never reached it counts as more than all rounds "
        "played. A failed session counts as never there, unless it was before it failed. The base net takes no "
        "scribbles: it is there at once or never.",
    ),
}

# name: header, factor, digits
_QUANTITIES = {
    "dice": ("Dice (%)", 100, 1),
    "assd_mm": ("ASSD (mm)", 1, 2),
    "gain": ("Gain (Dice points)", 100, 1),
    "round": ("Rounds", 1, 1),
    "n_strokes": ("Strokes", 1, 1),
    "n_scribble_voxels": ("Scribble voxels", 1, 0),
    "user_s": ("User time (s)", 1, 1),
    "machine_s": ("Machine time (s)", 1, 1),
}


def present(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as text for readers: `84.6 ± 3.2`, `+2.1 [+1.0, +3.3]`, `34 of 40 (85 %)`, `> 10`.

    Keeps the columns `Seen` and `Structure` first, for grouping, then `Method`.
    """
    shown = pd.DataFrame(
        {
            "Seen": ["seen" if seen else "unseen" for seen in frame["seen"]],
            "Structure": [name.replace("_", " ") for name in frame["structure"]],
            "Method": [
                method_label(method, network, frame["network"])
                for method, network in zip(frame["method"], frame["network"], strict=True)
            ],
        }
    )
    if "stage" in frame:
        shown["Stage"] = frame["stage"]
    if "reached" in frame:
        shown["Reached"] = [
            f"{r} of {n} ({r / n:.0%})" for r, n in zip(frame["reached"], frame["n"], strict=True)
        ]
        shown["Median rounds"] = [
            f"{median:g}" if np.isfinite(median) else f"> {most}"
            for median, most in zip(frame["round_median"], frame["rounds_played"], strict=True)
        ]
    for name, (header, factor, digits) in _QUANTITIES.items():
        if f"{name}_mean" in frame:
            shown[header] = [_number(row, name, factor, digits) for row in frame.to_dict("records")]
    for name in ("n", "cases", "failed"):
        if name in frame:
            shown[name] = frame[name].astype(str)
    return shown


def _number(row: dict, name: str, factor: float, digits: int) -> str:
    mean = row[f"{name}_mean"] * factor
    if f"{name}_low" in row:
        limits = [f"{factor * row[f'{name}_{side}']:+.{digits}f}" for side in ("low", "high")]
        text = f"{mean:+.{digits}f}" + ("" if np.isnan(row[f"{name}_low"]) else f" [{', '.join(limits)}]")
        return text.replace("-", "−")
    if not np.isfinite(mean):
        return "∞" if np.isinf(mean) else "–"
    std = row[f"{name}_std"] * factor
    return f"{mean:.{digits}f}" + (f" ± {std:.{digits}f}" if np.isfinite(std) else "")


def to_markdown(table: Table) -> str:
    """The caption and a pipe table."""
    shown = present(table.frame)
    cells = [[cell.replace("|", "\\|") for cell in row] for row in shown.to_numpy().tolist()]
    align = ["left" if name in _TEXT else "right" for name in shown]
    body = tabulate(cells, list(shown), tablefmt="pipe", colalign=align, disable_numparse=True)
    return f"**{table.title}.** {table.caption}\n\n{body}\n"


_TEXT = ("Seen", "Structure", "Method", "Stage")
_LATEX = str.maketrans(
    {
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "∞": r"$\infty$",
        ">": "$>$",
        "<": "$<$",
        "–": "--",
        "−": "$-$",
    }
)


def to_latex(table: Table) -> str:
    """A booktabs table, a heading for every structure; needs `\\usepackage{booktabs}`."""
    shown = present(table.frame)
    columns = list(shown)[2:]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_tex(table.title)}. {_tex(table.caption)}}}",
        rf"\label{{tab:{table.name}}}",
        rf"\begin{{tabular}}{{{''.join('l' if name in _TEXT else 'r' for name in columns)}}}",
        r"\toprule",
        " & ".join(map(_tex, columns)) + r" \\",
    ]
    for (seen, structure), rows in shown.groupby(["Seen", "Structure"], sort=False):
        lines += [
            r"\midrule",
            rf"\multicolumn{{{len(columns)}}}{{l}}{{\emph{{{_tex(structure)} ({seen})}}}} \\",
        ]
        lines += [" & ".join(map(_tex, cells)) + r" \\" for cells in rows[columns].to_numpy().tolist()]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _tex(text: object) -> str:
    return str(text).translate(_LATEX)


def write_tables(run: Path, target: float = 0.90) -> None:
    """Write RUN/tables from RUN/scores.parquet: the tables and `index.json`, what `read_tables` reads."""
    tables = run_tables(read_scores(run / "scores.parquet"), simulated_cohorts(run), target)
    with writing_folder(run / "tables") as folder:
        for table in tables:
            if len(table.frame):
                write_table(table, folder)
        index = [{"name": t.name, "title": t.title, "caption": t.caption} for t in tables]
        write_json(folder / "index.json", {"target": target, "tables": index})


def write_table(table: Table, folder: Path) -> None:
    """Write a table as NAME.csv (raw numbers), NAME.md and NAME.tex (for readers)."""
    write_text(folder / f"{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n"))
    write_text(folder / f"{table.name}.md", to_markdown(table))
    write_text(folder / f"{table.name}.tex", to_latex(table))


def read_tables(folder: Path) -> list[Table]:
    """The tables that `write_tables` wrote, in reading order; those left out have an empty frame."""
    return [
        Table(entry["name"], entry["title"], entry["caption"], _read_frame(folder / f"{entry['name']}.csv"))
        for entry in read_json(folder / "index.json")["tables"]
    ]


def _read_frame(path: Path) -> pd.DataFrame:
    if not path.is_file():
        return pd.DataFrame()
    frame = pd.read_csv(path, dtype={"structure": str, "method": str, "network": str})
    return frame.fillna({"network": ""})
