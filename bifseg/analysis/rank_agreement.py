"""Whether methods rank alike by people's strokes and by a policy's: rank correlations with intervals over images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

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
    point = _correlations(values.mean(axis=0, keepdims=True), reference.mean(axis=0, keepdims=True))
    draws = _correlations(*(_means(dice, chosen) for dice in (values, reference)))
    for name, found, drawn in zip(("kendall", "spearman"), point, draws, strict=False):
        known = drawn[np.isfinite(drawn)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        row |= {name: float(found[0]), f"{name}_low": low, f"{name}_high": high}
    return row | {"same_best": float(draws[2].mean()) if len(chosen) else np.nan}


def _means(dice: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """(draws, methods) mean Dice over the images of each draw, of (images, methods) and (draws, images)."""
    means = np.empty((len(chosen), dice.shape[1]))
    for draw, images in enumerate(chosen):
        means[draw] = dice[images].mean(axis=0)
    return means


def _correlations(one: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[NDArray[Any], ...]:
    """Kendall's tau-b, Spearman's rho (NaN where all methods tie), and whether the best method is the same, by row."""
    differ = (np.ptp(one, axis=1) > 0) & (np.ptp(other, axis=1) > 0)
    tau, rho = np.full((2, len(one)), np.nan)
    best = differ & (one.argmax(axis=1) == other.argmax(axis=1))
    one, other = one[differ], other[differ]
    first, second = np.triu_indices(one.shape[1], 1)
    signs = [np.sign(means[:, first] - means[:, second]) for means in (one, other)]
    tau[differ] = _cosine(*signs)
    ranks = [rankdata(means, axis=1) - (one.shape[1] + 1) / 2 for means in (one, other)]
    rho[differ] = _cosine(*ranks)
    return tau, rho, best


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The normalised dot product of each row with the same row of another array."""
    lengths = (np.sqrt((rows**2).sum(axis=1)) for rows in (one, other))
    product: NDArray[np.float64] = (one * other).sum(axis=1)
    for length in lengths:
        product = product / length
    return product.clip(-1.0, 1.0)


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
