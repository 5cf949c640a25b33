"""--patient-pattern and --splits, for every reader."""

import json
import re

import pytest
from trees import brats_case, draft_of, draw, mark, reasons_of

from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.cohorts.readers.splits import read_splits
from bifseg.core.errors import InputError

CASES = [f"case{patient}_day{day}" for patient in (101, 107, 110) for day in (1, 2, 3)]


def write_set(folder):
    for case in CASES:
        draw(folder / f"imagesTr/{case}_0000.nii.gz")
        mark(folder / f"labelsTr/{case}.nii.gz", 1)
    content = {"channel_names": {"0": "T2"}, "labels": {"background": 0, "core": 1}}
    (folder / "dataset.json").write_text(json.dumps(content))


def splits_by_patient(draft):
    splits = {}
    for row in draft.report.rows:
        splits.setdefault(row.case[:7], set()).add(row.split)
    return splits


def test_similar_names_across_splits_give_a_note(tmp_path):
    write_set(tmp_path)
    draft = draft_of("nnunet", tmp_path)
    assert any(len(splits) > 1 for splits in splits_by_patient(draft).values())
    (note,) = [note.text for note in draft.report.notes if note.key == "split"]
    assert r"--patient-pattern '^case\d+'" in note


@pytest.mark.parametrize("pattern", [r"^case\d+", r"^(case\d+)_"])
def test_the_suggested_pattern_puts_each_patient_into_one_split(tmp_path, pattern):
    write_set(tmp_path)
    draft = draft_of("nnunet", tmp_path, LayoutOptions(patient_pattern=re.compile(pattern)))
    assert all(len(splits) == 1 for splits in splits_by_patient(draft).values())
    assert {row.group for row in draft.report.rows} == {"case101", "case107", "case110"}
    assert not [note for note in draft.report.notes if note.key == "split"]


def test_a_case_without_a_patient_is_refused(tmp_path):
    write_set(tmp_path)
    with pytest.raises(
        InputError, match=r"--patient-pattern .* gives no patient for the case 'case101_day1'"
    ):
        draft_of("nnunet", tmp_path, LayoutOptions(patient_pattern=re.compile(r"^pat\d+")))


def table(path, text):
    path.write_text(text)
    return read_splits(path)


def test_splits_of_a_table_are_used_and_other_cases_left_out(tmp_path):
    (tmp_path / "data").mkdir()
    write_set(tmp_path / "data")
    splits = table(tmp_path / "s.csv", "case,split\ncase101_day1,train\ncase107_day1,test\nnobody,test\n")
    draft = draft_of("nnunet", tmp_path / "data", LayoutOptions(splits=splits))
    assert {row.case: row.split for row in draft.report.rows} == {
        "case101_day1": "train",
        "case107_day1": "test",
    }
    assert len([1 for *_, reason in reasons_of(draft) if "in the table of --splits" in reason]) == 7
    assert "1 name in the table of --splits without a case, e.g. nobody" in draft.notes


def write_folds(path, *folds):
    path.write_text(json.dumps([{"train": train, "val": val} for train, val in folds]))
    return path


def test_folds_of_nnunet_are_read_and_its_test_cases_kept(tmp_path):
    write_set(tmp_path)
    for case in ("case200", "x@y"):
        draw(tmp_path / f"imagesT{'s' if case == 'case200' else 'r'}/{case}_0000.nii.gz")
        mark(tmp_path / f"labelsT{'s' if case == 'case200' else 'r'}/{case}.nii.gz", 1)
    path = write_folds(tmp_path / "splits_final.json", ([CASES[0]], [CASES[1]]), (["x@y"], CASES[3:5]))
    draft = draft_of("nnunet", tmp_path, LayoutOptions(splits=read_splits(path, 1)))
    assert {row.case: row.split for row in draft.report.rows} == {
        "x_y": "train",
        **dict.fromkeys(CASES[3:5], "validation"),
        "case200": "test",
    }
    assert read_splits(path) == {CASES[0]: "train", CASES[1]: "validation"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "correct the file, or take a copy of it"),
        ("{}", "is not a list of folds"),
        ("[]", "has 0 folds, no fold 0; give --fold"),
        ('[{"train": ["a"]}]', "is not a list of folds"),
        ('[{"train": ["a"], "val": ["a"]}]', "a is not a name, or in 'train' and 'val'"),
        ('[{"train": [["a"]], "val": []}]', "is not a name, or"),
        ('[{"train": [], "val": []}]', "names no case"),
    ],
)
def test_invalid_folds_are_refused(tmp_path, text, reason):
    (tmp_path / "splits_final.json").write_text(text)
    with pytest.raises(InputError, match=rf"splits_final\.json: .*{re.escape(reason)}"):
        read_splits(tmp_path / "splits_final.json")


def test_splits_may_be_given_by_patient(tmp_path):
    for case in ("Brats18_A_1_1", "Brats18_A_1_2", "Brats18_B_2_1"):
        brats_case(tmp_path / "data", case, 1, 2, 4)
    splits = table(tmp_path / "s.tsv", "patient\tsplit\nBrats18_A_1\ttest\nBrats18_B_2\ttrain\n")
    draft = draft_of("brats2018", tmp_path / "data", LayoutOptions(splits=splits))
    assert {row.case: row.split for row in draft.report.rows} == {
        "Brats18_A_1_1": "test",
        "Brats18_A_1_2": "test",
        "Brats18_B_2_1": "train",
    }


def test_a_patient_in_two_splits_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    write_set(tmp_path / "data")
    splits = table(tmp_path / "s.csv", "case,split\ncase101_day1,train\ncase101_day2,test\n")
    options = LayoutOptions(splits=splits, patient_pattern=re.compile(r"case\d+"))
    with pytest.raises(
        InputError, match=r"puts the patient 'case101' into two splits, e.g. by the case 'case101_day2'"
    ):
        draft_of("nnunet", tmp_path / "data", options)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n",
        "case,split\na,fold1\n",
        "case,split\na,train\na,test\n",
        "case,split\n,train\n",
        "",
        "case,split\n",
    ],
)
def test_an_invalid_table_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"s\.csv"):
        table(tmp_path / "s.csv", text)
