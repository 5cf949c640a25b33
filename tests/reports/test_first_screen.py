"""The summary for a terminal: numbers of the first-ranked entry and of the user's own method."""

import numpy as np
import pandas as pd

from bifseg.analysis.overview import MEASURES, Overview
from bifseg.reports.first_screen import summary_text


def row(method, group="a", **numbers):
    """A row of an overview, with an interval of 0.1 around each number."""
    values = {name: numbers.get(name, np.nan) for name in MEASURES}
    limits = {f"{name}_{kind}": v + d for name, v in values.items() for kind, d in LIMITS}
    return {"method": method, "network": "", "n": 3, "failed": 0, "rank": 1, "group": group} | limits


LIMITS = [("mean", 0.0), ("low", -0.1), ("high", 0.1)]
NUMBERS = {"dice": 0.8, "prompts": 5.0, "reached": 0.7, "user_s": 30.0}


def summary(*rows):
    return Overview("own-scribbles", "prompts", 10, pd.DataFrame(rows), ("c",))


def test_the_summary_shows_the_first_entry_and_the_user_s_own():
    rows = row("geos", **NUMBERS), row("grabcut", **NUMBERS), row("mine", "b", **NUMBERS | {"dice": 0.4})
    assert summary_text(summary(*rows), 0.9, simulated=True).splitlines() == [
        "geos is first of 3 entries (c, simulated images):",
        "    80.0 [70.0, 90.0]% Dice at the end",
        "    5.0 [4.9, 5.1] prompts to a Dice of 90%, reached in 70 [60, 80]% of sessions",
        "    30.0 [29.9, 30.1] s of a user's time a session, predicted",
        "    No significant difference: grabcut.",
        "mine is number 3 of 3 entries (c, simulated images):",
        "    40.0 [30.0, 50.0]% Dice at the end",
        "    5.0 [4.9, 5.1] prompts to a Dice of 90%, reached in 70 [60, 80]% of sessions",
        "    30.0 [29.9, 30.1] s of a user's time a session, predicted",
    ]


def test_numbers_unknown_under_the_protocol_are_left_out():
    text = summary_text(summary(row("mine", dice=0.8)), 0.9, simulated=False)
    assert text.splitlines() == ["mine is the only entry (c):", "    80.0 [70.0, 90.0]% Dice at the end"]
