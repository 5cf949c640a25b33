import re
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from bifseg.reports.benchmark.curves import FAILURE, curves


def past(failed=0, runs=3, low=0.4):
    """Rows of two entries on two structures; the last run of `geos` has failed sessions."""
    rows = [
        {
            "when": f"2026-01-{day:02}T00:00:00+00:00",
            "commit": f"commit{day}",
            **{"method": method, "network": "", "structure": structure, "seen": seen},
            "failed": failed if (method, day) == ("geos", runs) else 0,
            **{"dice_mean": 0.5, "dice_low": low, "dice_high": 0.6},
        }
        for day in range(1, runs + 1)
        for method in ("geos", "growcut")
        for structure, seen in (("brain", True), ("lungs", False))
    ]
    return pd.DataFrame(rows)


def marks(svg):
    """How often something is drawn in the colour of failures."""
    return len(re.findall(rf"<use [^>]*fill: {FAILURE}", svg.decode()))


def test_equal_rows_give_equal_files():
    assert curves(past(), "dice", "Dice") == curves(past(), "dice", "Dice")
    ElementTree.fromstring(curves(past(), "dice", "Dice"))


def test_failures_are_marked():
    assert marks(curves(past(), "dice", "Dice")) == 0
    assert marks(curves(past(failed=1), "dice", "Dice")) == 2  # a structure each


@pytest.mark.parametrize("log", [False, True])
def test_missing_values_and_limits_are_drawn_as_gaps(log):
    rows = past(low=np.nan)
    rows.loc[rows["method"] == "growcut", "dice_mean"] = np.nan
    assert b"</svg>" in curves(rows, "dice", "Dice", 100, log)


def test_many_runs_share_few_date_labels():
    days = [len(re.findall("<!-- 01-", curves(past(runs=n), "dice", "Dice").decode())) for n in (3, 28)]
    assert days == [2 * 3, 2 * 6]  # two panels
