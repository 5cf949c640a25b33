"""Robustness for readers: title and caption of the levels of disturbance."""

from __future__ import annotations

import pandas as pd

from bifseg.analysis.robustness import FLAT
from bifseg.cards.entries import entry_name

_CAPTION = (
    "Last Dice (%) of the same objects at each level of a disturbance, 0 to 8; level 0 is undisturbed, "
    "docs/robustness.md states the strengths. Loss: Dice at the highest level minus that at level 0. Relative area: "
    "area under Dice over levels, as a share of the area if Dice stayed as at level 0, so that 100 is no loss. Means "
    "with 95% intervals over patients."
)


def robustness_title(curves: pd.DataFrame) -> str:
    """The title of the table of curves.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        A title that says whether the user, the image or both were disturbed.
    """
    images = curves["disturbance"].str.startswith("image-")
    disturbed = [
        text
        for text, is_played in (("careless user", (~images).any()), ("worse image", images.any()))
        if is_played
    ]
    return f"How much worse with a {' or a '.join(disturbed)}"


def robustness_caption(curves: pd.DataFrame) -> str:
    """The caption of the table of curves.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        What the columns are, and which lines are flat.
    """
    return f"{_CAPTION} {flat_lines(curves)}"


def flat_lines(curves: pd.DataFrame) -> str:
    """Sentences on the entries whose result does not depend on a disturbance.

    Args:
        curves: rows of `analysis.robustness`, at least one.

    Returns:
        A sentence for each protocol with such entries, and the rule; a sentence without a name if there are none.
    """
    rule = f"no session's Dice changes by more than {100 * FLAT:g} points at any level"
    sentences = []
    for protocol, rows in curves.groupby("protocol", sort=True):
        flat = rows.groupby(["method", "network"], sort=False)["flat"].all()
        names = [entry_name(*pair) for pair in flat.index[flat]]
        if names:
            verb = "shows a flat line" if len(names) == 1 else "show flat lines"
            sentences.append(
                f"{', '.join(names)} {verb} under {protocol}: the result ignores what is disturbed."
            )
    return f"{' '.join(sentences)} Flat: {rule}." if sentences else f"No line is flat (flat: {rule})."
