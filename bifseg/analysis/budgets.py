"""Quality at a budget: the Dice that a user has after so many seconds or prompts, and the mean time to a target.

The mean time is restricted: a session that needs longer than the largest budget, or never reaches the target, counts as
that budget (Royston and Parmar, BMC Medical Research Methodology 13:152, 2013). No session is censored before it ends,
so that this is the plain mean of the smaller of both times.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bifseg.analysis.interactions import first_reached, played
from bifseg.analysis.intervals import mean_interval
from bifseg.analysis.names import GROUP, OWN_SCRIBBLES
from bifseg.analysis.rules import StoppingRule
from bifseg.analysis.stages import count_sessions, per_group, session_numbers
from bifseg.core.wording import counted

SECONDS, PROMPTS = (30, 60, 120), (1, 3, 5, 10)
"""Budgets of predicted user time and of prompts (box, strokes and clicks)."""
_COLUMNS = {f"dice_{n}s": ("user_s", n) for n in SECONDS} | {f"dice_{n}p": ("n_prompts", n) for n in PROMPTS}
BUDGETS = {
    name: f"{n} s" if column == "user_s" else counted(n, "prompt") for name, (column, n) in _COLUMNS.items()
}
"""Header of each budget by its column, without the ending of mean and limits."""


def dice_within(rows: pd.DataFrame, column: str, budget: float) -> NDArray[np.float64]:
    """The Dice of each session's last result that a budget allows.

    Args:
        rows: scores of one cohort under one protocol, from `in_step_order`.
        column: cumulative effort: `user_s` or `n_prompts`.
        budget: most effort, in the units of the column.

    Returns:
        (sessions,) Dice in the order of the sessions. A session that ended earlier keeps its last result; one that
        failed has the score of an empty result from its last step on; 0 before the first result; NaN if the effort is
        unknown.
    """
    session, is_last = session_numbers(rows)
    effort, dice = rows[column].to_numpy(float), rows["dice"].to_numpy(float)
    values = np.zeros(np.count_nonzero(is_last))
    within = (effort <= budget) & ~np.isnan(dice)
    values[session[within]] = dice[within]  # of several the last
    values[session[np.isnan(effort)]] = np.nan
    return values


def at_budgets(
    scores: pd.DataFrame, target: float, rules: StoppingRule, own: str = OWN_SCRIBBLES
) -> pd.DataFrame:
    """Dice at each budget and the restricted mean time to the target, per structure and entry.

    Args:
        scores: scores of one cohort.
        target: Dice in (0, 1].
        rules: when sessions under `own` end.
        own: name of the protocol.

    Returns:
        A row per structure and entry; no rows without sessions. Columns: `seen`, `structure`, `method`, `network`; `n`
        sessions, `failed`; for each budget of `SECONDS` and `PROMPTS` the mean Dice with its 95% interval over
        patients, `dice_30s_mean`, `dice_30s_low`, `dice_30s_high`, `dice_1p_mean` and so on; the same for `time`, the
        restricted mean of `user_s` until the target. NaN if user time is unknown; `time` also if the protocol ends
        sessions at a lower target.

    Raises:
        InputError: a session has more rounds than the rules allow.
    """
    rows = played(scores, rules, own)
    sessions = first_reached(rows, target)
    if sessions.empty:
        return pd.DataFrame()
    for name, (column, budget) in _COLUMNS.items():
        sessions[name] = dice_within(rows, column, budget)
    limits = dict.fromkeys(_COLUMNS, 1.0) | {"time": float(max(SECONDS))}
    time = sessions["user_s"].clip(upper=limits["time"])
    sessions["time"] = (
        time.where(sessions[f"dice_{SECONDS[0]}s"].notna()) if rules.plays_to(target) else np.nan
    )

    def measure(group: pd.DataFrame) -> dict[str, float]:
        columns = count_sessions(group)
        for name, limit in limits.items():
            columns |= mean_interval(group[name], group["patient"]).within(0, limit).columns(name)
        return columns

    return per_group(sessions[[*GROUP, "patient", "status", *limits]], measure)
