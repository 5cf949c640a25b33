"""Paired comparisons and rankings of entries: which is better, by how much, and with what evidence.

An entry is a method with its network. A failed session counts with its worst-case score, in pairs too.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import FAILED, GROUP, in_reading_order
from bifseg.analysis.stages import per_group
from bifseg.analysis.statistics import (
    LEVEL,
    cluster_means,
    holm,
    least_holm_p,
    paired,
    signed_rank_p,
    tie_groups,
)
from bifseg.core.metrics import higher_is_better

STRUCTURE = ["seen", "structure"]
_PAIR = ["structure", "object", "replicate"]
_Values = dict[tuple[str, str, int], float]  # a measure by patient, object and replicate


def main_network(scores: pd.DataFrame) -> str:
    """The network that most methods use.

    Args:
        scores: scores of one cohort.

    Returns:
        Its name, the first by name of several; empty if no method uses a network.
    """
    methods = scores[scores["network"] != ""].groupby("network")["method"].nunique()
    return str(methods.idxmax()) if len(methods) else ""


def compare(rows: pd.DataFrame, reference: tuple[str, str], measure: str = "dice") -> pd.DataFrame:
    """Paired differences between every entry and a reference on the same objects, entry minus reference.

    Args:
        rows: scores of one cohort, one row a session, from `stage_rows` or `final_rows`.
        reference: (method, network).
        measure: column of the scores.

    Returns:
        A row per structure and entry. Columns: `seen`, `structure`, `method`, `network`; `n` objects of `patients`
        patients, each object with its mean difference over replicates and training seeds;
        `failed` pairs in which at least one session
        failed; `difference_mean`, `difference_low`, `difference_high`, `effect`, `t_p` and `wilcoxon_p` as in
        `statistics.Paired`, with patients as clusters; `holm_p`, Wilcoxon's p-values corrected over the entries of
        the structure. A value that is not finite makes `difference_mean` not finite and the tests NaN. An entry that
        shares no object with the reference has n = 0. No rows without the reference or without another entry.
    """
    rows = _over_seeds(rows, measure)
    is_reference = _is(rows, reference)
    base = rows.loc[is_reference, [*_PAIR, measure, "status"]]
    if base.empty or is_reference.all():
        return pd.DataFrame()
    others = rows.loc[~is_reference, [*GROUP, "patient", *_PAIR[1:], measure, "status"]]
    both = others.merge(base, on=_PAIR, how="left", suffixes=("", "_reference"))
    both["difference"] = both[measure] - both[f"{measure}_reference"]
    differences = per_group(both, _difference)
    return differences.assign(holm_p=differences.groupby(STRUCTURE)["wilcoxon_p"].transform(holm))


def rankings(rows: pd.DataFrame, measure: str = "dice") -> pd.DataFrame:
    """Entries ranked by their mean, with groups that do not differ significantly.

    Args:
        rows: scores of one cohort, one row a session, from `stage_rows` or `final_rows`.
        measure: column of the scores.

    Returns:
        A row per structure and entry. Columns: `seen`, `structure`, `method`, `network`; `rank` by mean, best first,
        shared by equal means, NaN if the mean is NaN; `group`, the letters of `tie_groups` by Wilcoxon's test over
        patients between all pairs of the structure's entries, corrected by Holm; `least_p`, the smallest p-value that
        the numbers of patients and pairs allow. If that is not below 0.05, `group` is empty: there are too few
        patients to rank. No rows without sessions.
    """
    sessions = _over_seeds(rows, measure)[[*GROUP, "patient", *_PAIR[1:], measure]]
    parts = [_rank(group, measure) for _, group in sessions.groupby(STRUCTURE)]
    return in_reading_order(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()


def _over_seeds(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The sessions with the mean over training seeds: networks of one card are one entry, not one each.

    A mean with a session that failed has that session's status.
    """
    if rows["training_seed"].nunique() < 2:
        return rows
    rows = rows.assign(succeeded=~rows["status"].isin(FAILED)).sort_values("succeeded", kind="stable")
    sessions = rows.groupby([*GROUP, "patient", *_PAIR[1:]], sort=False)
    # numpy's mean, since that of pandas leaves out a NaN.
    means = sessions[measure].agg(lambda values: values.to_numpy(float).mean())
    return sessions["status"].first().to_frame().assign(**{measure: means}).reset_index()


def _is(rows: pd.DataFrame, entry: tuple[str, str]) -> pd.Series:
    return (rows["method"] == entry[0]) & (rows["network"] == entry[1])


def _difference(sessions: pd.DataFrame) -> dict[str, float]:
    """The paired differences of one entry."""
    pairs = sessions[sessions["status_reference"].notna()]
    # An object counts once, whatever its replicates.
    objects: dict[tuple[str, str], list[float]] = {}
    for patient, name, value in zip(pairs["patient"], pairs["object"], pairs["difference"], strict=True):
        objects.setdefault((patient, name), []).append(value)
    each = [float(np.mean(values)) for values in objects.values()]
    tests = asdict(paired(each, [patient for patient, _ in objects]))
    failed = (pairs["status"].isin(FAILED) | pairs["status_reference"].isin(FAILED)).sum()
    counts = {"n": tests.pop("n"), "patients": tests.pop("clusters"), "failed": int(failed)}
    mean = {f"difference_{name}": tests.pop(name) for name in ("mean", "low", "high")}
    return counts | mean | tests


def _rank(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The ranking of one structure, best first."""
    # numpy's mean, since that of pandas leaves out a NaN.
    means = rows.groupby(GROUP)[measure].agg(lambda values: values.to_numpy(float).mean())
    ascending = not higher_is_better(measure)
    means = means.sort_values(ascending=ascending, kind="stable")
    keys = zip(rows["method"], rows["network"], strict=True)
    objects = zip(rows["patient"], rows["object"], rows["replicate"], strict=True)
    values: dict[tuple[str, str], _Values] = {}
    for key, name, value in zip(keys, objects, rows[measure].to_numpy(float), strict=True):
        values.setdefault(key, {})[name] = value
    order = [
        values[key] for key in zip(*(means.index.get_level_values(key) for key in GROUP[2:]), strict=True)
    ]
    ranks = means.rank(method="min", ascending=ascending).rename("rank")
    patients = [len({name[0] for name in _common(one, other)}) for one, other in combinations(order, 2)]
    least = least_holm_p(patients)
    letters = [""] * len(order) if least >= LEVEL else tie_groups(_pairwise(order))
    return ranks.reset_index().assign(group=letters, least_p=least)


def _common(one: _Values, other: _Values) -> list[tuple[str, str, int]]:
    """The patient, object and replicate of each session that two entries have in common, sorted."""
    return sorted(one.keys() & other.keys())


def _pairwise(values: list[_Values]) -> NDArray[np.float64]:
    """(k, k) p-values between k entries, corrected by Holm over their pairs; the diagonal is NaN."""
    p = np.full((len(values), len(values)), np.nan)
    pairs = list(combinations(range(len(values)), 2))
    for (i, j), adjusted in zip(pairs, holm([_p(values[i], values[j]) for i, j in pairs]), strict=True):
        p[i, j] = p[j, i] = adjusted
    return p


def _p(one: _Values, other: _Values) -> float:
    """Wilcoxon's p-value between two entries on their common objects."""
    common = _common(one, other)
    differences = [one[name] - other[name] for name in common]
    return signed_rank_p(cluster_means(differences, [name[0] for name in common]))
