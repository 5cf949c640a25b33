"""The words of scores as categories, as text again, and joined for groups of rows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bifseg.analysis.names import exposure_text


def with_categories(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose columns of words are categorical: a number per cell, so a million rows are small and quick to sort.

    Args:
        scores: table of scores; categories in any order are put in order.

    Returns:
        The same rows; categories are ordered by name.
    """
    words = [name for name in scores if not pd.api.types.is_numeric_dtype(scores[name])]
    kinds = {name: pd.CategoricalDtype(sorted(scores[name].unique()), ordered=True) for name in words}
    return scores.astype(kinds)


def with_words(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores whose columns of words are text again, so that those of several runs can be joined.

    Args:
        scores: of `with_categories`.

    Returns:
        The same rows.
    """
    return scores.astype(dict.fromkeys(scores.select_dtypes("category"), str))


def exposures_by(scores: pd.DataFrame, columns: Sequence[str]) -> pd.Series[str]:
    """What the models of entries saw of the objects in training.

    Args:
        scores: table of scores, with words or categories.
        columns: those of each group of rows.

    Returns:
        `exposure_text` by the columns.
    """
    kinds = with_words(scores[[*columns, "exposure"]].drop_duplicates())
    return kinds.groupby(list(columns))["exposure"].agg(exposure_text)
