"""Interactions until a target Dice, honestly counted: who never reached it is never left out of a number.

Under the `own` protocol a session is followed until the last round that its protocol allows. One that ended
before without reaching the target (the robot saw no error, the method takes no scribbles, a failure) never
will: it counts as never, and in restricted means as the last round. A protocol that ends sessions at a target
shows nothing of a higher one: those that were about to reach it are the ones that were stopped.

Rounds have a common limit, so their mean can be restricted to it. Strokes and seconds have none (a session of
ten rounds takes the longer, the worse it goes): of them there are medians, which need no limit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.names import OWN_SCRIBBLES, SESSION
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import count_sessions, in_step_order, mean_std, per_group, started
from bifseg.analysis.statistics import Interval, bootstrap_mean
from bifseg.analysis.survival import reached_by, restricted_mean
from bifseg.core.errors import InputError
from bifseg.core.seeds import generator

EFFORT_COLUMNS = ("round", "n_strokes", "user_s")
"""Columns of the scores in which the way to a target is measured."""
KEYS = [*SESSION, "patient"]


def time_to_target(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """One row per session under `own`: what it took until Dice first was at least `target`.

    Returns:
        The session's last row of scores, in which `reached` says whether, and the columns of `EFFORT_COLUMNS` hold what
        was spent by then. Without reaching it they hold infinity, but the rounds of a session that the last
        round stopped: those that it was watched for (right-censored).

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    rows = in_step_order(scores[scores["protocol"] == own])
    if len(rows) and rows["round"].max() > rules.rounds:
        raise InputError(
            f"scores: round: {rows['round'].max()} under {own}, whose protocol.json allows {rules.rounds}; "
            "run its sessions again"
        )
    last = rows.groupby(SESSION).tail(1).set_index(SESSION)
    there = rows[rows["dice"] >= target].groupby(SESSION).head(1).set_index(SESSION)
    reached = pd.Series(last.index.isin(there.index), last.index)
    stopped = ~reached & (last["round"] == rules.rounds) & (last["status"] == "ok")
    spent = {name: there[name].reindex(last.index).astype(float).fillna(np.inf) for name in EFFORT_COLUMNS}
    spent["round"] = spent["round"].mask(stopped, rules.rounds)
    return last.assign(**spent, reached=reached).reset_index()


def interactions(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """What the target takes and how good the results are on the way, per structure and entry.

    Returns:
        `n` sessions, `failed`; those that `reached` the target (`reached_share`) and `never` did;
        `round_restricted`, the mean of rounds restricted to `round_limit`, with its 95% bootstrap interval over
        patients `round_low` and `round_high`; medians over all sessions, `round_median` and so on for `EFFORT_COLUMNS`,
        infinity where it is never; `initial` and `final`: mean and standard deviation of Dice in round 0 and
        after the last round played; `area_mean` under the curve of Dice against rounds over its length, with
        `area_low` and `area_high`. NaN for all that `StoppingRule.show` does not show, and for the initial result and
        the area of an entry that starts from scribbles. No rows without sessions.
    """
    sessions, rows = time_to_target(scores, target, rules, own), scores[scores["protocol"] == own]
    curves, keys = dice_per_round(rows, rules.rounds)
    begun = started(rows[rows["round"] == 0])  # without those that start from scribbles
    with_result = set(zip(begun["method"], begun["network"], strict=True))

    def measure(group: pd.DataFrame) -> dict[str, float]:
        curve = curves[keys.get_indexer(pd.MultiIndex.from_frame(group[KEYS]))]
        way = _on_the_way(group, curve)
        if (group["method"].iloc[0], group["network"].iloc[0]) not in with_result:
            way |= dict.fromkeys([name for name in way if not name.startswith("final")], np.nan)
        return _to_target(group, target, rules) | way

    return per_group(sessions, measure)


def counts_at(
    scores: pd.DataFrame, targets: Iterable[float], rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """What each target takes: as `interactions` without the way, a row per structure, entry and `target`."""

    def count(target: float) -> pd.DataFrame:
        sessions = time_to_target(scores, target, rules, own)
        return per_group(sessions, lambda group: {"target": target, **_to_target(group, target, rules)})

    return pd.concat([count(target) for target in targets], ignore_index=True)


def dice_per_round(rows: pd.DataFrame, most: int) -> tuple[NDArray[np.float64], pd.MultiIndex]:
    """Dice (sessions, 0..most) after each round, the last value carried forward, and the sessions' `KEYS`.

    Round 0 is the last result before any scribbles.
    """
    last = in_step_order(rows).groupby([*KEYS, "round"], sort=True)["dice"].last().unstack("round")
    values = last.reindex(columns=range(most + 1)).ffill(axis=1)
    return values.to_numpy(float), pd.MultiIndex.from_tuples(values.index, names=KEYS)


def reached_per_round(sessions: pd.DataFrame, most: int) -> Interval:
    """Share of sessions, rows of `time_to_target`, that reached the target by round 0..most (Kaplan-Meier)."""
    rng = _generator(sessions, "curve")
    return reached_by(sessions["round"], sessions["reached"], range(most + 1), sessions["patient"], rng)


def _to_target(sessions: pd.DataFrame, target: float, rules: StoppingRule) -> dict[str, float]:
    reached = sessions["reached"]
    rng = _generator(sessions, "rounds", f"{target:g}")
    mean = restricted_mean(sessions["round"], reached, rules.rounds, sessions["patient"], rng)
    found = {
        "reached": float(reached.sum()),
        "reached_share": float(reached.mean()),
        "never": float((~reached).sum()),
        "round_restricted": float(mean.mean),
        "round_low": float(mean.low),
        "round_high": float(mean.high),
        **{f"{way}_median": float(np.median(sessions[way].where(reached, np.inf))) for way in EFFORT_COLUMNS},
    }
    known = found if rules.show(target) else dict.fromkeys(found, np.nan)
    return count_sessions(sessions) | known | {"round_limit": rules.rounds}


def _on_the_way(sessions: pd.DataFrame, curves: NDArray[np.float64]) -> dict[str, float]:
    """Dice before and after, and the area under its curve by the trapezoidal rule; `curves` are the sessions'."""
    areas = np.trapezoid(curves, axis=1) / (curves.shape[1] - 1) if curves.shape[1] > 1 else curves[:, 0]
    area = bootstrap_mean(areas, sessions["patient"], _generator(sessions, "area"))
    ends = mean_std(pd.Series(curves[:, 0]), "initial") | mean_std(pd.Series(curves[:, -1]), "final")
    return ends | {f"area_{name}": float(value) for name, value in vars(area).items()}


def _generator(sessions: pd.DataFrame, *names: str) -> np.random.Generator:
    keys = (str(sessions[key].iloc[0]) for key in ("cohort", "structure", "method", "network"))
    return generator(0, "interactions", *names, *keys)
