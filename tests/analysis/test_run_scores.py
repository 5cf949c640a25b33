"""The scores of a run by cohort."""

import numpy as np
import pandas as pd
import pytest

from bifseg.analysis.run_scores import RunScores


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [3, 0, 4, 1, 2]])
@pytest.mark.parametrize("kind", ["str", "category"])
def test_each_cohort_has_its_rows_in_their_order(order, kind):
    frame = pd.DataFrame({"cohort": ["a", "a", "b", "c", "c"], "dice": np.arange(5.0)}).astype(
        {"cohort": kind}
    )
    frame = frame.iloc[order].reset_index(drop=True)
    rows = {cohort.name: cohort.frame["dice"].tolist() for cohort in RunScores(frame).cohorts}
    expected = {
        name: [k for k in order if k in places]
        for name, places in zip("abc", ([0, 1], [2], [3, 4]), strict=True)
    }
    assert rows == expected


def test_rows_that_lie_together_are_not_copied():
    """A million rows would take a quarter of a gigabyte once more."""
    frame = pd.DataFrame({"cohort": ["a", "a", "b"], "dice": np.arange(3.0)})
    assert all(np.shares_memory(frame["dice"], one.frame["dice"]) for one in RunScores(frame).cohorts)


def test_no_scores_have_no_cohort():
    assert RunScores(pd.DataFrame({"cohort": [], "dice": []})).cohorts == []
