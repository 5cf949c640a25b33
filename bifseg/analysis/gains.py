"""The gain of corrections over an existing result, per prompt and per minute."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bifseg.analysis.run_scores import CohortScores
from bifseg.analysis.stages import count_sessions, in_step_order, mean_std, per_group, session_numbers

GAINS = (
    "Under {protocol}: Dice of the existing masks (initial_from: {source}) and of the last results, and their "
    "difference, mean ± standard deviation over n sessions; prompts; gain per prompt and per minute of predicted "
    "user time and measured machine time, from sums over sessions."
)
"""Caption of the table."""


def corrected_protocols(cohort: CohortScores) -> list[str]:
    """The protocols of a cohort that correct an existing mask.

    Args:
        cohort: scores of one cohort, with the run's protocol cards.

    Returns:
        Sorted names; empty if there are none.
    """
    return sorted(
        name for name, card in cohort.run.cards.items() if card.get("begin") == "mask" and cohort.plays(name)
    )


def gains(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The gain in Dice of corrections over the masks that sessions start from, per structure and entry.

    Args:
        scores: scores of one cohort.
        protocol: name of a protocol with `begin: mask`.

    Returns:
        A row per structure and entry: `n` sessions, `failed`; mean and standard deviation (`_mean`, `_std`) of Dice of
        the existing masks (`initial`), of the last results (`final`) and of their difference (`gain`), of `n_prompts`
        and `user_s`; `gain_per_prompt` and `gain_per_minute` of predicted user time and measured machine time, from
        sums over sessions, so that a session without prompts counts; NaN without any effort, and `gain_per_minute` also
        if a session's user time is unknown. A failed session ends
        with the worst score. No rows without sessions.
    """
    rows = in_step_order(scores[scores["protocol"] == protocol])
    session, is_last = session_numbers(rows)
    begun = (rows["step"] == "initial").to_numpy()
    initial = np.zeros(np.count_nonzero(is_last))
    initial[session[begun]] = rows["dice"][begun]
    sessions = rows[is_last].assign(initial=np.nan_to_num(initial))
    return per_group(sessions.assign(gain=sessions["dice"] - sessions["initial"]), _gain)


def _gain(sessions: pd.DataFrame) -> dict[str, float]:
    """The measures of one entry on one structure."""
    total, prompts = sessions["gain"].sum(), sessions["n_prompts"].sum()
    # numpy's sum, since that of pandas leaves out a NaN.
    minutes = (sessions["user_s"] + sessions["machine_s"]).to_numpy(float).sum() / 60
    return {
        **count_sessions(sessions),
        **mean_std(sessions["initial"], "initial"),
        **mean_std(sessions["dice"], "final"),
        **mean_std(sessions["gain"], "gain"),
        **mean_std(sessions["n_prompts"], "n_prompts"),
        **mean_std(sessions["user_s"], "user_s"),
        "gain_per_prompt": float(total / prompts) if prompts else np.nan,
        "gain_per_minute": float(total / minutes) if minutes else np.nan,
    }
