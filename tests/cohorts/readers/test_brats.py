import pytest
from trees import GRID, brats_case, draft_of, draw, draw_channels, mark, reasons_of, rows_of

from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.cohorts.readers.writing import summary
from bifseg.core.errors import InputError

CORE, WHOLE = "tumour_core", "whole_tumour"


def test_a_case_of_2021_is_read(tmp_path):
    brats_case(tmp_path, "BraTS2021_00002", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    start = "BraTS2021_00002/BraTS2021_00002"
    assert rows_of(draft) == {
        ("BraTS2021_00002", CORE): (f"{start}_t1ce.nii.gz", f"{start}_seg.nii.gz"),
        ("BraTS2021_00002", WHOLE): (f"{start}_flair.nii.gz", f"{start}_seg.nii.gz"),
    }
    core, whole = draft.report.rows
    assert (core.label_values, core.modality, core.group) == ((1, 4), "t1c", "BraTS2021_00002")
    assert (whole.label_values, whole.modality) == ((1, 2, 4), "flair")
    assert (draft.seen, draft.unseen, draft.dimension, draft.root) == ((CORE,), (WHOLE,), 3, tmp_path)
    assert draft.left_out == draft.notes == ()


@pytest.mark.parametrize("case", [" begins with a blank", "two\nlines"])
def test_blanks_and_line_breaks_in_names_are_read(tmp_path, case):
    brats_case(tmp_path, case, 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    assert {row.label for row in draft.report.rows} == {f"{case}/{case}_seg.nii.gz"}
    assert draft.left_out == ()
    assert len(summary(draft, tmp_path / "c.yaml").splitlines()) == 7


@pytest.mark.parametrize(
    ("layout", "case", "patient"),
    [
        ("brats2018", "Brats17_2013_10_1", "Brats17_2013_10"),
        ("brats2018", "Brats18_TCIA01_131_1", "Brats18_TCIA01_131"),
        ("brats2018", "BraTS19_CBICA_AAB_1", "BraTS19_CBICA_AAB"),
        ("brats2018", "BraTS20_Training_001", "BraTS20_Training_001"),
        ("brats2021", "BraTS2021_00000", "BraTS2021_00000"),
    ],
)
@pytest.mark.parametrize("folder", ["", "HGG", "MICCAI/Training/HGG"])
def test_names_of_each_year_are_read_at_any_depth(tmp_path, layout, case, patient, folder):
    brats_case(tmp_path / folder, case, 1, 2, 4)
    draft = draft_of(layout, tmp_path)
    assert [(row.case, row.group) for row in draft.report.rows] == [(case, patient)] * 2


def test_names_of_2023_are_read(tmp_path):
    for visit in ("000", "001"):
        brats_case(tmp_path, f"BraTS-GLI-00005-{visit}", 1, 2, 3, words="t1n t1c t2w t2f", sign="-")
    draft = draft_of("brats2023", tmp_path)
    assert {row.group for row in draft.report.rows} == {"BraTS-GLI-00005"}
    assert len({row.split for row in draft.report.rows}) == 1
    core, whole = draft.report.rows[:2]
    assert (core.image[-11:], core.label_values) == ("-t1c.nii.gz", (1, 3))
    assert (whole.image[-11:], whole.label_values) == ("-t2f.nii.gz", (1, 2, 3))


def test_the_cavity_of_2024_belongs_to_no_structure(tmp_path):
    brats_case(tmp_path, "BraTS-GLI-02062-100", 1, 2, 3, 4, words="t1n t1c t2w t2f", sign="-")
    draft = draft_of("brats2023", tmp_path)
    assert [draft.report.voxels(row) for row in draft.report.rows] == [10, 15]


def test_cases_of_another_tumour_need_structures(tmp_path):
    brats_case(tmp_path, "BraTS-GLI-00005-000", 1, 2, 3, words="t1c t2f", sign="-")
    brats_case(tmp_path, "BraTS-PED-00002-000", 1, 2, 3, words="t1c t2f", sign="-")
    draft = draft_of("brats2023", tmp_path)
    assert {row.case for row in draft.report.rows} == {"BraTS-GLI-00005-000"}
    ((case, structure, reason),) = reasons_of(draft)
    assert (case, structure) == ("BraTS-PED-00002-000", "")
    assert reason == "another tumour than BraTS-GLI, with label values of its own: give --structure"
    options = LayoutOptions(structures={"core": (1, 2)})
    assert len(draft_of("brats2023", tmp_path, options).report.rows) == 2


def test_a_missing_modality_leaves_out_its_structure_only(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path, "BraTS2021_00002", 1, 2, 4, words="flair t2")
    draft = draft_of("brats2021", tmp_path)
    assert ("BraTS2021_00002", WHOLE) in rows_of(draft)
    assert reasons_of(draft) == [("BraTS2021_00002", CORE, "no file for t1c")]


def test_cases_without_a_label_map_are_left_out(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path, "BraTS2021_00003")
    assert reasons_of(draft_of("brats2021", tmp_path)) == [("BraTS2021_00003", "", "no label map")]


def test_data_without_any_label_map_are_refused(tmp_path):
    brats_case(tmp_path, "BraTS2021_00003")
    with pytest.raises(
        InputError, match=r"tumour_core: in no usable case \(no label map: 1 case, e.g. BraTS2021_00003\)"
    ):
        draft_of("brats2021", tmp_path)


def test_file_names_ignore_case(tmp_path):
    folder = tmp_path / "BraTS2021_00001"
    for word in ("T1CE", "FLAIR"):
        draw(folder / f"BraTS2021_00001_{word}.NII.GZ")
    mark(folder / "BraTS2021_00001_Seg.NII", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    assert rows_of(draft)["BraTS2021_00001", CORE] == (
        "BraTS2021_00001/BraTS2021_00001_T1CE.NII.GZ",
        "BraTS2021_00001/BraTS2021_00001_Seg.NII",
    )


def test_a_compressed_file_is_preferred(tmp_path):
    brats_case(tmp_path, "BraTS20_Training_001", 1, 2, 4)
    draw(tmp_path / "BraTS20_Training_001/BraTS20_Training_001_flair.nii")
    draft = draft_of("brats2018", tmp_path)
    assert rows_of(draft)["BraTS20_Training_001", WHOLE][0].endswith("_flair.nii.gz")
    assert draft.notes == (
        "BraTS20_Training_001/BraTS20_Training_001_flair.nii skipped: "
        "BraTS20_Training_001_flair.nii.gz in the same folder is used",
    )


def test_hidden_files_are_skipped(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    for name in (
        ".DS_Store",
        "BraTS2021_00001/._BraTS2021_00001_seg.nii.gz",
        "__MACOSX/BraTS2021_00002_seg.nii.gz",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    draft = draft_of("brats2021", tmp_path)
    assert len(draft.report.rows) == 2
    assert draft.left_out == ()
    assert draft.notes == ("3 hidden files skipped",)


def test_the_misnamed_label_map_of_2020_is_found(tmp_path):
    brats_case(tmp_path, "BraTS20_Training_355")
    mark(tmp_path / "BraTS20_Training_355/W39_1998.09.19_Segm.nii", 1, 2, 4)
    assert rows_of(draft_of("brats2018", tmp_path))["BraTS20_Training_355", CORE][1].endswith("_Segm.nii")


def test_folders_named_like_files_are_read(tmp_path):
    folder = tmp_path / "BraTS2021_00714"
    for word in ("flair", "t1", "t1ce", "t2"):
        draw(folder / f"BraTS2021_00714_{word}.nii" / f"00000377_brain_{word}.nii")
    mark(folder / "BraTS2021_00714_seg.nii/00000377_final_seg.nii", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    assert set(rows_of(draft)) == {("BraTS2021_00714", CORE), ("BraTS2021_00714", WHOLE)}


def test_cases_in_one_folder_are_read(tmp_path):
    for case in ("BraTS2021_00001", "BraTS2021_00002"):
        for word in ("flair", "t1ce"):
            draw(tmp_path / f"{case}_{word}.nii.gz")
        mark(tmp_path / f"{case}_seg.nii.gz", 1, 2, 4)
    assert len(draft_of("brats2021", tmp_path).report.rows) == 4


def test_files_named_by_their_modality_only_are_read(tmp_path):
    for word in ("flair", "t1ce"):
        draw(tmp_path / "patient 7" / f"{word}.nii.gz")
    mark(tmp_path / "patient 7/seg.nii.gz", 1, 2, 4)
    assert {row.case for row in draft_of("brats2021", tmp_path).report.rows} == {"patient_7"}


def test_a_case_in_two_folders_is_read_from_the_one_with_more_files(tmp_path):
    brats_case(tmp_path / "a", "BraTS2021_00001", 1, 2, 4, words="flair")
    brats_case(tmp_path / "b", "BraTS2021_00001", 1, 2, 4)
    draft = draft_of("brats2021", tmp_path)
    assert all(name.startswith("b/") for row in draft.report.rows for name in (row.image, row.label))
    assert reasons_of(draft) == [("BraTS2021_00001", "", "occurs twice; the folder with more files is used")]
    assert draft.left_out[0].file == "a/BraTS2021_00001"


def test_of_two_equal_folders_the_first_is_taken(tmp_path):
    brats_case(tmp_path / "b", "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path / "a", "BraTS2021_00001", 1, 2, 4)
    assert {row.image[0] for row in draft_of("brats2021", tmp_path).report.rows} == {"a"}


def test_a_case_with_two_label_maps_is_left_out(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path, "BraTS2021_00002", 1, 2, 4)
    mark(tmp_path / "BraTS2021_00002/BraTS2021_00002_final_seg.nii.gz", 1, 2, 4)
    (one,) = draft_of("brats2021", tmp_path).left_out
    assert (one.case, one.reason) == ("BraTS2021_00002", "has two files of one kind; keep one")
    assert one.file == " and ".join(
        f"BraTS2021_00002/BraTS2021_00002{end}_seg.nii.gz" for end in ("_final", "")
    )


def test_other_images_are_counted(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    draw(tmp_path / "BraTS2021_00001/BraTS2021_00001_t1ce_n4.nii.gz")
    (note,) = draft_of("brats2021", tmp_path).notes
    assert note.startswith("skipped by name: 1 image, e.g. BraTS2021_00001/BraTS2021_00001_t1ce_n4.nii.gz")


def test_a_4d_image_is_left_out(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path, "BraTS2021_00002", 1, 2, 4)
    draw_channels(tmp_path / "BraTS2021_00001/BraTS2021_00001_flair.nii.gz", 2, GRID)
    assert reasons_of(draft_of("brats2021", tmp_path)) == [
        ("BraTS2021_00001", WHOLE, "is 4D; it has channels 0 to 1, name one of them")
    ]


def test_more_structures_and_other_modalities_can_be_selected(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    options = LayoutOptions(modalities={"whole_tumour": "T2", "tumour_core": "t1gd"})
    draft = draft_of("brats2021", tmp_path, options, seen=(CORE,), unseen=(WHOLE, "enhancing"))
    rows = {row.structure: (row.label_values, row.modality, row.image[-11:]) for row in draft.report.rows}
    assert rows == {
        CORE: ((1, 4), "t1c", "t1ce.nii.gz"),
        WHOLE: ((1, 2, 4), "t2", "1_t2.nii.gz"),
        "enhancing": ((4,), "t1c", "t1ce.nii.gz"),
    }


def test_a_case_without_a_structure_lacks_that_row_only(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 4)
    brats_case(tmp_path, "BraTS2021_00002", 1, 2)
    draft = draft_of("brats2021", tmp_path, seen=(CORE,), unseen=("enhancing",))
    assert ("BraTS2021_00002", CORE) in rows_of(draft)
    assert reasons_of(draft) == [
        ("BraTS2021_00002", "enhancing", "no voxel has the value 4; the label map holds 1,2")
    ]


def test_the_label_set_of_another_year_is_refused(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 3)
    with pytest.raises(InputError) as refused:
        draft_of("brats2021", tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: label values: BraTS2021_00001/BraTS2021_00001_seg.nii.gz holds 1,2,3, BraTS 2021 has 1,2,4; "
        "these look like brats2023: run `bifseg cohort from brats2023`"
    )
    assert len(draft_of("brats2023", tmp_path).report.rows) == 2  # names do not bind the year


def test_values_given_by_the_user_are_not_checked_against_the_year(tmp_path):
    brats_case(tmp_path, "BraTS2021_00001", 1, 2, 3)
    draft = draft_of("brats2021", tmp_path, LayoutOptions(structures={CORE: (1, 3)}))
    assert (draft.seen, draft.unseen) == ((CORE,), ())


def test_a_folder_in_another_layout_is_refused(tmp_path):
    draw(tmp_path / "imagesTr/case_0000.nii.gz")
    with pytest.raises(
        InputError, match=r"holds no case laid out as brats2021: CASE/CASE_\{t1,t1ce,t2,flair,seg\}"
    ):
        draft_of("brats2021", tmp_path)
    with pytest.raises(InputError, match="is not a folder; name the folder that holds the data"):
        draft_of("brats2021", tmp_path / "none")
