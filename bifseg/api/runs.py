"""Finished runs from Python: read them, rank their entries, compare two, count interactions to a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bifseg.analysis import paired
from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_files import played_cards, read_metrics
from bifseg.analysis.scores import read_scores as read_table
from bifseg.analysis.stages import final_rows, results
from bifseg.api.session import Session
from bifseg.cards.cards import ProtocolCard
from bifseg.cards.entries import entry_name, split_entry
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError, short
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive

_RULES = "protocols"  # key of a frame's attrs: the cards of the protocols that its sessions were played by


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: RESULTS/RUN.
    """

    folder: Path

    @cached_property
    def scores(self) -> pd.DataFrame:
        """A row for every step of every session, as `read_scores` returns them."""
        return read_scores(self.folder)

    @cached_property
    def protocols(self) -> dict[str, ProtocolCard]:
        """The protocols that were played, by name."""
        return {name: ProtocolCard(**card) for name, card in self.scores.attrs[_RULES].items()}

    def cohort(self, name: str) -> Cohort:
        """A prepared cohort of the run, by name; raises InputError if the run has no such cohort."""
        return Cohort.load(self.folder / "cohorts" / name)

    def session(self, row: Mapping[str, Any] | pd.Series[Any]) -> Session:
        """The session that a row of the scores belongs to, with its image and truth.

        Args:
            row: a row of `scores`, or a mapping with `cohort`, `protocol`, `method`, `network`, `object` and
                `replicate`.

        Raises:
            InputError: the session or its files are missing, or not as they were.
        """
        cohort = self.cohort(row["cohort"])
        row_of_object = cohort.object(row["object"])
        entry = entry_name(row["method"], row["network"])
        archive = Archive(self.folder / "sessions" / row["cohort"] / row["protocol"] / entry)
        record = archive.load(Trial(row["object"], int(row["replicate"])).session)
        tolerance = cohort.nsd_tolerance(row_of_object.structure)
        return Session(cohort.image(row_of_object), cohort.truth(row_of_object), record, tolerance)


def read_run(folder: Path | str) -> Run:
    """The run in a folder, RESULTS/RUN.

    Raises:
        InputError: the folder holds no scores.

    Examples:
        >>> run = read_run("results/demo")
        >>> sorted(run.protocols)
        ['own-scribbles', 'shared-scribbles']
        >>> run.session(run.scores.iloc[0]).ended
        'rounds'
    """
    run = Run(Path(folder))
    _ = run.scores  # a folder without a run is refused here
    return run


def read_scores(path: Path | str) -> pd.DataFrame:
    """The scores of a run: a row for every step of every session, in the columns of docs/results.md.

    Args:
        path: the run's folder, RESULTS/RUN, or its scores.parquet.

    Returns:
        A frame whose `attrs` keep the rules of its protocols, which `interactions_to_target` needs.

    Raises:
        InputError: there are no scores, or they are damaged.

    Examples:
        >>> scores = read_scores("results/demo")
        >>> sorted(scores["method"].unique())
        ['base-crf', 'base-net', 'bifseg', 'bifseg-w']
    """
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    scores = read_table(folder / "scores.parquet" if Path(path).is_dir() else Path(path))
    read_metrics(folder)
    scores.attrs[_RULES] = played_cards(folder, scores)
    return scores


def rank(scores: pd.DataFrame, measure: str = "dice", protocol: str | None = None) -> pd.DataFrame:
    """Entries ranked by their mean when the session ended, per cohort and structure.

    Args:
        scores: of one run.
        measure: column of the scores.
        protocol: which sessions; by default `own-scribbles`, or the only protocol there is.

    Returns:
        A row per cohort, structure and entry, best first: `n` sessions, `failed` of which have no result and count
        with the worst score; mean and standard deviation of the measure; `rank`; `group`: entries that share a letter
        cannot be told apart (Wilcoxon's signed-rank test over patients, all pairs, Holm, 0.05); empty where patients
        are too few, and `least_p` is the smallest p-value that they allow.

    Raises:
        InputError: the scores are of several runs, or have no such column or protocol.

    Examples:
        >>> ranked = rank(read_scores("results/demo"), "assd_mm")
        >>> ranked[["method", "rank"]].head(2).to_dict("records")
        [{'method': 'bifseg', 'rank': 1.0}, {'method': 'bifseg-w', 'rank': 2.0}]
    """
    rows = final_rows(*_chosen(scores, measure, protocol))

    def ranked(group: pd.DataFrame) -> pd.DataFrame:
        keys = ["seen", "structure", "method", "network"]
        means = results(group, (measure,)).merge(paired.rankings(group, measure), on=keys)
        return means.sort_values(["seen", "structure", "rank"], ascending=[False, True, True])

    return _per_cohort(rows, ranked)


def compare(
    scores: pd.DataFrame, entry: str, reference: str, measure: str = "dice", protocol: str | None = None
) -> pd.DataFrame:
    """One entry against another on the same objects, per cohort and structure: entry minus reference.

    Args:
        scores: of one run.
        entry: METHOD@NETWORK, or METHOD for one without a network.
        reference: the other one.
        measure: column of the scores; its value when the session ended is compared.
        protocol: which sessions; by default `own-scribbles`, or the only protocol there is.

    Returns:
        A row per cohort and structure: `n` objects of `patients` patients, `failed` pairs; `difference_mean` with its
        95 % interval over patients, `difference_low` and `difference_high`; `effect` (Cohen's d_z); `t_p` of
        the paired t-test over objects and `wilcoxon_p` of the signed-rank test over patients. No rows where the two
        have no cohort in common.

    Raises:
        InputError: the scores are of several runs, or have no such entry, column or protocol.

    Examples:
        >>> scores = read_scores("results/demo")
        >>> better = compare(scores, "bifseg-w@pnet-demo", reference="base-net@pnet-demo")
        >>> bool((better["difference_mean"] > 0).all())
        True
    """
    rows = final_rows(*_chosen(scores, measure, protocol))
    pairs = [_of_entry(rows, name) for name in (entry, reference)]
    method, network = split_entry(reference)
    both = pd.concat(pairs, ignore_index=True)
    # A correction over entries has no meaning for a single one.
    return _per_cohort(
        both,
        lambda group: paired.compare(group, (method, network), measure).drop(
            columns="holm_p", errors="ignore"
        ),
    )


def interactions_to_target(
    scores: pd.DataFrame, target: float, protocol: str | None = None, rules: ProtocolCard | None = None
) -> pd.DataFrame:
    """What it takes until Dice first is at least a target, per cohort, structure and entry.

    No session is left out: one that never reaches the target costs one round more than the protocol allows.

    Args:
        scores: of one run.
        target: Dice, from 0 to 1.
        protocol: which sessions; by default `own-scribbles`, or the only protocol there is.
        rules: of that protocol; by default those that `read_scores` found beside the sessions.

    Returns:
        A row per cohort, structure and entry, in the columns of docs/results.md, "Interactions to target". NaN where
        the protocol ended sessions at a lower target, so that it is not known.

    Raises:
        InputError: the scores are of several runs, have no such protocol, or nothing tells its rules.

    Examples:
        >>> effort = interactions_to_target(read_scores("results/demo"), 0.80)
        >>> effort.loc[effort["method"] == "bifseg-w", "reached"].tolist()
        [4.0, 4.0]
    """
    scores, name = _chosen(scores, "dice", protocol)
    card = rules.model_dump() if rules else scores.attrs.get(_RULES, {}).get(name)
    if card is None:
        raise InputError(
            f"rules: nothing tells those of {name}; pass rules=bifseg.Protocol(rounds=..., target=...)"
        )
    rule = StoppingRule.of(card)
    return _per_cohort(
        scores[scores["protocol"] == name], lambda rows: interactions(rows, target, rule, name)
    )


def _chosen(scores: pd.DataFrame, measure: str, protocol: str | None) -> tuple[pd.DataFrame, str]:
    """The scores with the protocol that is meant; raises InputError where they do not fit."""
    if scores["run"].nunique() > 1:
        raise InputError(
            f"scores: of {scores['run'].nunique()} runs; choose one, or use `bifseg compare` for two"
        )
    if measure not in scores:
        raise InputError(f"measure: the scores have no column '{measure}'; see docs/results.md")
    played = sorted(scores["protocol"].unique())
    name = protocol or (OWN_SCRIBBLES if OWN_SCRIBBLES in played or len(played) != 1 else played[0])
    if name not in played:
        raise InputError(f"protocol: the scores have no '{name}'; they have {', '.join(played) or 'none'}")
    return scores, name


def _of_entry(rows: pd.DataFrame, entry: str) -> pd.DataFrame:
    method, network = split_entry(entry)
    chosen = rows[(rows["method"] == method) & (rows["network"] == network)]
    if chosen.empty:
        pairs = sorted(set(zip(rows["method"], rows["network"], strict=True)))
        known = ", ".join(entry_name(*pair) for pair in pairs)
        raise InputError(short(f"entry: the scores have no '{entry}'; they have {known}", 300))
    return chosen


def _per_cohort(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """The frames of the cohorts as one, with the cohort as its first column."""
    parts = []
    for cohort, group in rows.groupby("cohort", sort=True):
        part = measure(group)
        if len(part):
            part.insert(0, "cohort", str(cohort))
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
