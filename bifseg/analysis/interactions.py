"""Effort until a target Dice. A session that never reaches it stays in every number, at a cost that the protocol sets.

Under the `own` protocol a session is followed until the last round that its protocol allows. One that ended before
without reaching the target (the robot saw no error, the method takes no scribbles, a failure) never will. A session
that never reached it costs what one round more than the protocol allows would cost, with the most strokes that the
protocol allows in every round (`StoppingRule.limits`). This limit depends on the protocol and the object alone, not on
who else played, and is more than that of reaching the target in the last round.

A protocol that ends sessions at a target shows nothing of a higher one: those that were about to reach it are the ones
that were stopped.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.intervals import Interval, mean_interval, share_interval
from bifseg.analysis.names import OWN_SCRIBBLES, SESSION
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import count_sessions, in_step_order, mean_std, per_group, started
from bifseg.core.errors import InputError

EFFORT_COLUMNS = ("round", "n_prompts", "n_strokes", "user_s")
"""Columns of the scores in which the way to a target is measured."""
KEYS = [*SESSION, "patient"]


def time_to_target(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """One row per session under `own`: what it took until Dice first was at least `target`.

    Returns:
        The session's last row of scores, in which `reached` says whether it did, and the columns of `EFFORT_COLUMNS`
        hold what was spent by then: infinity for a session that never reached it, NaN for user time that is not known
        (images without a spacing).

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
    spent = {
        name: there[name].reindex(last.index).astype(float).where(reached, np.inf) for name in EFFORT_COLUMNS
    }
    return last.assign(**spent, reached=reached).reset_index()


def cost_to_target(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """As `time_to_target`, but that a session which never reached the target holds the limits of its protocol.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    sessions = time_to_target(scores, target, rules, own)
    limits = rules.limits(sessions)
    return sessions.assign(
        **{name: sessions[name].where(sessions["reached"], limits[name]) for name in EFFORT_COLUMNS}
    )


def interactions(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """What the target takes and how good the results are on the way, per structure and entry.

    Returns:
        `n` sessions, `failed`; those that `reached` the target (`reached_share`) and `never` did; `round_restricted`,
        the mean of rounds, `round_limit` + 1 for never, with its 95% interval over patients `round_low` and
        `round_high`, and the same of `n_prompts` and `user_s`; medians over all sessions, `round_median` and so on for
        `EFFORT_COLUMNS`, infinity where it is never; `initial` and `final`: mean and standard deviation of Dice in
        round 0 and after the last round played; `area_mean` under the curve of Dice against rounds over its length,
        with `area_low` and `area_high`. NaN for all that `StoppingRule.show` does not show, and for the initial result
        and the area of an entry that starts from scribbles. No rows without sessions.
    """
    sessions, rows = cost_to_target(scores, target, rules, own), scores[scores["protocol"] == own]
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
        sessions = cost_to_target(scores, target, rules, own)
        return per_group(sessions, lambda group: {"target": target, **_to_target(group, target, rules)})

    return pd.concat([count(target) for target in targets], ignore_index=True)


def dice_per_round(rows: pd.DataFrame, most: int) -> tuple[NDArray[np.float64], pd.MultiIndex]:
    """Dice (sessions, 0..most) after each round, the last value carried forward, and the sessions' `KEYS`.

    Round 0 is the last result before any scribbles.
    """
    last = in_step_order(rows).groupby([*KEYS, "round"], sort=True)["dice"].last().unstack("round")
    values = last.reindex(columns=range(most + 1)).ffill(axis=1)
    return values.to_numpy(float), pd.MultiIndex.from_tuples(values.index, names=KEYS)


def reached_per_round(sessions: pd.DataFrame, most: int) -> list[Interval]:
    """Share of sessions, rows of `cost_to_target`, that reached the target by round 0, 1, ..., most.

    Nobody is censored before the last round, so that this is one minus Kaplan and Meier's curve.
    """
    hits = [sessions["reached"] & (sessions["round"] <= number) for number in range(most + 1)]
    return [share_interval(hit, sessions["patient"]) for hit in hits]


def _to_target(sessions: pd.DataFrame, target: float, rules: StoppingRule) -> dict[str, float]:
    reached = sessions["reached"]
    found = {
        "reached": float(reached.sum()),
        "reached_share": float(reached.mean()),
        "never": float((~reached).sum()),
    }
    limits = rules.limits(sessions)
    for name in ("round", "n_prompts", "user_s"):
        mean = mean_interval(sessions[name], sessions["patient"]).within(0, limits[name].fillna(np.inf).max())
        found |= {f"{name}_restricted": mean.mean, f"{name}_low": mean.low, f"{name}_high": mean.high}
    spent = {name: sessions[name].where(reached, np.inf) for name in EFFORT_COLUMNS}
    found |= {f"{name}_median": float(np.median(values)) for name, values in spent.items()}
    known = found if rules.show(target) else dict.fromkeys(found, np.nan)
    return count_sessions(sessions) | known | {"round_limit": rules.rounds}


def _on_the_way(sessions: pd.DataFrame, curves: NDArray[np.float64]) -> dict[str, float]:
    """Dice before and after, and the area under its curve by the trapezoidal rule; `curves` are the sessions'."""
    areas = np.trapezoid(curves, axis=1) / (curves.shape[1] - 1) if curves.shape[1] > 1 else curves[:, 0]
    area = mean_interval(areas, sessions["patient"]).within(0, 1)
    ends = mean_std(pd.Series(curves[:, 0]), "initial") | mean_std(pd.Series(curves[:, -1]), "final")
    return ends | {f"area_{name}": value for name, value in vars(area).items()}
