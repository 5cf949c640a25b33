"""The outcome of each session in one row: the numbers that comparisons of runs and the history use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.interactions import PLAYED, cost_to_target
from bifseg.analysis.names import ENTRY, FAILED, SESSION
from bifseg.analysis.rules import StoppingRule, stopping_rule
from bifseg.analysis.stages import OF_STAGE, in_step_order, rows_by_stage, session_numbers
from bifseg.analysis.words import with_words

WHERE = ["cohort", "protocol", "seen", "structure"]
_ABOUT = ["case", "patient", "structure", "seen", "dimension", "split", "status", "error"]


@dataclass(frozen=True)
class Measure:
    """One of the numbers, how readers see it, and which direction is worse.

    Attributes:
        name: its column.
        label: with its unit; {goal} is what rounds are counted to.
        more_is: `better` or `worse`.
        gate: the limit of `gate.Limits` that it is held to; empty for none.
        factor: from the column to the unit.
        digits: behind the point.
        per: of seconds, the column that they are divided by, sum by sum; empty for other numbers.
    """

    name: str
    label: str
    more_is: str
    gate: str = ""
    factor: float = 1
    digits: int = 1
    per: str = ""


MEASURES = (
    Measure("initial", "Initial Dice (%)", "better", "dice", 100),
    Measure("unsupervised", "Dice without scribbles (%)", "better", "dice", 100),
    Measure("dice", "Final Dice (%)", "better", "dice", 100),
    Measure("assd_mm", "Final ASSD (mm)", "worse", digits=2),
    Measure("rounds", "Rounds to {goal}", "worse", "rounds"),
    Measure("prompts", "Prompts to {goal}", "worse"),
    Measure("failed", "Failed sessions", "worse", "failed", digits=0),
    Measure("session_s", "Machine time a session (s)", "worse", "slowdown", digits=3, per="sessions"),
    Measure("rounds_s", "Machine time a round (s)", "worse", "slowdown", digits=3, per="n_rounds"),
)
"""In reading order. A protocol that stops at a target ends near it with every entry: rounds say more than Dice then."""
_READ = [*dict.fromkeys([*SESSION, *_ABOUT, *PLAYED, *OF_STAGE, "machine_s", "dice", "assd_mm"])]
COLUMNS = [*SESSION, *_ABOUT, *(m.name for m in MEASURES), "sessions", "n_rounds", "goal"]


def outcomes(scores: pd.DataFrame, rules: Mapping[str, StoppingRule], target: float) -> pd.DataFrame:
    """One row per session.

    Args:
        scores: of a run.
        rules: of every protocol in the scores.
        target: Dice that the rounds are counted to, or to a protocol's own target where that is lower.

    Returns:
        `COLUMNS`. `initial` and `unsupervised` are known under the one protocol from which `stage_rows` takes them,
        for entries that have such a step, and NaN elsewhere. `dice` and `assd_mm` are those of the last result.
        `rounds` and `prompts` (box, strokes and clicks count 1 each): until the `goal`, at the protocol's limits where
        it was never reached; all three are NaN under a protocol of one round. `failed` is 0 or 1. `session_s` and
        `rounds_s` are machine seconds of the session and of its `n_rounds` rounds. `sessions` is 1.

    Raises:
        InputError: the rules of a protocol are missing.
    """
    rows = in_step_order(scores[_READ])
    session, is_last = session_numbers(rows)
    last = rows[is_last].reset_index(drop=True)
    seconds, before = rows["machine_s"].to_numpy(float), np.full(len(last), np.nan)
    begun = (rows["round"] == 0).to_numpy() & ~np.isnan(seconds)
    before[session[begun]] = seconds[begun]  # of several the last
    stages = rows_by_stage(rows)
    last = last.assign(
        initial=_stage(rows, "initial", stages["initial"], session),
        unsupervised=_stage(rows, "unsupervised", stages["unsupervised"], session),
        failed=last["status"].isin(FAILED).astype(int),
        session_s=last["machine_s"],
        rounds_s=last["machine_s"] - before,
        n_rounds=last["round"],
        sessions=1,
    )
    return with_words(last.assign(**_rounds(rows, last["protocol"], rules, target))[COLUMNS])


def _stage(
    rows: pd.DataFrame, stage: str, results: pd.DataFrame, session: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Dice at a stage by session, of the entries that have such a step; `rows` are in step order."""
    entry = rows.groupby(ENTRY, sort=False).ngroup().to_numpy()
    able = np.isin(entry, entry[rows["step"] == stage])
    at = results.index.to_numpy()  # places in `rows`
    at = at[able[at]]
    values = np.full(session.max(initial=-1) + 1, np.nan)
    values[session[at]] = rows["dice"].to_numpy(float)[at]
    return values


def _rounds(
    rows: pd.DataFrame, protocols: pd.Series, rules: Mapping[str, StoppingRule], target: float
) -> dict[str, NDArray[np.float64]]:
    """`rounds`, `prompts` and their `goal` by session; the goal is never above the protocol's own target."""
    columns = {name: np.full(len(protocols), np.nan) for name in ("rounds", "prompts", "goal")}
    for protocol in sorted(set(protocols)):
        rule = stopping_rule(rules, protocol)
        goal = rule.goal(target)
        sessions = cost_to_target(rows, goal, rule, protocol)
        if rule.rounds > 1:
            counts = {"rounds": sessions["round"], "prompts": sessions["n_prompts"], "goal": goal}
            for name, values in counts.items():
                columns[name][protocols == protocol] = values
    return columns
