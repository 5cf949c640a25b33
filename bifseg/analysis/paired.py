"""Paired comparisons and rankings of entries: which is better, by how much, and with what evidence.

An entry is a method with its network. A failed session counts with its worst-case score, in pairs too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import FAILED, GROUP, in_reading_order
from bifseg.analysis.statistics import (
    LEVEL,
    cluster_means,
    holm,
    least_holm_p,
    paired,
    signed_rank_p,
    signed_rank_sum,
    tie_groups,
)
from bifseg.cards.entries import entry_name
from bifseg.core.metrics import higher_is_better

STRUCTURE = ["seen", "structure"]
_PAIR = ["structure", "object", "replicate"]
_SESSION = [*GROUP, "cohort", "patient", *_PAIR[1:]]


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
        patients, each object with its mean difference over replicates and training seeds; `failed` pairs in which at
        least one session failed; `difference_mean`, `difference_low`, `difference_high`, `effect`, `t_p` and
        `wilcoxon_p` as in `statistics.Paired`, with patients as clusters; `holm_p`, Wilcoxon's p-values corrected over
        the entries of the structure. A value that is not finite makes `difference_mean` not finite and the tests NaN.
        An entry that shares no object with the reference has n = 0. No rows without the reference or without another
        entry.
    """
    return compare_all(rows, reference, [measure]).drop(columns="measure", errors="ignore")


def compare_all(rows: pd.DataFrame, reference: tuple[str, str], measures: Iterable[str]) -> pd.DataFrame:
    """The differences of `compare` for several measures; sessions are paired once.

    Args:
        rows: as for `compare`.
        reference: (method, network).
        measures: columns of the scores.

    Returns:
        The rows of `compare` for each measure, one after the other, with a column `measure`.
    """
    is_reference = _is(rows, reference)
    if not is_reference.any() or is_reference.all():
        return pd.DataFrame()
    several = rows["training_seed"].nunique() > 1
    pairs = [] if several else _pairs(rows, reference)
    lines = []
    for measure in measures:
        sessions = _over_seeds(rows, measure)
        values = sessions[measure].to_numpy(float)
        for pair in _pairs(sessions, reference) if several else pairs:
            lines.append(pair.key | pair.difference(values) | {"measure": measure})
    frame = pd.DataFrame(lines)
    adjusted = frame.groupby(["measure", *STRUCTURE], sort=False)["wilcoxon_p"].transform(holm)
    return frame.drop(columns="measure").assign(holm_p=adjusted, measure=frame["measure"])


def rankings(rows: pd.DataFrame, measure: str = "dice") -> pd.DataFrame:
    """Entries ranked by their mean, with groups that do not differ significantly.

    Two entries differ if Wilcoxon's test over patients is significant and points the way of their means. One failed
    session can turn a mean against all other patients; such a pair shows no difference.

    Args:
        rows: scores, one row a session, from `stage_rows` or `final_rows`; every cohort has the same weight in a mean.
        measure: column of the scores.

    Returns:
        A row per structure and entry. Columns: `seen`, `structure`, `method`, `network`; `rank` by mean, best first,
        shared by equal means, NaN if the mean is NaN; `group`, the letters of `tie_groups` by the tests between all
        pairs of the structure's entries, corrected by Holm; `least_p`, the smallest p-value that
        the numbers of patients and pairs allow. If that is not below 0.05, `group` is empty: there are too few
        patients to rank. No rows without sessions.
    """
    sessions = _over_seeds(rows, measure)[[*_SESSION, measure]]
    parts = [_rank(group, measure) for _, group in sessions.groupby(STRUCTURE)]
    return in_reading_order(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()


def with_fewer_objects(rows: pd.DataFrame) -> tuple[str, ...]:
    """The entries that lack objects which another entry played: their means are over other objects.

    Args:
        rows: sessions that are ranked together, of one cohort or with the cohort in the objects' names.

    Returns:
        Each with its number of objects, for example `grabcut 6 of 8`, by name.
    """
    counts: dict[Any, Any] = rows.groupby(["method", "network"])["object"].nunique().to_dict()
    every = rows["object"].nunique()
    return tuple(f"{entry_name(*entry)} {n} of {every}" for entry, n in counts.items() if n < every)


def with_fewer_by_structure(rows: pd.DataFrame) -> tuple[str, ...]:
    """The entries of `with_fewer_objects` among those that played a structure.

    Args:
        rows: sessions of one cohort, which are ranked apart for each structure.

    Returns:
        Each with its number of objects, for example `grabcut 6 of 8 (fetal lungs)`, by structure and name.
    """
    return tuple(
        f"{text} ({str(structure).replace('_', ' ')})"
        for structure, part in rows.groupby("structure")
        for text in with_fewer_objects(part)
    )


def _over_seeds(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The sessions with the mean over training seeds: networks of one card are one entry, not one each.

    A mean with a session that failed has that session's status.
    """
    if rows["training_seed"].nunique() < 2:
        return rows
    rows = rows.assign(succeeded=~rows["status"].isin(FAILED)).sort_values("succeeded", kind="stable")
    sessions = rows.groupby(_SESSION, sort=False)
    # numpy's mean, since that of pandas leaves out a NaN.
    means = sessions[measure].agg(lambda values: values.to_numpy(float).mean())
    return sessions["status"].first().to_frame().assign(**{measure: means}).reset_index()


def _is(rows: pd.DataFrame, entry: tuple[str, str]) -> pd.Series:
    return (rows["method"] == entry[0]) & (rows["network"] == entry[1])


@dataclass(frozen=True)
class _Pair:
    """An entry beside the reference on one structure.

    Attributes:
        key: seen, structure, method and network.
        own: (pairs,) places of the entry's sessions.
        other: (pairs,) places of the reference's sessions on the same objects.
        objects: (pairs,) number of each pair's object, in the order of the pairs.
        patients: (objects,) number of each object's patient.
        failed: pairs in which at least one session failed.
    """

    key: dict[str, Any]
    own: NDArray[np.int64]
    other: NDArray[np.int64]
    objects: NDArray[np.int64]
    patients: NDArray[np.int64]
    failed: int

    def difference(self, values: NDArray[np.float64]) -> dict[str, float]:
        """The paired differences of a measure; an object counts once, whatever its replicates.

        Args:
            values: (sessions,) the measure of every session.

        Returns:
            `n`, `patients`, `failed` and the numbers of `statistics.Paired` by the columns of `compare`.
        """
        each = np.bincount(self.objects, values[self.own] - values[self.other]) / np.bincount(self.objects)
        tests = asdict(paired(each, self.patients))
        counts = {"n": tests.pop("n"), "patients": tests.pop("clusters"), "failed": self.failed}
        mean = {f"difference_{name}": tests.pop(name) for name in ("mean", "low", "high")}
        return counts | mean | tests


def _pairs(rows: pd.DataFrame, reference: tuple[str, str]) -> list[_Pair]:
    """Every entry but the reference on every structure, in the order for readers."""
    place = rows.groupby(_PAIR, sort=False).ngroup().to_numpy()
    objects = rows.groupby(["patient", "object"], sort=False).ngroup().to_numpy()
    patients = pd.factorize(rows["patient"], sort=True)[0]
    failed = rows["status"].isin(FAILED).to_numpy()
    bases = np.flatnonzero(_is(rows, reference))
    base_at = np.full(place.max() + 1, -1)
    base_at[place[bases]] = bases
    members = {key: own for key, own in _members(rows).items() if key[2:] != reference}
    pairs = []
    for key in in_reading_order(pd.DataFrame(members.keys(), columns=GROUP)).itertuples(
        index=False, name=None
    ):
        own = members[key]
        own = own[base_at[place[own]] >= 0]
        other = base_at[place[own]]
        number, first = pd.factorize(objects[own])[0], np.unique(objects[own], return_index=True)[1]
        either = int(np.count_nonzero(failed[own] | failed[other]))
        pairs.append(
            _Pair(
                dict(zip(GROUP, key, strict=True)), own, other, number, patients[own[np.sort(first)]], either
            )
        )
    return pairs


def _members(rows: pd.DataFrame) -> dict[tuple[Any, ...], NDArray[np.int64]]:
    """The places of each entry's sessions on each structure, sorted by the columns of `GROUP`."""
    places: dict[Any, Any] = rows.groupby(GROUP, observed=True).indices
    return dict(sorted(places.items()))


def _rank(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The ranking of one structure, best first."""
    members, values = _members(rows), rows[measure].to_numpy(float)
    frame = pd.DataFrame(list(members), columns=GROUP)
    cohorts = pd.factorize(rows["cohort"])[0]
    frame["mean"] = [_mean_of_cohorts(values[places], cohorts[places]) for places in members.values()]
    ascending = not higher_is_better(measure)
    frame = frame.sort_values("mean", ascending=ascending, kind="stable", ignore_index=True)
    place = rows.groupby(["patient", *_PAIR[1:]]).ngroup().to_numpy()
    patients = np.zeros(place.max() + 1, int)
    patients[place] = pd.factorize(rows["patient"], sort=True)[0]
    table = np.full((len(frame), len(patients)), np.nan)
    plays = np.zeros(table.shape, bool)
    for k, key in enumerate(frame[GROUP].itertuples(index=False, name=None)):
        table[k, place[members[key]]] = values[members[key]]
        plays[k, place[members[key]]] = True
    pairs = [(i, j, plays[i] & plays[j]) for i, j in combinations(range(len(frame)), 2)]
    least = least_holm_p([np.count_nonzero(np.bincount(patients[common])) for _, _, common in pairs])
    letters = [""] * len(frame)
    if not least >= LEVEL:
        p = np.full((len(frame), len(frame)), np.nan)
        means = frame["mean"].to_numpy()
        tests = [
            _one_way_p(
                cluster_means(table[i, common] - table[j, common], patients[common]), means[i] - means[j]
            )
            for i, j, common in pairs
        ]
        for (i, j, _), adjusted in zip(pairs, holm(tests), strict=True):
            p[i, j] = p[j, i] = adjusted
        letters = tie_groups(p)
    ranks = frame["mean"].rank(method="min", ascending=ascending)
    return frame[GROUP].assign(rank=ranks, group=letters, least_p=least)


def _mean_of_cohorts(values: NDArray[np.float64], cohorts: NDArray[np.int64]) -> float:
    """The mean of the cohorts' means; NaN if a value is NaN, which a mean of pandas leaves out."""
    return float(np.mean([values[cohorts == cohort].mean() for cohort in np.unique(cohorts)]))


def _one_way_p(differences: NDArray[np.float64], of_means: float) -> float:
    """The p-value of the signed-rank test over patients; 1 if it points another way than the means."""
    p = signed_rank_p(differences)
    return p if np.isnan(p) or signed_rank_sum(differences) * of_means > 0 else 1.0
