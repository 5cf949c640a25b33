"""Sentences on the paper's method, by hand."""

import numpy as np
import pandas as pd
import pytest
from fake_run import scores

from bifseg.reports.formats import Table
from bifseg.reports.replication import replication

SCORES = scores([("a", method, "initial", 0.5) for method in ("base-net", "bifseg")])


def effort(medians):
    """The table of interactions of `bifseg` on unseen structures with these median rounds."""
    rows = [
        {"seen": False, "structure": f"s{k}", "method": "bifseg", "network": "pnet", "n": 3, "reached": 2.0}
        | {"round_median": median}
        for k, median in enumerate(medians)
    ]
    return Table("c-interactions", "Interactions to a Dice of 90%", "", pd.DataFrame(rows))


@pytest.mark.parametrize(
    ("medians", "text"),
    [
        ((2.0, 3.0), "median 2 to 3 rounds"),
        ((2.0, np.inf), "median 2 rounds, not reached on 1 structure"),
        ((np.inf, np.inf), "median not reached"),
    ],
)
def test_a_median_that_one_structure_lacks_is_that_of_the_others(medians, text):
    names = ("initial", "unsupervised", "supervised", "unsupervised-tests", "supervised-tests")
    tables = {name: Table(name, "", "", pd.DataFrame()) for name in names}
    (sentence,) = replication(SCORES, tables | {"interactions": effort(medians)}).sentences
    reached = f"{2 * len(medians)} of {3 * len(medians)}"
    assert sentence == (
        f"Corrected on its own errors, it reached a Dice of 90% in {reached} sessions on unseen structures ({text})."
    )
