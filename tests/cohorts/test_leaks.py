from dataclasses import replace

import pytest

from bifseg.cohorts.leaks import names_across_splits
from bifseg.cohorts.manifest import ManifestRow

ROW = ManifestRow(2, "", "i.nii", "l.nii", (1,), "core", "t1", "train", "")


def rows(**splits):
    """A row a case, each its own patient unless the split's text names one: split or split/patient."""
    return [
        replace(ROW, case=case, split=split.partition("/")[0], group=split.partition("/")[2] or case)
        for case, split in splits.items()
    ]


def test_similar_names_in_two_splits_give_a_note():
    (line,) = names_across_splits(
        rows(case107_day19="train", case107_day20="test", case101_day1="train", case110_day3="test")
    )
    assert line.startswith("case107_day20 (test) and case107_day19 (train) begin alike; 1 such prefixes")
    assert line.endswith(r"--patient-pattern '^case\d+'")


@pytest.mark.parametrize(
    "splits",
    [
        {"liver_1": "train", "liver_2": "test"},
        {"BraTS2021_00000": "train", "BraTS2021_00001": "test"},
        {"c1": "train", "c2": "test", "c3": "validation"},
        {"case1_a": "train", "case1_b": "train", "case2_a": "test"},
        {"case1_a": "train/p", "case1_b": "test/p", "case2_a": "test"},
        {"site1_7_a": "train/site1_7", "site1_9_a": "test/site1_9", "site2_3_a": "train/site2_3"},
        {"患者一": "train", "患者二": "test"},
        {},
    ],
)
def test_clearly_different_names_give_no_note(splits):
    assert names_across_splits(rows(**splits)) == []
