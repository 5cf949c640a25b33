import json

import pytest
from trees import GRID, draft_of, draw, mark, reasons_of, rows_of

from bifseg.cohorts.manifest import manifest_text
from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid

REGIONS = {"background": 0, "whole tumor": [1, 2, 3], "tumor core": [2, 3], "enhancing tumor": 3, "ignore": 4}


def write_set(folder, cases=("BraTS_001", "BraTS_002"), ending=".nii.gz", end="Tr", grid=GRID, **more):
    for case in cases:
        draw(folder / f"images{end}/{case}_0000{ending}", grid)
        draw(folder / f"images{end}/{case}_0001{ending}", grid)
        mark(folder / f"labels{end}/{case}{ending}", 1, 2, 3, grid=grid)
    content = {"channel_names": {"0": "T2", "1": "ADC"}, "labels": REGIONS, "file_ending": ending}
    (folder / "dataset.json").write_text(json.dumps(content | more))


def test_regions_and_channels_are_read(tmp_path):
    write_set(tmp_path)
    draft = draft_of("nnunet", tmp_path, LayoutOptions(modalities={"tumor_core": "adc"}))
    rows = {
        row.structure: (row.label_values, row.image) for row in draft.report.rows if row.case == "BraTS_001"
    }
    assert rows == {
        "whole_tumor": ((1, 2, 3), "imagesTr/BraTS_001_0000.nii.gz"),
        "tumor_core": ((2, 3), "imagesTr/BraTS_001_0001.nii.gz"),
        "enhancing_tumor": ((3,), "imagesTr/BraTS_001_0000.nii.gz"),
    }
    assert {row.label for row in draft.report.rows} == {
        "labelsTr/BraTS_001.nii.gz",
        "labelsTr/BraTS_002.nii.gz",
    }
    assert all(row.channel is None for row in draft.report.rows)


def test_channels_of_one_name_get_the_number_of_their_files(tmp_path):
    write_set(tmp_path, channel_names={"0": "MRI", "1": "MRI"})
    draft = draft_of("nnunet", tmp_path, LayoutOptions(modalities={"tumor_core": "MRI_0001"}))
    images = {row.structure: row.image for row in draft.report.rows if row.case == "BraTS_001"}
    assert images["tumor_core"] == "imagesTr/BraTS_001_0001.nii.gz"
    assert images["whole_tumor"] == "imagesTr/BraTS_001_0000.nii.gz"
    assert {row.modality for row in draft.report.rows} == {"MRI_0000", "MRI_0001"}


def test_the_first_version_of_the_layout_is_read(tmp_path):
    write_set(tmp_path, channel_names=None, labels={"0": "background", "1": "PZ", "2": "TZ"})
    content = json.loads((tmp_path / "dataset.json").read_text())
    del content["channel_names"], content["file_ending"]
    (tmp_path / "dataset.json").write_text(json.dumps(content | {"modality": {"0": "T2", "1": "ADC"}}))
    draft = draft_of("nnunet", tmp_path)
    assert {(row.structure, row.label_values, row.modality) for row in draft.report.rows} == {
        ("pz", (1,), "T2"),
        ("tz", (2,), "T2"),
    }


def test_line_breaks_in_names_are_read(tmp_path):
    write_set(tmp_path, ["two\nlines"])
    assert len(rows_of(draft_of("nnunet", tmp_path))) == 3


@pytest.mark.parametrize("copy", ["imagesTr/old/BraTS_001_0000.nii.gz", "labelsTr/old/BraTS_001.nii.gz"])
def test_a_case_with_two_files_of_one_kind_is_left_out(tmp_path, copy):
    """Nothing says which of the two is meant, so neither is taken silently."""
    write_set(tmp_path)
    (draw if "images" in copy else mark)(tmp_path / copy)
    draft = draft_of("nnunet", tmp_path)
    assert {row.case for row in draft.report.rows} == {"BraTS_002"}
    assert ("BraTS_001", "", "has two files of one kind; keep one") in reasons_of(draft)


@pytest.mark.parametrize("ending", [".mha", ".nrrd", ".nii"])
def test_other_file_endings_are_read(tmp_path, ending):
    write_set(tmp_path, ending=ending)
    assert (
        rows_of(draft_of("nnunet", tmp_path))["BraTS_001", "tumor_core"][1] == f"labelsTr/BraTS_001{ending}"
    )


def test_2d_images_make_a_2d_cohort(tmp_path):
    write_set(tmp_path, ending=".png", grid=Grid.plain((8, 8)), labels={"background": 0, "road": 1})
    draft = draft_of("nnunet", tmp_path)
    assert (draft.dimension, len(draft.report.rows)) == (2, 2)


@pytest.mark.parametrize(("shape", "dimension"), [((1, 8, 8), 2), ((8, 8, 1), 2), ((2, 8, 8), 3)])
def test_volumes_of_one_slice_make_a_2d_cohort_as_pictures_do(tmp_path, shape, dimension):
    write_set(tmp_path, grid=Grid.plain(shape), labels={"background": 0, "road": 1})
    assert draft_of("nnunet", tmp_path).dimension == dimension


def test_values_without_a_name_are_noted(tmp_path):
    write_set(tmp_path)
    for case in ("BraTS_001", "BraTS_002"):
        mark(tmp_path / f"labelsTr/{case}.nii.gz", 1, 2, 3, 4, 7)
    note = (
        "labelsTr/BraTS_001.nii.gz holds 7, to which the data give no name (2 label maps in all have such values); "
        "such voxels count as background"
    )
    assert draft_of("nnunet", tmp_path).notes[-1] == note
    assert note not in draft_of("nnunet", tmp_path, LayoutOptions(structures={"core": (3,)})).notes


def test_labelled_test_images_are_the_test_split(tmp_path):
    write_set(tmp_path, [f"a{k}" for k in range(8)])
    write_set(tmp_path, ["b1", "b2"], end="Ts")
    draft = draft_of("nnunet", tmp_path, seen=("tumor_core",))
    splits = {row.case: row.split for row in draft.report.rows}
    assert {case for case, split in splits.items() if split == "test"} == {"b1", "b2"}
    assert sorted(splits.values()) == ["test"] * 2 + ["train"] * 7 + ["validation"]


@pytest.mark.parametrize(("train", "test"), [("000", "001"), ("001", "000")])
def test_all_scans_of_a_test_patient_are_in_the_test_split(tmp_path, train, test):
    write_set(tmp_path, [f"BraTS-GLI-00001-{train}", "BraTS-GLI-00002-000", "BraTS-GLI-00003-000"])
    write_set(tmp_path, [f"BraTS-GLI-00001-{test}"], end="Ts")
    splits = {row.case: row.split for row in draft_of("nnunet", tmp_path, seen=("tumor_core",)).report.rows}
    assert splits["BraTS-GLI-00001-000"] == splits["BraTS-GLI-00001-001"] == "test"
    assert "test" not in (splits["BraTS-GLI-00002-000"], splits["BraTS-GLI-00003-000"])


def test_cases_with_missing_files_are_left_out(tmp_path):
    write_set(tmp_path, ["a", "b", "c"])
    (tmp_path / "imagesTr/a_0001.nii.gz").unlink()
    (tmp_path / "labelsTr/b.nii.gz").unlink()
    draw(tmp_path / "imagesTs/d_0000.nii.gz")
    draw(tmp_path / "imagesTr/c.nii.gz")
    draw(tmp_path / "imagesTr/a_0007.nii.gz")
    (tmp_path / "labelsTr/._c.nii.gz").write_bytes(b"x")
    draft = draft_of("nnunet", tmp_path, LayoutOptions(modalities={"": "ADC"}), seen=("tumor_core",))
    assert reasons_of(draft) == [
        ("a", "tumor_core", "no file for ADC"),
        ("b", "", "no label map"),
        ("d", "", "no label map"),
    ]
    assert draft.notes == (
        "channel ADC for whole_tumor, tumor_core, enhancing_tumor; not used: T2; --modality selects another",
        "2 images skipped, e.g. imagesTr/a_0007.nii.gz: their names do not end in a channel's number, as CASE_0000",
        "1 hidden file skipped",
    )


def test_the_ignore_label_becomes_a_column(tmp_path):
    write_set(tmp_path)
    rows = draft_of("nnunet", tmp_path, seen=("tumor_core",)).report.rows
    assert {row.ignore_values for row in rows} == {(4,)}
    assert "ignore_values" in manifest_text(rows).splitlines()[0]


@pytest.mark.parametrize(
    "labels",
    [{"background": 0, "core": 1, "Ignore ": 4}, {"0": "background", "1": "core", "4": "ignore"}],
)
def test_the_ignore_label_may_be_written_in_other_ways(tmp_path, labels):
    """It is never a structure, so that its voxels would count as background otherwise."""
    write_set(tmp_path, labels=labels)
    rows = draft_of("nnunet", tmp_path).report.rows
    assert {(row.structure, row.ignore_values) for row in rows} == {("core", (4,))}


@pytest.mark.parametrize("value", [1.7, True, -1, [1, 2.5], "1,2", None])
def test_a_label_that_is_no_integer_is_refused(tmp_path, value):
    write_set(tmp_path, labels={"background": 0, "core": value})
    with pytest.raises(InputError, match=r"labels: .* does not give label values by name; write"):
        draft_of("nnunet", tmp_path)


@pytest.mark.parametrize("value", [0, -1, "4", [4], True])
def test_an_invalid_ignore_label_is_refused(tmp_path, value):
    write_set(tmp_path, labels={"background": 0, "core": 1, "ignore": value})
    with pytest.raises(InputError, match="labels"):
        draft_of("nnunet", tmp_path)


def test_unreadable_formats_are_named(tmp_path):
    for name in ("imagesTr/a_0000.tif", "labelsTr/a.tif"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T2"}, "labels": REGIONS}))
    with pytest.raises(InputError, match=r"1 \.tif file skipped, e.g. a_0000\.tif; convert"):
        draft_of("nnunet", tmp_path)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T2"}, "labels": REGIONS}))
    with pytest.raises(InputError, match="holds no case laid out as nnunet"):
        draft_of("nnunet", tmp_path)
