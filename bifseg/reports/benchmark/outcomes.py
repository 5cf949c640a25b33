"""The outcome of each session in one row: the numbers that comparisons of runs and the history use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bifseg.analysis.interactions import cost_to_target
from bifseg.analysis.names import FAILED, SESSION
from bifseg.analysis.rules import StoppingRule, stopping_rule
from bifseg.analysis.stages import in_step_order, stage_rows

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
    rows = in_step_order(scores)
    last = rows.groupby(SESSION).tail(1).set_index(SESSION)
    before = rows[rows["round"] == 0].groupby(SESSION)["machine_s"].last()
    last = last.assign(
        initial=_stage(scores, "initial"),
        unsupervised=_stage(scores, "unsupervised"),
        failed=last["status"].isin(FAILED).astype(int),
        session_s=last["machine_s"],
        rounds_s=last["machine_s"] - before,
        n_rounds=last["round"],
        sessions=1,
    )
    return last.join(_rounds(scores, rules, target)).reset_index()[COLUMNS]


def _stage(scores: pd.DataFrame, stage: str) -> pd.Series:
    """Dice at a stage by session, of the entries that have such a step."""
    rows = stage_rows(scores, stage)
    steps = scores.loc[scores["step"] == stage, ["cohort", "method", "network"]].drop_duplicates()
    return rows.merge(steps).set_index(SESSION)["dice"]


def _rounds(scores: pd.DataFrame, rules: Mapping[str, StoppingRule], target: float) -> pd.DataFrame:
    """`rounds`, `prompts` and their `goal` by session; the goal is never above the protocol's own target."""
    parts = []
    for protocol, rows in scores.groupby("protocol", sort=True):
        rule = stopping_rule(rules, str(protocol))
        goal = rule.goal(target)
        sessions = cost_to_target(rows, goal, rule, str(protocol)).set_index(SESSION)
        counts = pd.DataFrame({"rounds": sessions["round"], "prompts": sessions["n_prompts"], "goal": goal})
        parts.append(counts if rule.rounds > 1 else counts * np.nan)
    return pd.concat(parts)
