"""Sentences of captions about sessions that differ from the rest."""

from __future__ import annotations

import pandas as pd

from bifseg.analysis.scores import unequal_scribbles

_UNEQUAL = (
    "Scribbles differ on {n} objects (the first is {first}), where a method's initial result differs from its base "
    "net's."
)
_UNLIKE = "{names} had other boxes or users ({how}) than the rest under every protocol."
_TOO_FEW = "{structures}: too few patients to rank (no corrected p-value can be below {least:.2g} there)."


def unequal(rows: pd.DataFrame) -> list[str]:
    """A sentence on objects whose methods did not get the same scribbles.

    Args:
        rows: scores under a protocol whose methods get the same scribbles.

    Returns:
        The sentence, or nothing.
    """
    others = unequal_scribbles(rows)
    return [_UNEQUAL.format(n=len(others), first=others[0])] if others else []


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
    how = rows["box"] + " by " + rows["user"]
    others = rows[how != how.mode().iloc[0]] if len(rows) else rows
    names = ", ".join(sorted(set(others["method"])))
    return [_UNLIKE.format(how=", ".join(sorted(set(how[others.index]))), names=names)] if names else []
