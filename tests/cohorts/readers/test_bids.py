import pytest
from trees import draft_of, draw, mark, reasons_of, rows_of

from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.core.errors import InputError

BRAIN = LayoutOptions(structures={"brain": (1, 2)})


def write_scan(folder, name, *values, suffix="T2w", labels="dseg"):
    draw(folder / f"{name}_{suffix}.nii.gz")
    if values:
        mark(folder / f"{name}_{labels}.nii.gz", *values)


def test_the_feta_layout_is_read(tmp_path):
    for subject in ("sub-001", "sub-002"):
        write_scan(tmp_path / subject / "anat", f"{subject}_rec-mial", 1, 2)
    (tmp_path / "participants.tsv").write_text("participant_id\tPathology\nsub-001\tNeurotypical\n")
    draft = draft_of("bids", tmp_path, BRAIN)
    start = "sub-001/anat/sub-001_rec-mial"
    assert rows_of(draft)["sub-001_rec-mial", "brain"] == (f"{start}_T2w.nii.gz", f"{start}_dseg.nii.gz")
    assert {(row.group, row.modality) for row in draft.report.rows} == {
        ("sub-001", "T2w"),
        ("sub-002", "T2w"),
    }


def test_sessions_and_runs_of_a_subject_stay_together(tmp_path):
    for session in ("01", "02"):
        for run in (1, 2):
            write_scan(tmp_path / f"sub-01/ses-{session}/anat", f"sub-01_ses-{session}_run-{run}", 1, 2)
    write_scan(tmp_path / "sub-02/anat", "sub-02", 1, 2)
    draft = draft_of("bids", tmp_path, BRAIN)
    assert len({row.split for row in draft.report.rows if row.group == "sub-01"}) == 1
    assert sorted({row.group for row in draft.report.rows}) == ["sub-01", "sub-02"]
    assert len(draft.report.rows) == 5


def test_label_maps_are_found_among_the_derivatives(tmp_path):
    draw(tmp_path / "sub-01/anat/sub-01_T2w.nii.gz")
    name = "derivatives/masks/sub-01/anat/sub-01_desc-manual_label-brain_dseg.nii.gz"
    mark(tmp_path / name, 1, 2)
    assert rows_of(draft_of("bids", tmp_path, BRAIN))["sub-01", "brain"][1] == name


def test_a_label_map_in_another_space_is_left_out(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2)
    draw(tmp_path / "sub-02/anat/sub-02_T2w.nii.gz")
    mark(tmp_path / "sub-02/anat/sub-02_space-MNI_dseg.nii.gz", 1, 2)
    assert reasons_of(draft_of("bids", tmp_path, BRAIN)) == [
        ("sub-02_space-MNI", "brain", "no file for T2w"),
        ("sub-02", "", "no label map"),
    ]


def test_a_subject_with_two_label_maps_is_left_out(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2)
    write_scan(tmp_path / "sub-02/anat", "sub-02", 1, 2)
    mark(tmp_path / "derivatives/auto/sub-02_desc-auto_dseg.nii.gz", 1, 2)
    (one,) = draft_of("bids", tmp_path, BRAIN).left_out
    assert (one.case, one.reason) == ("sub-02", "has two files of one kind; keep one")
    assert one.file == "derivatives/auto/sub-02_desc-auto_dseg.nii.gz and sub-02/anat/sub-02_dseg.nii.gz"


def test_other_images_are_counted(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2)
    draw(tmp_path / "sub-01/func/sub-01_task-rest_bold.nii.gz")
    draw(tmp_path / "sub-01/anat/sub-01_T2w_norm_reg.nii.gz")
    draft = draft_of("bids", tmp_path, BRAIN)
    assert draft.left_out == ()
    assert draft.notes == ("skipped by name: 2 images, e.g. sub-01/anat/sub-01_T2w_norm_reg.nii.gz",)


def test_another_modality_can_be_selected(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2, suffix="T1w")
    options = LayoutOptions(BRAIN.structures, {"": "T1w"})
    assert rows_of(draft_of("bids", tmp_path, options))["sub-01", "brain"][0].endswith("_T1w.nii.gz")


def test_structures_are_named_by_the_dseg_table(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2)
    (tmp_path / "dseg.tsv").write_text(
        "index\tname\tcolor\n0\tBackground\t#000\n1\tGray Matter\t#111\n2\tCSF\t#222\n"
    )
    draft = draft_of("bids", tmp_path)
    assert [(row.structure, row.label_values) for row in draft.report.rows] == [
        ("csf", (2,)),
        ("gray_matter", (1,)),
    ]
    assert draft.left_out == ()  # the background is no structure
    (tmp_path / "desc-x_dseg.tsv").write_text("index\tname\n5\tCSF\n")
    with pytest.raises(InputError, match=r"dseg\.tsv:\d: index '\d', name 'csf' is not a value of its own"):
        draft_of("bids", tmp_path)


def test_values_without_a_meaning_are_refused(tmp_path):
    write_scan(tmp_path / "sub-01/anat", "sub-01", 1, 2)
    with pytest.raises(InputError, match=r"no dseg\.tsv says what the label values mean; give --structure"):
        draft_of("bids", tmp_path)
    (tmp_path / "dseg.tsv").write_text("value\tname\n1\tCSF\n")
    with pytest.raises(InputError, match=r"dseg\.tsv:2: index '', name 'csf' is not a value of its own"):
        draft_of("bids", tmp_path)
