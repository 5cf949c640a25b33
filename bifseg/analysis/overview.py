"""Every entry on one line, per cohort and over all cohorts: how good, how soon, how much effort, and its rank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.intervals import Interval, bootstrap_t, mean_interval
from bifseg.analysis.names import FAILED, SESSION, STAGES
from bifseg.analysis.paired import main_network, rankings
from bifseg.analysis.run_scores import CohortScores, RunScores
from bifseg.analysis.stages import final_rows

MEASURES = ("initial", "dice", "reached", "prompts", "rounds", "user_s", "machine_s")
HIGHER_IS_BETTER = ("initial", "dice", "reached")
_MOST = {"initial": 1.0, "dice": 1.0, "reached": 1.0}
_ENTRY = ["method", "network"]
_Mean = Callable[[pd.DataFrame, str], Interval]


@dataclass(frozen=True)
class Overview:
    """The entries of a cohort, or of all cohorts together, best first.

    Attributes:
        protocol: whose last results they are.
        by: what they are ranked by: `prompts` to the target, or `dice` where the protocol does not show the target.
        rounds: most rounds of the protocol.
        frame: a row an entry: `method`, `network`, `n` sessions of `patients` patients, `failed`, `rank`, `group`
            (entries that share a letter do not differ significantly; empty: too few patients to rank),
            and of each of `MEASURES` its mean with a 95 % interval over patients, `_mean`, `_low` and `_high`; NaN
            for what an entry does not have.
        cohorts: names of the cohorts.
        partial: entries that do not play in every cohort and are left out.
    """

    protocol: str
    by: str
    rounds: int
    frame: pd.DataFrame
    cohorts: tuple[str, ...]
    partial: tuple[str, ...] = ()


def overview(cohort: CohortScores) -> Overview:
    """The overview of a cohort under its main protocol, or under the first by name where that was not played.

    Prompts, rounds and user time are those until the target; a session that never reaches it costs what
    `StoppingRule.limits` says. Where the protocol does not show the target, user time is all that was spent. A failed
    session has the worst Dice. An entry that starts from scribbles has no initial result.

    Args:
        cohort: its scores.

    Returns:
        Means over sessions.

    Raises:
        InputError: the protocol's card is missing.
    """
    protocol, known = _protocol(cohort)
    by = "prompts" if known else "dice"
    frame = _ranked(_sessions(cohort), by, lambda rows, name: mean_interval(rows[name], rows["patient"]))
    return Overview(protocol, by, cohort.rule(protocol).rounds, frame, (cohort.name,))


def overview_over_cohorts(run: RunScores) -> Overview | None:
    """The overview of the methods that play in every cohort; each with its main network there.

    Args:
        run: its scores.

    Returns:
        Means over the cohorts' means, so that each cohort counts the same, and ranks by them; tests go over the
        patients of all cohorts. None for a run of one cohort, or without a common protocol or method.

    Raises:
        InputError: the protocol's card is missing.
    """
    protocols = {_protocol(cohort) for cohort in run.cohorts}
    if len(run.cohorts) < 2 or len({protocol for protocol, _ in protocols}) > 1:
        return None
    parts = [_with_main_network(_sessions(cohort)) for cohort in run.cohorts]
    common = set.intersection(*(set(part["method"]) for part in parts))
    rows = pd.concat(parts, ignore_index=True)
    partial = tuple(sorted(set(rows["method"]) - common))
    rows = rows[rows["method"].isin(common)].assign(network="")
    if rows.empty:
        return None
    for key in ("patient", "object"):  # names may be the same in two cohorts
        rows[key] = rows["cohort"] + "/" + rows[key]
    protocol = min(protocols)[0]
    by = "prompts" if all(known for _, known in protocols) else "dice"
    frame = _ranked(rows, by, _mean_of_cohorts)
    rounds = max(cohort.rule(protocol).rounds for cohort in run.cohorts)
    return Overview(protocol, by, rounds, frame, tuple(cohort.name for cohort in run.cohorts), partial)


def _protocol(cohort: CohortScores) -> tuple[str, bool]:
    """The protocol of a cohort's overview, and whether it shows the target."""
    own = cohort.run.roles.own
    protocol = own if cohort.plays(own) else str(cohort.frame["protocol"].min())
    rule = cohort.rule(protocol)
    return protocol, rule.rounds > 1 and rule.show(cohort.run.target)


def _sessions(cohort: CohortScores) -> pd.DataFrame:
    """The last row of each session with the columns of `MEASURES`; NaN for what is unknown."""
    protocol, known = _protocol(cohort)
    rule, target = cohort.rule(protocol), cohort.run.target
    rows = final_rows(cohort.frame, protocol, rule).set_index(SESSION)
    if known:
        cost = cost_to_target(cohort.frame, target, rule, protocol).set_index(SESSION).loc[rows.index]
        rows = rows.assign(
            reached=cost["reached"].astype(float),
            rounds=cost["round"],
            prompts=cost["n_prompts"],
            user_s=cost["user_s"],  # to stop early is no merit
        )
    else:
        rows = rows.assign(reached=np.nan, rounds=np.nan, prompts=np.nan)
    rows = rows.reset_index()
    initial = cohort.stages[STAGES[0]].rename(columns={"dice": "initial"})
    keys = [*_ENTRY, "object", "replicate"]
    return rows.merge(initial[[*keys, "initial"]], on=keys, how="left")


def _with_main_network(rows: pd.DataFrame) -> pd.DataFrame:
    """The sessions of each method with the main network, or with its first one where it does not play with that."""
    main, first = main_network(rows), rows.groupby("method")["network"].transform("min")
    plays = rows["network"].eq(main).groupby(rows["method"]).transform("any")
    return rows[rows["network"] == first.mask(plays, main)]


def _ranked(rows: pd.DataFrame, by: str, mean: _Mean) -> pd.DataFrame:
    """A row an entry, best first."""
    frame = pd.DataFrame([_entry(group, mean) for _, group in rows.groupby(_ENTRY, sort=True)])
    letters = rankings(rows.assign(seen=True, structure=""), by)[[*_ENTRY, "group"]]
    ranks = frame[f"{by}_mean"].rank(method="min", ascending=by not in HIGHER_IS_BETTER)
    frame = frame.assign(rank=ranks).merge(letters, on=_ENTRY)
    return frame.sort_values(["rank", "dice_mean"], ascending=[True, False], kind="stable", ignore_index=True)


def _entry(rows: pd.DataFrame, mean: _Mean) -> dict[str, object]:
    """Counts and means of one entry."""
    line: dict[str, object] = {name: rows[name].iloc[0] for name in _ENTRY}
    line |= {"n": len(rows), "patients": rows["patient"].nunique()}
    line["failed"] = int(rows["status"].isin(FAILED).sum())
    for name in MEASURES:
        known = rows[rows["initial"].notna()] if name == "initial" else rows
        empty = known.empty or known[name].isna().any()
        values = Interval(np.nan, np.nan, np.nan) if empty else mean(known, name)
        values = values.within(0, _MOST.get(name, np.inf))
        line |= {f"{name}_{kind}": value for kind, value in vars(values).items()}
    return line


def _mean_of_cohorts(rows: pd.DataFrame, name: str) -> Interval:
    """The mean over cohorts of the means over their sessions, with its bootstrap-t interval over patients."""
    terms = [
        column
        for cohort in sorted(set(rows["cohort"]))
        for inside in [(rows["cohort"] == cohort).to_numpy(float)]
        for column in (inside * rows[name].to_numpy(float), inside)
    ]
    return bootstrap_t(np.column_stack(terms), rows["patient"], _mean_of_ratios, _mean_of_ratios_slope)


def _mean_of_ratios(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((sums[..., ::2] / sums[..., 1::2]).mean(axis=-1))


def _mean_of_ratios_slope(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    above, below = sums[..., ::2], sums[..., 1::2]
    slopes = np.stack([1 / below, -above / below**2], axis=-1) / above.shape[-1]
    return np.asarray(slopes.reshape(sums.shape))
