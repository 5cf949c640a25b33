"""The gain of corrections over an existing mask."""

import numpy as np
from fake_run import scores

from bifseg.analysis.gains import gains
from bifseg.analysis.names import OWN_SCRIBBLES

OWN = {"protocol": OWN_SCRIBBLES}


def table(second_user_s):
    spent = {"a": 60.0, "b": second_user_s}
    lines = [(name, "m", "initial", 0.5, OWN | {"user_s": 0.0, "n_prompts": 0}) for name in spent]
    lines += [
        (name, "m", "round-1", 0.7, OWN | {"user_s": user_s, "n_prompts": 2})
        for name, user_s in spent.items()
    ]
    return gains(scores(lines), OWN_SCRIBBLES).iloc[0]


def test_gains_by_hand():
    row = table(60.0)
    assert np.allclose(
        row[["gain_mean", "gain_per_prompt", "gain_per_minute"]].astype(float), [0.2, 0.1, 0.2]
    )


def test_the_gain_per_minute_is_unknown_if_the_time_of_a_session_is():
    """An image without a spacing has no user time; its gain must not be divided by the others' minutes."""
    row = table(np.nan)
    assert np.isclose(row["gain_per_prompt"], 0.1)
    assert np.isnan(row["gain_per_minute"])
