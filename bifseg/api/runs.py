"""Finished runs: read them, rank their entries, compare two entries, count interactions to a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from bifseg.analysis import paired
from bifseg.analysis.interactions import interactions
from bifseg.analysis.names import EFFORT, OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.run_files import played_cards, read_metrics
from bifseg.analysis.scores import read_scores as read_table
from bifseg.analysis.stages import final_rows, results
from bifseg.api.session import Session
from bifseg.cards.cards import ProtocolCard
from bifseg.cards.entries import entry_name, split_entry
from bifseg.cohorts.cohort import Cohort
from bifseg.core.errors import InputError, short
from bifseg.core.files import read_record
from bifseg.runs.shard_plan import Trial
from bifseg.sessions.archive import Archive
from bifseg.sessions.users import seen_image

_RULES = "protocols"  # key of a frame's attrs: the protocol cards of its sessions


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: RESULTS/RUN.
    """

    folder: Path

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The run's scores.

        Returns:
            A row for every step of every session, as from `read_scores`.
        """
        return read_scores(self.folder)

    @cached_property
    def protocols(self) -> dict[str, ProtocolCard]:
        """The protocols of the run's sessions.

        Returns:
            Protocol cards by name.
        """
        return {name: ProtocolCard(**card) for name, card in self.scores.attrs[_RULES].items()}

    def cohort(self, name: str) -> Cohort:
        """A prepared cohort of the run.

        Args:
            name: name of the cohort.

        Returns:
            The cohort with its objects, images and masks.

        Raises:
            InputError: the run has no such cohort.
        """
        return Cohort.load(self.folder / "cohorts" / name)

    def session(self, row: Mapping[str, Any] | pd.Series[Any]) -> Session:
        """The session of a row of the scores, with the image that the method saw and the truth.

        Args:
            row: a row of `scores`, or a mapping with `cohort`, `protocol`, `method`, `network`, `object` and
                `replicate`.

        Returns:
            The stored session.

        Raises:
            InputError: the session or its files are missing, damaged or changed.
        """
        cohort = self.cohort(row["cohort"])
        row_of_object = cohort.object(row["object"])
        entry = entry_name(row["method"], row["network"], int(row.get("training_seed", 1)))
        archive = Archive(self.folder / "sessions" / row["cohort"] / row["protocol"] / entry)
        record = archive.load(Trial(row["object"], int(row["replicate"])).session)
        image, who = cohort.image(row_of_object), record.identity
        if who.level:
            seed = read_record(self.folder / "config.json", "seed")["seed"]
            image = seen_image(image, self.protocols[who.protocol], seed, who.seed_key)
        return Session(
            image,
            cohort.truth(row_of_object),
            record,
            cohort.nsd_tolerance(row_of_object.structure),
            row_of_object.group,
            str(row.get("exposure", "unknown")),
        )


def read_run(folder: Path | str) -> Run:
    """A finished run.

    Args:
        folder: RESULTS/RUN.

    Returns:
        The run; its scores are already read.

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
    _ = run.scores  # raises for a folder without a run
    return run


def read_scores(path: Path | str) -> pd.DataFrame:
    """The scores of a run: a row for every step of every session.

    Args:
        path: the run's folder, RESULTS/RUN, or its scores.parquet.

    Returns:
        Table with the columns of docs/results.md; its `attrs` hold the protocol cards, which `interactions_to_target`
        needs.

    Raises:
        InputError: there are no scores, or they are damaged.

    Examples:
        >>> scores = read_scores("results/demo")
        >>> sorted(scores["method"].unique())
        ['base-crf', 'base-net', 'bifseg', 'bifseg-w']
    """
    if not Path(path).is_dir() and Path(path).suffix != ".parquet":
        kind = "not a table of scores" if Path(path).exists() else "no such folder"
        raise InputError(f"{path}: {kind}; name RESULTS/RUN, or its scores.parquet")
    folder = Path(path) if Path(path).is_dir() else Path(path).parent
    scores = read_table(folder / "scores.parquet" if Path(path).is_dir() else Path(path))
    read_metrics(folder)
    scores.attrs[_RULES] = played_cards(folder, scores)
    return scores


def rank(scores: pd.DataFrame, measure: str = "dice", protocol: str | None = None) -> pd.DataFrame:
    """Entries ranked by their mean at the end of a session, per cohort and structure.

    Args:
        scores: scores of one run.
        measure: column of the scores.
        protocol: protocol of the sessions; None: `own-scribbles`, or the only protocol of the scores.

    Returns:
        A row per `cohort`, structure and entry, best first: `n` sessions, of which `failed` have no result and count
        with the worst score; MEASURE_mean and MEASURE_std; `rank`; `group`: entries that share a letter do not differ
        significantly (Wilcoxon's signed-rank test over patients, all pairs, Holm's correction, level 0.05); `least_p`:
        the smallest p-value that the number of patients allows. If that is not below 0.05, `group` is empty.

    Raises:
        InputError: the scores are of several runs, have no such column or protocol, or the measure is effort and the
            protocol's rules, by which a failed session is charged, are unknown.

    Examples:
        >>> ranked = rank(read_scores("results/demo"), "assd_mm")
        >>> ranked[["method", "rank"]].head(2).to_dict("records")
        [{'method': 'bifseg', 'rank': 1.0}, {'method': 'bifseg-w', 'rank': 2.0}]
    """
    rows = _final_rows(scores, measure, protocol)

    def ranked(group: pd.DataFrame) -> pd.DataFrame:
        keys = ["seen", "structure", "method", "network"]
        means = results(group, (measure,)).merge(paired.rankings(group, measure), on=keys)
        return means.sort_values(["seen", "structure", "rank"], ascending=[False, True, True])

    return _per_cohort(rows, ranked)


def compare(
    scores: pd.DataFrame, entry: str, reference: str, measure: str = "dice", protocol: str | None = None
) -> pd.DataFrame:
    """Paired differences between two entries on the same objects, per cohort and structure: entry minus reference.

    Args:
        scores: scores of one run.
        entry: METHOD@NETWORK, or METHOD for an entry without a network.
        reference: the entry to compare with.
        measure: column of the scores, whose value at the end of each session is compared.
        protocol: protocol of the sessions; None: `own-scribbles`, or the only protocol of the scores.

    Returns:
        A row per `cohort` and structure: `n` objects of `patients` patients, `failed` pairs; `difference_mean` with
        its 95% interval over patients, `difference_low` and `difference_high`; `effect` (Cohen's d_z); `t_p` of the
        paired t-test over objects and `wilcoxon_p` of the signed-rank test over patients. No rows if the entries have
        no cohort in common.

    Raises:
        InputError: the scores are of several runs, have no such entry, column or protocol, both entries are the same,
            or the measure is effort and the protocol's rules, by which a failed session is charged, are unknown.

    Examples:
        >>> scores = read_scores("results/demo")
        >>> better = compare(scores, "bifseg-w@pnet-demo", reference="base-net@pnet-demo")
        >>> bool((better["difference_mean"] > 0).all())
        True
    """
    rows = _final_rows(scores, measure, protocol)
    if entry == reference:
        raise InputError(f"entry and reference: both are '{entry}'; name two entries")
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
    """The effort until Dice first is at least a target, per cohort, structure and entry.

    All sessions count: one that never reaches the target costs one round more than the protocol allows.

    Args:
        scores: scores of one run.
        target: Dice in (0, 1].
        protocol: protocol of the sessions; None: `own-scribbles`, or the only protocol of the scores.
        rules: that protocol's card; None: the one that `read_scores` read beside the sessions.

    Returns:
        A row per cohort, structure and entry with the columns of docs/results.md, "Interactions to target"; NaN if
        the protocol ends sessions at a lower Dice.

    Raises:
        InputError: the target is no Dice, the rules are no `Protocol` or unknown, or the scores are of several runs or
            have no such protocol.

    Examples:
        >>> effort = interactions_to_target(read_scores("results/demo"), 0.80)
        >>> effort.loc[effort["method"] == "bifseg-w", "reached"].tolist()
        [4.0, 4.0]
    """
    if not 0 < target <= 1:
        raise InputError(f"target: {target}; give a Dice above 0 and up to 1, such as 0.9")
    if not isinstance(rules, ProtocolCard | None):
        raise InputError(
            f"rules: {short(repr(rules), 60)}; pass rules=bifseg.Protocol(rounds=..., target=...)"
        )
    scores, name = _chosen(scores, "dice", protocol)
    rule = StoppingRule.of(rules.model_dump()) if rules else _rule(scores, name)
    if rule is None:
        raise InputError(
            f"rules: those of {name} are unknown; pass rules=bifseg.Protocol(rounds=..., target=...)"
        )
    return _per_cohort(
        scores[scores["protocol"] == name], lambda rows: interactions(rows, target, rule, name)
    )


def _chosen(scores: pd.DataFrame, measure: str, protocol: str | None) -> tuple[pd.DataFrame, str]:
    """The scores and the protocol to evaluate; raises InputError if they do not fit together."""
    if scores["run"].nunique() > 1:
        raise InputError(
            f"scores: of {scores['run'].nunique()} runs; choose one, or use `bifseg compare` for two"
        )
    if measure not in scores:
        raise InputError(f"measure: the scores have no column '{measure}'; see docs/results.md")
    if not is_numeric_dtype(scores[measure]):
        raise InputError(
            f"measure: '{measure}' holds no numbers; name a metric, effort or time, such as dice"
        )
    played = sorted(scores["protocol"].unique())
    name = protocol or (OWN_SCRIBBLES if OWN_SCRIBBLES in played or len(played) != 1 else played[0])
    if name not in played:
        known = ", ".join(played) or "none"
        raise InputError(short(f"protocol: the scores have no '{name}'; they have {known}", 300))
    return scores, name


def _rule(scores: pd.DataFrame, protocol: str) -> StoppingRule | None:
    """The rule that `read_scores` read beside the sessions; None for scores without it."""
    card = scores.attrs.get(_RULES, {}).get(protocol)
    return StoppingRule.of(card) if card else None


def _final_rows(scores: pd.DataFrame, measure: str, protocol: str | None) -> pd.DataFrame:
    """The final result of each session, as in the tables; raises InputError if effort cannot be charged."""
    scores, name = _chosen(scores, measure, protocol)
    rule = _rule(scores, name)
    if rule is None and measure in EFFORT:
        raise InputError(
            f"measure: {measure} needs the rules of {name}, and the scores have none; take them as "
            "bifseg.read_scores gives them, with their attrs"
        )
    return final_rows(scores, name, rule)


def _of_entry(rows: pd.DataFrame, entry: str) -> pd.DataFrame:
    method, network = split_entry(entry)
    chosen = rows[(rows["method"] == method) & (rows["network"] == network)]
    if chosen.empty:
        pairs = sorted(set(zip(rows["method"], rows["network"], strict=True)))
        known = ", ".join(entry_name(*pair) for pair in pairs)
        raise InputError(short(f"entry: the scores have no '{entry}'; they have {known}", 300))
    return chosen


def _per_cohort(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """The measures of all cohorts in one table, with the cohort as its first column."""
    parts = []
    for cohort, group in rows.groupby("cohort", sort=True):
        part = measure(group)
        if len(part):
            part.insert(0, "cohort", str(cohort))
            parts.append(part)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
