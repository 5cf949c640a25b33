"""Every entry of a cohort on one line: how good, how soon, how much effort, and its rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.intervals import mean_interval
from bifseg.analysis.names import ENTRY, FAILED, SESSION, STAGES
from bifseg.analysis.paired import rankings
from bifseg.analysis.run_scores import CohortScores
from bifseg.analysis.stages import final_rows

MEASURES = ("initial", "dice", "reached", "rounds", "prompts", "user_s", "machine_s")
HIGHER_IS_BETTER = ("initial", "dice", "reached")
_MOST = {"initial": 1.0, "dice": 1.0, "reached": 1.0}


@dataclass(frozen=True)
class Overview:
    """The entries of a cohort under one protocol, best first.

    Attributes:
        protocol: whose last results they are.
        by: what they are ranked by: `rounds` to the target, or `dice` where the protocol does not show the target.
        rounds: most rounds of the protocol.
        frame: a row an entry: `method`, `network`, `n` sessions of `patients` patients, `failed`, `rank`, `group`
            (entries that share a letter cannot be told apart; empty: too few patients to rank),
            and of each of `MEASURES` its mean over sessions with a 95 % interval over patients,
            `_mean`, `_low` and `_high`; NaN for what an entry does not have.
    """

    protocol: str
    by: str
    rounds: int
    frame: pd.DataFrame


def overview(cohort: CohortScores) -> Overview:
    """The overview of a cohort under its main protocol, or under the first by name where that was not played.

    Rounds, prompts and user time are those until the target; a session that never reaches it costs what
    `StoppingRule.limits` says. Where the protocol does not show the target, user time is all that was spent. A failed
    session has the worst Dice. An entry that starts from scribbles has no initial result.

    Raises:
        InputError: the protocol's card is missing.
    """
    own = cohort.run.roles.own
    protocol = own if cohort.plays(own) else str(cohort.frame["protocol"].min())
    rule, target = cohort.rule(protocol), cohort.run.target
    known = rule.rounds > 1 and rule.show(target)
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
    by = "rounds" if known else "dice"
    frame = _entries(rows.reset_index(), cohort.stages[STAGES[0]])
    places = rankings(rows.reset_index().assign(seen=True, structure=""), by)
    frame = frame.merge(places[["method", "network", "rank", "group"]], on=["method", "network"])
    frame = frame.sort_values(
        ["rank", "dice_mean"], ascending=[True, False], kind="stable", ignore_index=True
    )
    return Overview(protocol, by, rule.rounds, frame)


def _entries(rows: pd.DataFrame, initial: pd.DataFrame) -> pd.DataFrame:
    """Counts and intervals, a row an entry."""
    first = initial.assign(initial=initial["dice"])
    lines = []
    for (_, method, network), group in rows.groupby(ENTRY, sort=True):
        begun = first[(first["method"] == method) & (first["network"] == network)]
        line = {
            "method": method,
            "network": network,
            "n": len(group),
            "patients": group["patient"].nunique(),
            "failed": int(group["status"].isin(FAILED).sum()),
        }
        for measure in MEASURES:
            line |= _interval(begun if measure == "initial" else group, measure)
        lines.append(line)
    return pd.DataFrame(lines)


def _interval(rows: pd.DataFrame, measure: str) -> dict[str, float]:
    """Mean and limits of a measure; NaN without values."""
    values = rows[measure].to_numpy(float)
    if not len(values) or np.isnan(values).any():
        return {f"{measure}_{kind}": np.nan for kind in ("mean", "low", "high")}
    found = mean_interval(values, rows["patient"]).within(0, _MOST.get(measure, np.inf))
    return {f"{measure}_{kind}": value for kind, value in vars(found).items()}
