"""Whether methods rank alike by people's strokes and by a policy's: rank correlations with intervals over images."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from bifseg.core.errors import InputError
from bifseg.core.seeds import generator

PEOPLE = "people"
"""Name of the column of all persons together."""
_DRAWS = 2000
_FEWEST_METHODS = 3


def mean_dice(scores: pd.DataFrame) -> pd.DataFrame:
    """The mean Dice of every method by whose strokes it got.

    Args:
        scores: rows of `stroke_scores`.

    Returns:
        Methods (rows, best with people first) by `people`, each person and each policy; means over images of the means
        over drawings.
    """
    cube = _cube(scores)
    table = pd.DataFrame({source: np.nanmean(values, axis=0) for source, values in cube.items()})
    table.index = pd.Index(_methods(scores), name="method")
    return table.sort_values(PEOPLE, ascending=False)


def rank_agreement(scores: pd.DataFrame, seed: int = 2018) -> pd.DataFrame:
    """Rank correlations over methods between people's mean Dice and that of each policy and each person.

    A person is compared with the other persons, on the images on which he or she drew. The interval is the percentile
    bootstrap over images.

    Args:
        scores: rows of `stroke_scores`.
        seed: of the bootstrap.

    Returns:
        A row a policy and person: `source`, `person`, `n_images`, `n_methods`, `kendall`, `kendall_low`,
        `kendall_high`, `spearman`, `spearman_low`, `spearman_high`, `same_best` (share of bootstrap draws in which both
        name the same best method). Limits are NaN with one image.

    Raises:
        InputError: there are fewer than three methods.
    """
    if len(_methods(scores)) < _FEWEST_METHODS:
        raise InputError(f"--methods: {len(_methods(scores))} methods; a rank correlation needs at least 3")
    cube = _cube(scores)
    persons = list(scores[scores.person].source.unique())
    rows = []
    for source, values in cube.items():
        if source == PEOPLE:
            continue
        others = [cube[name] for name in persons if name != source]
        reference = cube[PEOPLE] if source not in persons else _nanmean(np.array(others)) if others else None
        if reference is not None:
            rows.append({"source": source, "person": source in persons} | _agreement(values, reference, seed))
    return pd.DataFrame(rows)


def _agreement(values: NDArray[np.float64], reference: NDArray[np.float64], seed: int) -> dict[str, float]:
    both = np.isfinite(values).all(axis=1) & np.isfinite(reference).all(axis=1)
    values, reference = values[both], reference[both]
    n, n_methods = values.shape
    row: dict[str, float] = {"n_images": n, "n_methods": n_methods}
    chosen = generator(seed, "rank agreement").integers(0, n, (_DRAWS, n)) if n > 1 else np.zeros((0, 1), int)
    draws = [_correlations(values[k].mean(axis=0), reference[k].mean(axis=0)) for k in chosen]
    point = _correlations(values.mean(axis=0), reference.mean(axis=0))
    for k, name in enumerate(("kendall", "spearman")):
        known = [d[k] for d in draws if np.isfinite(d[k])]
        low, high = np.quantile(known, [0.025, 0.975]) if known else (np.nan, np.nan)
        row |= {name: point[k], f"{name}_low": low, f"{name}_high": high}
    return row | {"same_best": float(np.mean([d[2] for d in draws])) if draws else np.nan}


def _correlations(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float, bool]:
    """Kendall's tau-b, Spearman's rho (NaN if all methods tie), and whether the best method is the same."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan, np.nan, False
    tau = float(kendalltau(one, other).statistic)
    rho = float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
    return tau, rho, bool(one.argmax() == other.argmax())


def _methods(scores: pd.DataFrame) -> list[str]:
    return list(scores.method.unique())


def _cube(scores: pd.DataFrame) -> dict[str, NDArray[np.float64]]:
    """(images, methods) mean Dice by source, people together first; NaN where a person did not draw."""
    keys = scores.group + "/" + scores.image
    images, methods = list(keys.unique()), _methods(scores)
    means = scores.assign(key=keys).groupby(["source", "key", "method"])["dice"].mean()
    cube = {
        source: means[source].unstack().reindex(index=images, columns=methods).to_numpy(float)
        for source in scores.source.unique()
    }
    persons = [cube[name] for name in scores[scores.person].source.unique()]
    return {PEOPLE: _nanmean(np.array(persons)), **cube}


def _nanmean(stack: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(stack).sum(axis=0)
    total = np.nansum(stack, axis=0)
    mean: NDArray[np.float64] = np.divide(total, known, out=np.full(total.shape, np.nan), where=known > 0)
    return mean
