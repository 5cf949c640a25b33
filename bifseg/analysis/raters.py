"""Raters as a ceiling: how far people agree on an object, and how many results lie within their spread."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from bifseg.analysis.intervals import mean_interval, share_interval
from bifseg.analysis.names import GROUP
from bifseg.analysis.run_scores import RunScores
from bifseg.analysis.stages import per_group, results
from bifseg.cohorts.cohort import Cohort
from bifseg.cohorts.raters import rater_pairs
from bifseg.core.metrics import built_in, score

RATERS = {"raters_dice": "Raters' Dice (%)", "raters_nsd": "Raters' NSD (%)", "within": "Within spread (%)"}
"""Header of each column beside the results, without the ending of mean and limits."""


def agreement(cohort: Cohort, objects: Iterable[str]) -> pd.DataFrame:
    """How far raters agree on each object.

    Args:
        cohort: the prepared cohort.
        objects: names of its objects.

    Returns:
        A row for each object with raters: `object`; `raters_dice` and `raters_nsd` (at the structure's tolerance), the
        means over the pairs of `rater_pairs`; `least`, the lowest Dice of a pair. NSD is NaN without a spacing.

    Raises:
        InputError: a file is missing or has changed since the cohort was prepared.
    """
    metrics = [metric for metric in built_in() if metric.column in ("dice", "nsd")]
    lines = []
    for row in map(cohort.object, objects):
        pairs = rater_pairs(cohort, row) if row.raters else []
        if not pairs:
            continue
        grid, tolerance = cohort.image(row).grid, cohort.nsd_tolerance(row.structure)
        scores = [score(a, b, grid.spacing, tolerance_mm=tolerance, metrics=metrics) for a, b in pairs]
        dice = [one["dice"] for one in scores]
        nsd = float(np.mean([one["nsd"] for one in scores])) if grid.in_mm else np.nan
        lines.append(
            {"object": row.object, "raters_dice": np.mean(dice), "raters_nsd": nsd, "least": min(dice)}
        )
    return pd.DataFrame(lines)


def agreements(folder: Path, run: RunScores) -> dict[str, pd.DataFrame]:
    """The `agreement` of every cohort of a run that has raters.

    Args:
        folder: RESULTS/RUN.
        run: its scores.

    Returns:
        Rows by cohort; a cohort without raters, or that is not in the folder, is left out.

    Raises:
        InputError: a file of a cohort is missing or damaged.
    """
    frames = {
        cohort.name: agreement(Cohort.load(path), sorted(cohort.frame["object"].unique()))
        for cohort in run.cohorts
        if (path := folder / "cohorts" / cohort.name).joinpath("objects.tsv").is_file()
    }
    return {name: frame for name, frame in frames.items() if len(frame)}


def beside_raters(final: pd.DataFrame, agreed: pd.DataFrame) -> pd.DataFrame:
    """Results beside the raters' agreement on the same objects, per structure and entry.

    Args:
        final: the last row of each session under one protocol, of one cohort.
        agreed: rows of `agreement`.

    Returns:
        A row per structure and entry with sessions on such objects: `n`, `failed`, mean and standard deviation of Dice
        and NSD with the truth; `raters_dice`, `raters_nsd` and `within` (share of the results whose Dice with the truth
        is at least the lowest Dice of two raters on the object), each with its 95% interval over patients, `_mean`,
        `_low` and `_high`. No rows without raters.
    """
    rows = final.merge(agreed, on="object") if len(final) and len(agreed) else pd.DataFrame()
    if rows.empty:
        return rows
    rows = rows.assign(within=rows["dice"] >= rows["least"])

    def measure(group: pd.DataFrame) -> dict[str, float]:
        patients = group["patient"]
        columns = share_interval(group["within"], patients).columns("within")
        for name in ("raters_dice", "raters_nsd"):
            columns |= mean_interval(group[name], patients).within(0, 1).columns(name)
        return columns

    return results(rows, ("dice", "nsd")).merge(per_group(rows, measure), on=GROUP)
