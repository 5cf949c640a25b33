"""Sentences of captions about sessions that differ from the rest."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bifseg.analysis.budgets import SECONDS
from bifseg.analysis.scores import unequal_scribbles

_UNEQUAL = (
    "Scribbles differ on {n} objects (the first is {first}), where a method's initial result differs from its base "
    "net's."
)
_OTHER_OBJECTS = (
    "Entries did not play the same objects, and a mean is over those that its entry played: {fewer}."
)
_UNLIKE = "{names} had other boxes or users ({how}) than the rest under every protocol."
_TOO_FEW = "{structures}: too few patients to rank (no corrected p-value can be below {least:.2g} there)."

BUDGETS_CAPTION = (
    "Under {own}: mean Dice (%) with 95% intervals over patients of the last result within a budget of predicted user "
    "time or of prompts (box, strokes and clicks, each counting 1). A session that ended earlier keeps its last "
    "result, one without a result yet counts as 0. Time: restricted mean of the user time until Dice first is at least "
    "{goal}; "
    f"a session that needs longer than {max(SECONDS)} s or never reaches it counts as {max(SECONDS)} s (Royston and "
    "Parmar 2013). A dash marks an unknown number."
)
"""The caption of the table of budgets; {own} is the protocol, {goal} the target."""
RATERS_CAPTION = (
    "Last results under {own} on the objects that several people outlined: Dice and NSD with the truth, mean ± "
    "standard deviation, beside the raters' own on the same objects, the mean over pairs of raters (the truth counts "
    "as a rater where there is only one beside it). Within spread: share of the results whose Dice with the truth is "
    "at least the lowest Dice of two raters on the object. 95% intervals over patients. NSD at the "
    "structure's tolerance, which the report's definitions state."
)
"""The caption of the table beside the raters; {own} is the protocol."""
REPLICATES_CAPTION = (
    "Spread of the last results as standard deviations: between replicates of one object, which differ in box and "
    "scribbles (variances averaged over objects), and between cases (over the mean of each case, minus the part that "
    "replicates explain). Replicates' share: their part of the sum of both variances."
)
"""The caption of the table of replicates."""
SEEDS_CAPTION = (
    "Spread of the last results as standard deviations: between the means that each training seed alone would have "
    "given, between the seeds' results on one object (variances averaged over objects), and between patients (minus "
    "the part that seeds explain, apart from what one seed shifts for all patients). Seeds' share: of the last two "
    "variances. Other tables show means over seeds."
)
"""The caption of the table of training seeds."""


def unequal(rows: pd.DataFrame) -> list[str]:
    """A sentence on objects whose methods did not get the same scribbles.

    Args:
        rows: scores under a protocol whose methods get the same scribbles.

    Returns:
        The sentence, or nothing.
    """
    others = unequal_scribbles(rows)
    return [_UNEQUAL.format(n=len(others), first=others[0])] if others else []


def other_objects(fewer: Sequence[str]) -> list[str]:
    """A sentence on entries whose means are over fewer objects than others'.

    Args:
        fewer: of `paired.with_fewer_objects` or `with_fewer_by_structure`.

    Returns:
        The sentence, or nothing.
    """
    return [_OTHER_OBJECTS.format(fewer=", ".join(fewer))] if fewer else []


def too_few(frame: pd.DataFrame) -> list[str]:
    """A sentence on the structures whose patients are too few to rank the entries.

    Args:
        frame: rows of `paired.rankings`.

    Returns:
        The sentence, or nothing.
    """
    if frame.empty or not (few := frame[frame["group"] == ""]).size:
        return []
    structures = ", ".join(name.replace("_", " ") for name in dict.fromkeys(few["structure"]))
    return [_TOO_FEW.format(structures=structures, least=few["least_p"].min())]


def unlike(rows: pd.DataFrame) -> list[str]:
    """A sentence on results that came from another kind of box or another user than most.

    Args:
        rows: scores, a row a session.

    Returns:
        The sentence, or nothing.
    """
    how = rows["box"].astype(str) + " by " + rows["user"].astype(str)
    others = rows[how != how.mode().iloc[0]] if len(rows) else rows
    names = ", ".join(sorted(set(others["method"])))
    return [_UNLIKE.format(how=", ".join(sorted(set(how[others.index]))), names=names)] if names else []
