"""What corrections add to an existing result, for each prompt and each minute."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bifseg.analysis.names import SESSION
from bifseg.analysis.run_scores import CohortScores
from bifseg.analysis.stages import count_sessions, in_step_order, mean_std, per_group

GAINS = (
    "Under {protocol}: Dice of the existing masks (initial_from: {source}), of the last results, and their "
    "difference, mean ± standard deviation over n sessions; prompts; gain for each prompt and for each minute of "
    "predicted user and measured machine time, by sums over sessions."
)
"""Caption of the table."""


def corrected_protocols(cohort: CohortScores) -> list[str]:
    """The protocols of a cohort that correct an existing mask.

    Args:
        cohort: scores of one cohort, with the run's protocol cards.

    Returns:
        Their names, sorted.
    """
    return sorted(
        name for name, card in cohort.run.cards.items() if card.get("begin") == "mask" and cohort.plays(name)
    )


def gains(scores: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """The gain in Dice of corrections over the mask that sessions begin with, per structure and entry.

    Args:
        scores: rows of the scores.
        protocol: name of a protocol that begins with a mask.

    Returns:
        `n` sessions, `failed`; mean and standard deviation of Dice of the existing masks (`initial`), of the last
        results (`final`) and of their difference (`gain`); the same of `n_prompts` and `user_s`; `gain_per_prompt` and
        `gain_per_minute` of predicted user and measured machine time: sums over sessions, so that a session without
        prompts counts; NaN where nothing was spent. A failed session ends with the worst score. No rows without
        sessions.
    """
    rows = in_step_order(scores[scores["protocol"] == protocol])
    first = rows[rows["step"] == "initial"].set_index(SESSION)["dice"]
    last = rows.groupby(SESSION).tail(1)
    begun = first.reindex(pd.MultiIndex.from_frame(last[SESSION])).to_numpy(float)
    sessions = last.assign(initial=np.nan_to_num(begun))
    return per_group(sessions.assign(gain=sessions["dice"] - sessions["initial"]), _gain)


def _gain(sessions: pd.DataFrame) -> dict[str, float]:
    """The measures of one entry on one structure."""
    total, minutes = sessions["gain"].sum(), (sessions["user_s"] + sessions["machine_s"]).sum() / 60
    prompts = sessions["n_prompts"].sum()
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
