"""Effort until a target Dice. A session that never reaches the target counts too, with a cost set by the protocol.

Under the `own` protocol a session is followed until the protocol's last round. A session that ended earlier without
reaching the target (the robot saw no error, the method takes no scribbles, a failure) never reaches it. Its cost is
that of one round more than the protocol allows, with the most strokes in every round (`StoppingRule.limits`). This
limit depends only on the protocol and the object, not on other methods, and exceeds the cost of reaching the target in
the last round.

A protocol that ends sessions at a target gives no information about a higher target: the sessions that would reach it
are those that were stopped.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.intervals import Interval, mean_interval, share_interval
from bifseg.analysis.names import GROUP, OWN_SCRIBBLES, SESSION
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import (
    count_sessions,
    in_step_order,
    mean_std,
    per_group,
    session_numbers,
    started,
)
from bifseg.core.errors import InputError

EFFORT_COLUMNS = ("round", "n_prompts", "n_strokes", "user_s")
"""Columns of the scores that measure the effort until a target."""
_ABOUT = ["patient", "status", "box_slices", "box_mm"]
_NEEDED = [*GROUP, *_ABOUT, "reached", *EFFORT_COLUMNS]
PLAYED = list(dict.fromkeys([*SESSION, *GROUP, *_ABOUT, "step", "dice", "volume_ml", *EFFORT_COLUMNS]))
"""Columns of the scores that effort is computed from; a million rows of all columns take long to sort."""


def time_to_target(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """The effort of each session until Dice first is at least the target.

    Args:
        scores: scores of one cohort.
        target: Dice in (0, 1].
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        The last row of each session under `own`, with `reached` and, in the columns of `EFFORT_COLUMNS`, the effort
        until the target: infinity if it was never reached, NaN for unknown user time (images without a spacing). No
        rows without sessions.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    return first_reached(played(scores, rules, own), target)


def played(scores: pd.DataFrame, rules: StoppingRule, own: str) -> pd.DataFrame:
    """The scores under a protocol in the order of steps.

    Args:
        scores: scores of one cohort.
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        Rows of `in_step_order`, with the columns that effort is computed from.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    rows = in_step_order(scores.loc[scores["protocol"] == own, PLAYED])
    if len(rows) and rows["round"].max() > rules.rounds:
        raise InputError(
            f"scores: round: {rows['round'].max()} under {own}, whose protocol.json allows {rules.rounds}; "
            "run its sessions again"
        )
    return rows


def first_reached(rows: pd.DataFrame, target: float) -> pd.DataFrame:
    """The effort of each session until Dice first is at least the target.

    Args:
        rows: of `played`.
        target: Dice in (0, 1].

    Returns:
        Rows of `time_to_target`, in the order of the sessions.
    """
    session, is_last = session_numbers(rows)
    hits = np.flatnonzero(rows["dice"] >= target)
    who, first = np.unique(session[hits], return_index=True)
    last = rows[is_last].reset_index(drop=True)
    reached = np.isin(np.arange(len(last)), who)
    spent = {name: np.full(len(last), np.inf) for name in EFFORT_COLUMNS}
    for name, values in spent.items():
        values[who] = rows[name].to_numpy(float)[hits[first]]
    return last.assign(**spent, reached=reached)


def cost_to_target(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """The effort of each session until the target, at most the protocol's limits.

    Args:
        scores: scores of one cohort.
        target: Dice in (0, 1].
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        The rows of `time_to_target`, with `StoppingRule.limits` instead of infinity; NaN for effort without a limit.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    return _limited(time_to_target(scores, target, rules, own), rules)


def _limited(sessions: pd.DataFrame, rules: StoppingRule) -> pd.DataFrame:
    """Rows of `cost_to_target` from those of `time_to_target`."""
    limits = rules.limits(sessions)
    return sessions.assign(
        **{
            name: sessions[name].where(sessions["reached"], limits.get(name, np.nan))
            for name in EFFORT_COLUMNS
        }
    )


def interactions(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """The effort until the target and the Dice on the way, per structure and entry.

    Args:
        scores: scores of one cohort.
        target: Dice in (0, 1].
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        A row per structure and entry; no rows without sessions. Columns: `seen`, `structure`, `method`, `network`;
        `n` sessions, `failed`; how many `reached` the target (`reached_share`) or `never` did; `round_restricted`, the
        mean of rounds, with `round_limit` + 1 for never, and its 95% interval over patients (`round_low`,
        `round_high`); the same for `n_prompts` and `user_s`; medians over all sessions, `round_median` and so on for
        `EFFORT_COLUMNS`, with infinity for never; `initial_mean`, `initial_std`, `final_mean` and `final_std` of Dice
        in round 0 and after the last round; `area_mean` under the curve of Dice against rounds, divided by the number
        of rounds, with `area_low` and `area_high`. The columns of the target are NaN if the protocol ends sessions at
        a lower one; `initial` and `area` are NaN for an entry that starts from scribbles.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    rows = played(scores, rules, own)
    sessions = _limited(first_reached(rows, target), rules)
    curves, _ = dice_per_round(rows, rules.rounds)
    initial = started(rows[rows["round"] == 0])  # without entries that start from scribbles
    with_result = set(initial[["method", "network"]].drop_duplicates().itertuples(index=False, name=None))

    def measure(group: pd.DataFrame) -> dict[str, float]:
        way = _on_the_way(group, curves[group.index])
        if (group["method"].iloc[0], group["network"].iloc[0]) not in with_result:
            way |= dict.fromkeys([name for name in way if not name.startswith("final")], np.nan)
        return _to_target(group, target, rules) | way

    return per_group(sessions[_NEEDED], measure)


def counts_at(
    scores: pd.DataFrame, targets: Iterable[float], rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """The effort until each of several targets, per structure and entry.

    Args:
        scores: scores of one cohort.
        targets: Dice values in (0, 1], at least one.
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        A row per structure, entry and `target`, with the columns of `interactions` up to the medians.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    rows = played(scores, rules, own)

    def count(target: float) -> pd.DataFrame:
        sessions = _limited(first_reached(rows, target), rules)
        return per_group(
            sessions[_NEEDED], lambda group: {"target": target, **_to_target(group, target, rules)}
        )

    return pd.concat([count(target) for target in targets], ignore_index=True)


def dice_per_round(rows: pd.DataFrame, most: int) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Dice of each session after each round; a session that has ended keeps its last value.

    Args:
        rows: scores under one protocol, at least one row.
        most: last round of the protocol.

    Returns:
        (sessions, most + 1) Dice, whose column 0 is the last result before any scribbles; and the last row of each
        session, numbered from 0.
    """
    rows = in_step_order(rows)
    session, is_last = session_numbers(rows)
    sessions = rows[is_last].reset_index(drop=True)
    shown, dice = rows["round"].to_numpy(), rows["dice"].to_numpy(float)
    known = (shown <= most) & ~np.isnan(dice)
    curves = np.full((len(sessions), most + 1), np.nan)
    curves[session[known], shown[known]] = dice[known]  # of equal places the last
    have = np.where(np.isnan(curves), 0, np.arange(most + 1))
    return np.take_along_axis(curves, np.maximum.accumulate(have, axis=1), axis=1), sessions


def reached_per_round(sessions: pd.DataFrame, most: int) -> list[Interval]:
    """The share of sessions that have reached the target by each round.

    No session is censored before the last round, so that this is one minus the curve of Kaplan and Meier (1958).

    Args:
        sessions: rows of `cost_to_target`, at least one.
        most: last round of the protocol.

    Returns:
        Shares with 95% intervals over patients for the rounds 0, 1, ..., most.
    """
    hits = [sessions["reached"] & (sessions["round"] <= number) for number in range(most + 1)]
    return [share_interval(hit, sessions["patient"]) for hit in hits]


def _to_target(sessions: pd.DataFrame, target: float, rules: StoppingRule) -> dict[str, float]:
    reached = sessions["reached"]
    columns = {
        "reached": float(reached.sum()),
        "reached_share": float(reached.mean()),
        "never": float((~reached).sum()),
    }
    limits = rules.limits(sessions)
    for name in ("round", "n_prompts", "user_s"):
        most = limits[name].fillna(np.inf).max() if name in limits else np.inf
        mean = mean_interval(sessions[name], sessions["patient"]).within(0, most)
        columns |= {f"{name}_restricted": mean.mean, f"{name}_low": mean.low, f"{name}_high": mean.high}
    spent = {name: sessions[name].where(reached, np.inf) for name in EFFORT_COLUMNS}
    columns |= {f"{name}_median": float(np.median(values)) for name, values in spent.items()}
    known = columns if rules.plays_to(target) else dict.fromkeys(columns, np.nan)
    return count_sessions(sessions) | known | {"round_limit": rules.rounds}


def _on_the_way(sessions: pd.DataFrame, curves: NDArray[np.float64]) -> dict[str, float]:
    """Initial and final Dice, and the area under the curve by the trapezoidal rule; a curve a session."""
    areas = np.trapezoid(curves, axis=1) / (curves.shape[1] - 1) if curves.shape[1] > 1 else curves[:, 0]
    area = mean_interval(areas, sessions["patient"]).within(0, 1)
    ends = mean_std(pd.Series(curves[:, 0]), "initial") | mean_std(pd.Series(curves[:, -1]), "final")
    return ends | {f"area_{name}": value for name, value in vars(area).items()}
