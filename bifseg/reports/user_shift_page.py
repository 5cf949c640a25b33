"""The files of `bifseg robot shift`: a table as CSV and a page in Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.user_shift import EVERYWHERE, interval_text, shift_line
from bifseg.core.files import write_text
from bifseg.reports.pipe_table import pipe_table
from bifseg.robot.people.pooled import ALL_MEASURES

_CAPTION = (
    "Means over the images on which several people drew, or over all if there are none. Shift: distance of the policy "
    "to each person; spread: distance between persons; ratio: shift over spread with its 95 % interval over images, "
    "1 for a policy that is as far from a person as another person is. Distances of counts, lengths and coverage (in "
    "%) are differences of ln(1 + value); of the overlap 1 - Dice. A pixel of unknown size counts as 1 mm."
)


def write_shift(out: Path, table: pd.DataFrame) -> None:
    """Write OUT/shift.csv and OUT/shift.md.

    Args:
        out: folder of the files.
        table: rows of `shift_table`.
    """
    write_text(out / "shift.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(out / "shift.md", shift_page(table))


def shift_page(table: pd.DataFrame) -> str:
    """The table in Markdown: one line and one table a policy, then all measures together by set of images.

    Args:
        table: rows of `shift_table`.

    Returns:
        The page.
    """
    parts = [_CAPTION]
    for policy, own in table.groupby("policy", sort=False):
        rows = own[(own.set == EVERYWHERE) & (own.measure != ALL_MEASURES)]
        parts += [f"**{policy}.** {shift_line(str(policy), table)}", _measures(rows)]
    parts += ["**All measures together**, ratio by set of images:", _sets(table)]
    return "\n\n".join(parts) + "\n"


def _measures(rows: pd.DataFrame) -> str:
    header = ["strokes", "measure", "people", "policy", "shift", "spread", "ratio"]
    lines = [
        [
            row["label"],
            row["measure"].replace("_", " "),
            *(_number(row[name]) for name in ("people", "robot", "shift", "spread")),
            _ratio(row),
        ]
        for _, row in rows.iterrows()
    ]
    return pipe_table(header, lines, header[:2])


def _sets(table: pd.DataFrame) -> str:
    pooled = table[table.measure == ALL_MEASURES]
    sets = list(dict.fromkeys(pooled.set))
    counts = pooled.drop_duplicates("set").set_index("set").n_images
    lines = []
    for policy, own in pooled.groupby("policy", sort=False):
        by_set = own.set_index("set")
        lines.append([str(policy), *(_ratio(by_set.loc[name]) for name in sets)])
    return pipe_table(["policy", *(f"{name} (n {counts[name]})" for name in sets)], lines, ["policy"])


def _ratio(row: pd.Series) -> str:
    return f"{_number(row.ratio)}{interval_text(row)}"


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "–"
