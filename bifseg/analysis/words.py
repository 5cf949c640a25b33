"""The words of scores as categories, and as text again."""

from __future__ import annotations

import pandas as pd


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
