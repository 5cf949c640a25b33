"""The files of `bifseg robot ranking`: scores and correlations as CSV, and a page in Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.rank_agreement import mean_dice
from bifseg.core.files import write_text
from bifseg.reports.pipe_table import pipe_table

_DICE = (
    "Mean Dice (%) over images with the strokes of people and of each policy's first round, all given at once. "
    "A method that starts from scribbles works in the robot's box."
)
_AGREEMENT = (
    "Rank correlation over methods with people's mean Dice (a person's: with the other persons'), with the 95 % "
    "bootstrap interval over images, and how often both name the same best method."
)


def write_ranking(out: Path, scores: pd.DataFrame, agreement: pd.DataFrame) -> None:
    """Write OUT/scores.csv, OUT/agreement.csv and OUT/ranking.md.

    Args:
        out: folder of the files.
        scores: rows of `stroke_scores`.
        agreement: rows of `rank_agreement`.
    """
    write_text(out / "scores.csv", scores.to_csv(index=False, lineterminator="\n"))
    write_text(out / "agreement.csv", agreement.to_csv(index=False, lineterminator="\n"))
    write_text(out / "ranking.md", ranking_page(scores, agreement))


def ranking_page(scores: pd.DataFrame, agreement: pd.DataFrame) -> str:
    """Both tables in Markdown.

    Args:
        scores: rows of `stroke_scores`.
        agreement: rows of `rank_agreement`.

    Returns:
        The page.
    """
    means = 100 * mean_dice(scores)
    dice = [
        [name, *(f"{value:.1f}" for value in row)]
        for name, row in zip(means.index, means.to_numpy(), strict=True)
    ]
    rows = [
        [
            row.source,
            str(row.n_images),
            _interval(row, "kendall"),
            _interval(row, "spearman"),
            _share(float(row.same_best)),
        ]
        for _, row in agreement.iterrows()
    ]
    header = ["strokes of", "images", "Kendall's tau", "Spearman's rho", "same best"]
    tables = (pipe_table(["method", *means.columns], dice, ["method"]), pipe_table(header, rows, header[:1]))
    return "\n\n".join([_DICE, tables[0], _AGREEMENT, tables[1]]) + "\n"


def _interval(row: pd.Series, name: str) -> str:
    value, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))
    limits = f" [{low:.2f}, {high:.2f}]" if np.isfinite(low) else ""
    return f"{value:.2f}{limits}" if np.isfinite(value) else "–"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if np.isfinite(value) else "–"
