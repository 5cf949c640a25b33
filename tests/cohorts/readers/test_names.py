import pytest

from bifseg.cohorts.readers import LAYOUTS
from bifseg.cohorts.readers.layout import LayoutOptions, patient


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("BraTS-MET-00086-001", "BraTS-MET-00086"),
        ("BraTS-GLI-00000-000", "BraTS-GLI-00000"),
        ("BraTS-GLI-00000-101", "BraTS-GLI-00000"),
        ("Brats18_TCIA01_131_1", "Brats18_TCIA01_131"),
        ("BraTS19_CBICA_AAB_1", "BraTS19_CBICA_AAB"),
        ("HGG_brats_tcia_pat105_0368", "HGG_brats_tcia_pat105"),
        ("brats_2013_pat0001_1", "brats_2013_pat0001"),
        ("sub-01_ses-02_run-1", "sub-01"),
        ("BraTS20_Training_001", "BraTS20_Training_001"),
        ("BraTS2021_00000", "BraTS2021_00000"),
        ("BRATS_001", "BRATS_001"),
        ("liver_12", "liver_12"),
    ],
)
def test_patient_of_a_case_name(case, expected):
    assert patient(case) == expected


def test_modality_selected_for_a_structure():
    options = LayoutOptions(modalities={"": "t2", "core": "t1c"})
    assert [options.modality(name, "flair") for name in ("core", "whole")] == ["t1c", "t2"]
    assert LayoutOptions().modality("core", "flair") == "flair"


def test_known_layouts():
    assert set(LAYOUTS) == {
        *("brats2015", "brats2018", "brats2021", "brats2023"),
        *("msd", "nnunet", "bids", "tsv"),
    }
    assert all(layout.about for layout in LAYOUTS.values())
