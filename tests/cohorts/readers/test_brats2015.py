from pathlib import Path

from trees import draft_of, draw, mark, reasons_of, rows_of

NUMBERS = {"MR_Flair": 54512, "MR_T1": 54513, "MR_T1c": 54514, "MR_T2": 54515}


def write_case(folder: Path, words=tuple(NUMBERS), values=(1, 2, 3, 4), ending=".mha"):
    for word in words:
        name = f"VSD.Brain.XX.O.{word}.{NUMBERS[word]}"
        draw(folder / name / f"{name}{ending}")
    if values:
        name = "VSD.Brain_3more.XX.O.OT.54517"
        mark(folder / name / f"{name}{ending}", *values)


def test_a_case_is_read(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001")
    draft = draft_of("brats2015", tmp_path)
    start = "HGG/brats_tcia_pat105_0001/VSD.Brain"
    truth = f"{start}_3more.XX.O.OT.54517/VSD.Brain_3more.XX.O.OT.54517.mha"
    case = "HGG_brats_tcia_pat105_0001"
    assert rows_of(draft) == {
        (case, "tumour_core"): (f"{start}.XX.O.MR_T1c.54514/VSD.Brain.XX.O.MR_T1c.54514.mha", truth),
        (case, "whole_tumour"): (f"{start}.XX.O.MR_Flair.54512/VSD.Brain.XX.O.MR_Flair.54512.mha", truth),
    }
    assert [row.label_values for row in draft.report.rows] == [(1, 3, 4), (1, 2, 3, 4)]


def test_equal_patient_numbers_of_two_grades_are_two_patients(tmp_path):
    for grade in ("HGG", "LGG"):
        write_case(tmp_path / "BRATS2015_Training" / grade / "brats_2013_pat0001_1")
    draft = draft_of("brats2015", tmp_path)
    assert {row.group for row in draft.report.rows} == {"HGG_brats_2013_pat0001", "LGG_brats_2013_pat0001"}
    assert len(draft.report.rows) == 4


def test_two_scans_of_a_patient_stay_together(tmp_path):
    for day in ("0001", "0368"):
        write_case(tmp_path / f"HGG/brats_tcia_pat105_{day}")
    for patient in (106, 107):
        write_case(tmp_path / f"HGG/brats_tcia_pat{patient}_0001")
    draft = draft_of("brats2015", tmp_path)
    splits = {row.case: row.split for row in draft.report.rows}
    assert splits["HGG_brats_tcia_pat105_0001"] == splits["HGG_brats_tcia_pat105_0368"]
    assert len(set(splits.values())) == 3


def test_folders_of_grade_and_file_are_optional(tmp_path):
    folder = tmp_path / "brats_tcia_pat105_0001"
    for word in ("MR_Flair", "MR_T1c"):
        draw(folder / f"VSD.Brain.XX.O.{word}.1.mha")
    mark(folder / "VSD.Brain_3more.XX.XX.OT.6560.mha", 1, 2, 3, 4)
    assert {row.case for row in draft_of("brats2015", folder).report.rows} == {"brats_tcia_pat105_0001"}


def test_upper_case_endings_are_read(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001", ending=".MHA")
    assert len(draft_of("brats2015", tmp_path).report.rows) == 2


def test_cases_with_missing_files_are_left_out(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001")
    write_case(tmp_path / "HGG/brats_tcia_pat106_0001", words=("MR_T1c",))
    write_case(tmp_path / "HGG/brats_tcia_pat107_0001", values=())
    name = "VSD.Brain.XX.O.MR_T1c_N4ITK.9"
    draw(tmp_path / "HGG/brats_tcia_pat105_0001" / name / f"{name}.mha")
    draft = draft_of("brats2015", tmp_path)
    assert reasons_of(draft) == [
        ("HGG_brats_tcia_pat106_0001", "whole_tumour", "no file for flair"),
        ("HGG_brats_tcia_pat107_0001", "", "no label map"),
    ]
    assert draft.notes[0].startswith("skipped by name: 1 image, e.g. HGG/brats_tcia_pat105_0001/VSD.Brain.XX")
