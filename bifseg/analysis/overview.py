"""One row an entry, per cohort and over all cohorts: quality, effort until the target, and rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.intervals import (
    Interval,
    mean_interval,
    mean_of_strata,
    share_interval,
    share_of_strata,
)
from bifseg.analysis.names import FAILED, STAGES, entry_names, exposure_text, saw_patients
from bifseg.analysis.paired import main_network, rankings, with_fewer_objects
from bifseg.analysis.run_scores import CohortScores, RunScores

MEASURES = ("initial", "dice", "reached", "prompts", "rounds", "user_s", "machine_s")
HIGHER_IS_BETTER = ("initial", "dice", "reached")
_MOST = {"initial": 1.0, "dice": 1.0, "reached": 1.0}
_ENTRY = ["method", "network"]
_Mean = Callable[[pd.DataFrame, str], Interval]


@dataclass(frozen=True)
class Overview:
    """The entries of a cohort, or of all cohorts together: those that saw none of the patients first, then best first.

    Attributes:
        protocol: the protocol of the final results.
        by: the measure of the ranking: `prompts` to the target, or `dice` if the protocol ends sessions at a lower one,
            or if one never reached it and the policy's strokes have no limit.
        rounds: most rounds of the protocol.
        frame: a row an entry: `method`, `network`, `n` sessions of `patients` patients, `failed`, `exposure`, `saw`
            (whether its models were trained on a patient that it played), `rank` among the entries of
            equal `saw`, `group` (entries that share a letter do not differ significantly; empty: too few patients to
            rank), and for each of `MEASURES` the mean with its 95% interval over patients, `_mean`, `_low` and
            `_high`; NaN for measures that an entry lacks.
        cohorts: names of the cohorts.
        partial: methods that are left out, because some cohort has no sessions of them.
        fewer: entries that played fewer objects than others, with their numbers, as of `with_fewer_objects`.
        others: entries that are left out, because their method plays with the main network.
    """

    protocol: str
    by: str
    rounds: int
    frame: pd.DataFrame
    cohorts: tuple[str, ...]
    partial: tuple[str, ...] = ()
    fewer: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def overview(cohort: CohortScores) -> Overview:
    """The overview of a cohort under its main protocol, or under the first by name if that has no sessions.

    Prompts, rounds and user time are those until the target; a session that never reaches it costs
    `StoppingRule.limits`. If the protocol ends sessions at a lower Dice, user time is that of the whole session. A
    failed session has the worst Dice. An entry that starts from scribbles has no initial result.

    Args:
        cohort: scores of a cohort, at least one row.

    Returns:
        The entries with means over their sessions.

    Raises:
        InputError: the protocol's card is missing.
    """
    protocol, rows = _protocol(cohort)[0], _sessions(cohort)
    by = _measure(rows)
    frame, fewer = _ranked(rows, by, _over_patients), with_fewer_objects(rows)
    return Overview(protocol, by, cohort.rule(protocol).rounds, frame, (cohort.name,), fewer=fewer)


def overview_over_cohorts(run: RunScores) -> Overview | None:
    """The overview of the methods that have sessions in every cohort, each with its main network there.

    Args:
        run: scores of a run.

    Returns:
        The methods with the means over the cohorts' means, so that every cohort has the same weight, and ranks by
        these means; tests are over the patients of all cohorts. None for a run with one cohort, or without a protocol
        or method that all cohorts share.

    Raises:
        InputError: the protocol's card is missing.
    """
    protocols = {_protocol(cohort) for cohort in run.cohorts}
    if len(run.cohorts) < 2 or len({protocol for protocol, _ in protocols}) > 1:
        return None
    sessions = [_sessions(cohort) for cohort in run.cohorts]
    parts = [_with_main_network(rows) for rows in sessions]
    common = set.intersection(*(set(part["method"]) for part in parts))
    rows = pd.concat(parts, ignore_index=True)
    partial = tuple(sorted(set(rows["method"]) - common))
    rows = rows[rows["method"].isin(common)].assign(network="")
    if rows.empty:
        return None
    for key in ("patient", "object"):  # names may be the same in two cohorts
        rows[key] = rows["cohort"].astype(str) + "/" + rows[key].astype(str)
    protocol = min(protocols)[0]
    by = _measure(rows)
    frame = _ranked(rows, by, _mean_of_cohorts)
    rounds = max(cohort.rule(protocol).rounds for cohort in run.cohorts)
    names, fewer = tuple(cohort.name for cohort in run.cohorts), with_fewer_objects(rows)
    return Overview(protocol, by, rounds, frame, names, partial, fewer, _others(sessions, parts, common))


def _others(sessions: list[pd.DataFrame], parts: list[pd.DataFrame], methods: set[str]) -> tuple[str, ...]:
    """The entries of some methods that are not among the parts of their cohorts' sessions."""
    names = (
        set(entry_names(every[every["method"].isin(methods)])) - set(entry_names(part))
        for every, part in zip(sessions, parts, strict=True)
    )
    return tuple(sorted(set().union(*names)))


def _protocol(cohort: CohortScores) -> tuple[str, bool]:
    """The protocol of a cohort's overview, and whether the effort until the target is known under it."""
    own = cohort.run.roles.own
    protocol = own if cohort.plays(own) else str(cohort.frame["protocol"].min())
    rule = cohort.rule(protocol)
    return protocol, rule.rounds > 1 and rule.plays_to(cohort.run.target)


def _sessions(cohort: CohortScores) -> pd.DataFrame:
    """The last row of each session with the columns of `MEASURES`; unknown ones are NaN."""
    protocol, known = _protocol(cohort)
    rule, target = cohort.rule(protocol), cohort.run.target
    rows = cohort.final_under(protocol).reset_index(drop=True)
    if known:
        cost = cost_to_target(cohort.frame, target, rule, protocol)  # the same sessions in the same order
        limits = rule.limits(cost)
        rows = rows.assign(
            reached=cost["reached"].astype(float),
            rounds_limit=limits["round"],
            prompts_limit=limits.get("n_prompts", np.nan),
            user_s_limit=limits.get("user_s", np.nan),
            rounds=cost["round"],
            prompts=cost["n_prompts"],
            user_s=cost["user_s"],  # a session that stops early must not look cheap
        )
    else:
        rows = rows.assign(reached=np.nan, rounds=np.nan, prompts=np.nan)
    initial = cohort.stages[STAGES[0]].rename(columns={"dice": "initial"})
    keys = [*_ENTRY, "training_seed", "object", "replicate"]
    return rows.merge(initial[[*keys, "initial"]], on=keys, how="left", validate="one_to_one")


def _measure(rows: pd.DataFrame) -> str:
    """The measure that ranks: prompts, unless those of a session that never reaches the target have no limit."""
    return "prompts" if rows["prompts"].notna().all() else "dice"


def _with_main_network(rows: pd.DataFrame) -> pd.DataFrame:
    """The sessions of each method with the main network or, if it has none, with its first network by name."""
    main, first = main_network(rows), rows.groupby("method")["network"].transform("min")
    has_main = rows["network"].eq(main).groupby(rows["method"]).transform("any")
    return rows[rows["network"] == first.mask(has_main, main)]


def _ranked(rows: pd.DataFrame, by: str, mean: _Mean) -> pd.DataFrame:
    """A row an entry, best first; entries that were trained on these patients are ranked apart, behind the others."""
    frame = pd.DataFrame([_entry(group, mean) for _, group in rows.groupby(_ENTRY, sort=True)])
    letters = rankings(rows.assign(seen=True, structure=""), by)[[*_ENTRY, "group"]]
    frame = frame.assign(saw=[saw_patients(text) for text in frame["exposure"]])
    ranks = frame.groupby("saw")[f"{by}_mean"].rank(method="min", ascending=by not in HIGHER_IS_BETTER)
    frame = frame.assign(rank=ranks).merge(letters, on=_ENTRY)
    order = ["saw", "rank", "dice_mean"]
    return frame.sort_values(order, ascending=[True, True, False], kind="stable", ignore_index=True)


def _entry(rows: pd.DataFrame, mean: _Mean) -> dict[str, object]:
    """Counts and means of one entry."""
    line: dict[str, object] = {name: rows[name].iloc[0] for name in _ENTRY}
    line |= {"n": len(rows), "patients": rows["patient"].nunique()}
    line["failed"] = int(rows["status"].isin(FAILED).sum())
    line["exposure"] = exposure_text(rows["exposure"])
    for name in MEASURES:
        known = rows[rows["initial"].notna()] if name == "initial" else rows
        empty = known["cohort"].nunique() < rows["cohort"].nunique() or known[name].isna().any()
        values = Interval(np.nan, np.nan, np.nan) if empty else mean(known, name)
        most = known[f"{name}_limit"].fillna(np.inf).max() if f"{name}_limit" in known else np.inf
        line |= values.within(0, _MOST.get(name, most)).columns(name)
    return line


def _over_patients(rows: pd.DataFrame, name: str) -> Interval:
    """The mean over sessions with its interval over patients; that of a share is not a point at 0 or 1."""
    interval = share_interval if name == "reached" else mean_interval
    return interval(rows[name], rows["patient"])


def _mean_of_cohorts(rows: pd.DataFrame, name: str) -> Interval:
    """The mean over cohorts of the means over their sessions with its interval over patients."""
    interval = share_of_strata if name == "reached" else mean_of_strata
    return interval(rows[name], rows["patient"], rows["cohort"])
