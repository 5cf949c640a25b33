"""Results beside the raters' agreement, by hand."""

import pandas as pd
import pytest
from disc_cases import prepared_with_raters
from fake_run import run_of, scores

from bifseg.analysis.intervals import mean_interval, share_interval
from bifseg.analysis.names import OWN_SCRIBBLES
from bifseg.analysis.raters import agreement, agreements, beside_raters
from bifseg.analysis.rules import StoppingRule
from bifseg.core.metrics import score
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


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return prepared_with_raters(tmp_path_factory.mktemp("run") / "r", (1, 3))


def test_agreement_is_that_of_the_pairs(cohort):
    names = [row.object for row in cohort.objects]
    frame = agreement(cohort, names).set_index("object")
    assert len(frame) == len(names) == 2
    for row in cohort.objects:
        first, second = cohort.raters(row)
        assert frame.loc[row.object, "raters_dice"] == frame.loc[row.object, "least"] == dice(first, second)
        expected = score(first, second, cohort.image(row).grid.spacing)["nsd"]
        assert frame.loc[row.object, "raters_nsd"] == expected


def test_only_cohorts_in_the_folder_that_have_raters_count(cohort, discs, tmp_path):
    lines = [(row.object, "bifseg", "initial", 0.5) for row in cohort.objects]
    run = run_of(scores(lines, cohort="rated"))
    (tmp_path / "cohorts").mkdir()
    assert agreements(tmp_path, run) == {}
    (tmp_path / "cohorts/rated").symlink_to(cohort.folder)
    assert len(agreements(tmp_path, run)["rated"]) == 2
    other = run_of(scores([(discs.objects[0].object, "bifseg", "initial", 0.5)], cohort="discs"))
    (tmp_path / "cohorts/discs").symlink_to(discs.folder)
    assert agreements(tmp_path, other) == {}
