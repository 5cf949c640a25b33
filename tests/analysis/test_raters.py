"""Results beside the raters' agreement, by hand."""

import numpy as np
import pandas as pd
import pytest
from fake_run import fake_cohort, run_of, scores

from bifseg.analysis.intervals import mean_interval, share_interval
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.raters import agreement, agreements, beside_raters
from bifseg.analysis.rules import StoppingRule
from bifseg.cohorts.cohort import Cohort
from bifseg.core.overlap import dice
from bifseg.reports.formats import present
from bifseg.reports.tables import run_tables

AGREED = pd.DataFrame(
    {
        "object": list("abc"),
        "raters_dice": [0.9, 0.8, 0.7],
        "raters_nsd": [0.95, 0.9, 0.8],
        "least": [0.85, 0.75, 0.7],
    }
)
OWN = {"protocol": OWN_SCRIBBLES}
LINES = [
    (name, method, step, value, OWN)
    for method, curve in {"base-net": (0.8, 0.7, 0.6, 0.1), "bifseg": (0.9, 0.8, 0.6, 0.1)}.items()
    for name, value in zip("abcd", curve, strict=True)
    for step in ("initial", "round-1")
]


def last(lines=LINES):
    return scores(lines).groupby(["object", "method"]).tail(1)


def test_by_hand():
    frame = beside_raters(last(), AGREED).set_index("method")
    assert frame["n"].tolist() == [3, 3]  # nobody else outlined d
    assert frame["dice_mean"].tolist() == pytest.approx([0.7, 2.3 / 3])
    assert frame["raters_dice_mean"].tolist() == pytest.approx([0.8, 0.8])
    assert frame["within_mean"].tolist() == pytest.approx([0, 2 / 3])
    expected = mean_interval([0.9, 0.8, 0.7], list("abc"))
    assert frame.loc["bifseg", ["raters_dice_low", "raters_dice_high"]].tolist() == pytest.approx(
        [expected.low, min(expected.high, 1)]
    )
    share = share_interval([True, True, False], list("abc"))
    assert frame.loc["bifseg", ["within_low", "within_high"]].tolist() == pytest.approx(
        [share.low, share.high]
    )


def test_without_raters_there_is_nothing():
    assert beside_raters(last(), AGREED[:0]).empty
    assert beside_raters(pd.DataFrame(), AGREED).empty
    assert beside_raters(last(), AGREED.assign(object="z")).empty


def test_the_table_stands_beside_the_methods():
    run = run_of(scores(LINES), {OWN_SCRIBBLES: StoppingRule(1, None)})
    (table,) = [table for table in run_tables(run, {"c": AGREED}) if table.name == "c-raters"]
    shown = present(table.frame).set_index("Method")
    assert shown.loc["bifseg", "Raters' Dice (%)"].startswith("80.0")
    assert shown.loc["bifseg", "Within spread (%)"].startswith("66.7")
    assert "last results under own-scribbles" in table.caption.lower()
    assert not [table for table in run_tables(run) if table.name == "c-raters"]


class WithRaters(Cohort):
    """A cohort whose objects two people outlined, one pixel and three pixels off."""

    def raters(self, row):
        return tuple(np.roll(self.truth(row), shift, axis=-1) for shift in (1, 3))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return fake_cohort(tmp_path_factory.mktemp("run") / "cohorts" / "fake2d")


def test_agreement_is_that_of_the_pairs(cohort, monkeypatch):
    rows = cohort.select(split="test")[:2]
    assert agreement(cohort, [row.object for row in rows]).empty
    for row in rows:
        object.__setattr__(row, "raters", ("r1.nii.gz", "r2.nii.gz"))
    monkeypatch.setattr(cohort, "__class__", WithRaters)
    frame = agreement(cohort, [row.object for row in rows]).set_index("object")
    for row in rows:
        first, second = cohort.raters(row)
        assert frame.loc[row.object, "raters_dice"] == dice(first, second)
        assert frame.loc[row.object, "least"] == dice(first, second)
        assert 0 < frame.loc[row.object, "raters_nsd"] <= 1


def test_a_run_without_raters_or_cohort_folder_has_none(cohort):
    run = run_of(scores([("a", "bifseg", "initial", 0.5)], cohort="elsewhere"))
    assert agreements(cohort.folder.parents[1], run) == {}
