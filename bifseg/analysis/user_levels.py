"""Comparison of users: results of the same methods with a careful and a careless user."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from bifseg.analysis.interactions import dice_per_round, interactions
from bifseg.analysis.intervals import mean_interval
from bifseg.analysis.names import in_reading_order
from bifseg.analysis.rules import StoppingRule, stopping_rule
from bifseg.analysis.stages import per_group


def by_user(
    scores: pd.DataFrame, target: float, rules: Mapping[str, StoppingRule], protocols: Mapping[str, str]
) -> pd.DataFrame:
    """The `interactions` of every user, with the interval of the final Dice.

    Args:
        scores: scores of one cohort.
        target: Dice that counts as reached.
        rules: stopping rules by protocol.
        protocols: protocols by user, in the order of the rows.

    Returns:
        A row per structure, entry and user: `user`, the columns of `interactions`, and the 95% interval of the final
        Dice over patients, `final_low` and `final_high`. No rows with fewer than two users.

    Raises:
        InputError: a protocol has no rule, or a session has more rounds than its rule allows.
    """
    played = {user: name for user, name in protocols.items() if (scores["protocol"] == name).any()}
    if len(played) < 2:
        return pd.DataFrame()
    parts = [
        _of_user(scores[scores["protocol"] == name], target, stopping_rule(rules, name), name).assign(
            user=user
        )
        for user, name in played.items()
    ]
    return in_reading_order(pd.concat(parts, ignore_index=True))


def _of_user(rows: pd.DataFrame, target: float, rules: StoppingRule, protocol: str) -> pd.DataFrame:
    effort = interactions(rows, target, rules, protocol)
    limits = per_group(rows, lambda group: _final(group, rules.rounds))
    return effort.merge(limits)


def _final(rows: pd.DataFrame, rounds: int) -> dict[str, float]:
    curves, sessions = dice_per_round(rows, rounds)
    final = mean_interval(curves[:, -1], sessions["patient"]).within(0, 1)
    return {"final_low": final.low, "final_high": final.high}
