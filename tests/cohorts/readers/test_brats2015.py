from pathlib import Path

from trees import draw, made_of, mark, reasons_of, rows_of

NUMBERS = {"MR_Flair": 54512, "MR_T1": 54513, "MR_T1c": 54514, "MR_T2": 54515}


def write_case(folder: Path, words=tuple(NUMBERS), values=(1, 2, 3, 4), ending=".mha"):
    for word in words:
        name = f"VSD.Brain.XX.O.{word}.{NUMBERS[word]}"
        draw(folder / name / f"{name}{ending}")
    if values:
        name = "VSD.Brain_3more.XX.O.OT.54517"
        mark(folder / name / f"{name}{ending}", *values)


def test_a_case(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001")
    made = made_of("brats2015", tmp_path)
    start = "HGG/brats_tcia_pat105_0001/VSD.Brain"
    truth = f"{start}_3more.XX.O.OT.54517/VSD.Brain_3more.XX.O.OT.54517.mha"
    case = "HGG_brats_tcia_pat105_0001"
    assert rows_of(made) == {
        (case, "tumour_core"): (f"{start}.XX.O.MR_T1c.54514/VSD.Brain.XX.O.MR_T1c.54514.mha", truth),
        (case, "whole_tumour"): (f"{start}.XX.O.MR_Flair.54512/VSD.Brain.XX.O.MR_Flair.54512.mha", truth),
    }
    assert [row.label_values for row in made.report.rows] == [(1, 3, 4), (1, 2, 3, 4)]


def test_the_grades_number_their_patients_separately(tmp_path):
    for grade in ("HGG", "LGG"):
        write_case(tmp_path / "BRATS2015_Training" / grade / "brats_2013_pat0001_1")
    made = made_of("brats2015", tmp_path)
    assert {row.group for row in made.report.rows} == {"HGG_brats_2013_pat0001", "LGG_brats_2013_pat0001"}
    assert len(made.report.rows) == 4


def test_two_scans_of_a_patient_stay_together(tmp_path):
    for day in ("0001", "0368"):
        write_case(tmp_path / f"HGG/brats_tcia_pat105_{day}")
    for patient in (106, 107):
        write_case(tmp_path / f"HGG/brats_tcia_pat{patient}_0001")
    made = made_of("brats2015", tmp_path)
    splits = {row.case: row.split for row in made.report.rows}
    assert splits["HGG_brats_tcia_pat105_0001"] == splits["HGG_brats_tcia_pat105_0368"]
    assert len(set(splits.values())) == 3


def test_without_folders_for_the_grade_and_for_each_file(tmp_path):
    folder = tmp_path / "brats_tcia_pat105_0001"
    for word in ("MR_Flair", "MR_T1c"):
        draw(folder / f"VSD.Brain.XX.O.{word}.1.mha")
    mark(folder / "VSD.Brain_3more.XX.XX.OT.6560.mha", 1, 2, 3, 4)
    assert {row.case for row in made_of("brats2015", folder).report.rows} == {"brats_tcia_pat105_0001"}


def test_upper_case_endings(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001", ending=".MHA")
    assert len(made_of("brats2015", tmp_path).report.rows) == 2


def test_what_is_missing_is_told(tmp_path):
    write_case(tmp_path / "HGG/brats_tcia_pat105_0001")
    write_case(tmp_path / "HGG/brats_tcia_pat106_0001", words=("MR_T1c",))
    write_case(tmp_path / "HGG/brats_tcia_pat107_0001", values=())
    name = "VSD.Brain.XX.O.MR_T1c_N4ITK.9"
    draw(tmp_path / "HGG/brats_tcia_pat105_0001" / name / f"{name}.mha")
    made = made_of("brats2015", tmp_path)
    assert reasons_of(made) == [
        ("HGG_brats_tcia_pat106_0001", "whole_tumour", "no file for flair"),
        ("HGG_brats_tcia_pat107_0001", "", "no label map"),
    ]
    assert made.notes[0].startswith(
        "1 images of other names skipped: HGG/brats_tcia_pat105_0001/VSD.Brain.XX"
    )
