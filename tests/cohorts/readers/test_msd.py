import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trees import draft_of, draw, draw_channels, mark, reasons_of, rows_of

from bifseg.cohorts.readers.layout import LayoutOptions
from bifseg.core.errors import InputError
from bifseg.core.images import read_array

CHANNELS = {"0": "FLAIR", "1": "T1w", "2": "t1gd"}
LABELS = {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "Enhancing Tumour"}


def write_set(folder, cases=("BRATS_001", "BRATS_002"), modality=CHANNELS, labels=LABELS, **more):
    """A data set of the Decathlon, whose images have as many channels as it says."""
    for case in cases:
        if len(modality) > 1:
            draw_channels(folder / f"imagesTr/{case}.nii.gz", len(modality))
        else:
            draw(folder / f"imagesTr/{case}.nii.gz")
        mark(folder / f"labelsTr/{case}.nii.gz", 1, 2, 3)
    training = [{"image": f"./imagesTr/{c}.nii.gz", "label": f"./labelsTr/{c}.nii.gz"} for c in cases]
    content = {
        "name": "x",
        "tensorImageSize": "4D",
        "modality": modality,
        "labels": labels,
        "training": training,
    }
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(content | more))


def test_images_that_the_list_lacks_are_noted(tmp_path):
    write_set(tmp_path)
    for folder in ("imagesTr", "labelsTr"):
        mark(tmp_path / folder / "BRATS_003.nii.gz", 1)
    note = "not in dataset.json, so not read: 2 images, e.g. imagesTr/BRATS_003.nii.gz"
    assert draft_of("msd", tmp_path).notes[-1] == note


def test_channels_of_4d_images_are_read(tmp_path):
    write_set(tmp_path)
    draft = draft_of("msd", tmp_path)
    assert draft.seen == ("edema", "non-enhancing_tumor", "enhancing_tumour")
    row = draft.report.rows[0]
    assert (row.case, row.structure, row.label_values) == ("BRATS_001", "edema", (1,))
    assert (row.image, row.channel, row.modality) == ("imagesTr/BRATS_001.nii.gz", 0, "FLAIR")
    assert row.label == "labelsTr/BRATS_001.nii.gz"
    assert len(draft.report.rows) == 6


@pytest.mark.parametrize("channel", ["T1GD", "2"])
def test_a_channel_is_selected_by_name_or_number(tmp_path, channel):
    write_set(tmp_path)
    draft = draft_of("msd", tmp_path, LayoutOptions(modalities={"edema": channel}))
    rows = {row.structure: row for row in draft.report.rows if row.case == "BRATS_001"}
    assert (rows["edema"].channel, rows["edema"].modality) == (2, "t1gd")
    assert rows["enhancing_tumour"].channel == 0
    voxels, _ = read_array(draft.root / rows["edema"].image, rows["edema"].channel)
    assert np.abs(voxels - 200).max() < 10


def test_regions_are_defined_by_label_values(tmp_path):
    write_set(tmp_path)
    options = LayoutOptions({"core": (2, 3), "whole": (1, 2, 3)}, {"core": "t1gd", "": "FLAIR"})
    draft = draft_of("msd", tmp_path, options, seen=("core",), unseen=("whole",))
    rows = [(row.structure, row.label_values, row.channel) for row in draft.report.rows[:2]]
    assert rows == [("core", (2, 3), 2), ("whole", (1, 2, 3), 0)]


def test_an_image_of_one_channel_has_no_channel_axis(tmp_path):
    write_set(tmp_path, modality={"0": "CT"})
    draft = draft_of("msd", tmp_path)
    assert {(row.channel, row.modality) for row in draft.report.rows} == {(None, "CT")}


def test_cases_without_the_channel_are_left_out(tmp_path):
    write_set(tmp_path)
    draw(tmp_path / "imagesTr/BRATS_002.nii.gz")
    assert set(reasons_of(draft_of("msd", tmp_path))) == {
        ("BRATS_002", name, "has no channel 0; it has no channel axis, leave the channel empty")
        for name in ("edema", "non-enhancing_tumor", "enhancing_tumour")
    }


def test_an_uncompressed_file_is_found(tmp_path):
    write_set(tmp_path, modality={"0": "CT"})
    (tmp_path / "imagesTr/BRATS_001.nii.gz").unlink()
    draw(tmp_path / "imagesTr/BRATS_001.nii")
    draft = draft_of("msd", tmp_path)
    assert rows_of(draft)["BRATS_001", "edema"] == ("imagesTr/BRATS_001.nii", "labelsTr/BRATS_001.nii.gz")


def test_unlabelled_test_images_and_missing_files_are_left_out(tmp_path):
    write_set(tmp_path, test=["./imagesTs/BRATS_485.nii.gz"])
    (tmp_path / "labelsTr/BRATS_002.nii.gz").unlink()
    draft = draft_of("msd", tmp_path)
    reasons = {(case, reason.split(";")[0]) for case, _, reason in reasons_of(draft)}
    where = tmp_path / "labelsTr"
    assert reasons == {("BRATS_485", "no label map"), ("BRATS_002", f"no such file in {where}")}


def test_splits_are_read_from_the_file(tmp_path):
    cases = ("a", "b", "c", "d", "e")
    write_set(tmp_path, cases)
    entries = [{"image": f"imagesTr/{c}.nii.gz", "label": f"labelsTr/{c}.nii.gz"} for c in cases]
    content = json.loads((tmp_path / "dataset.json").read_text())
    content |= {"training": entries[:2], "validation": entries[2:4], "test": entries[4:]}
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    splits = {row.case: row.split for row in draft_of("msd", tmp_path).report.rows}
    assert splits == {"a": "train", "b": "train", "c": "validation", "d": "validation", "e": "test"}


def test_channels_in_separate_files_are_read(tmp_path):
    write_set(tmp_path, ("a",), modality={"0": "CT"})
    draw(tmp_path / "pet.nii.gz")
    content = json.loads((tmp_path / "dataset.json").read_text())
    content["modality"] = {"0": "CT", "1": "PET"}
    content["training"][0]["image"] = ["imagesTr/a.nii.gz", "pet.nii.gz"]
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    draft = draft_of("msd", tmp_path, LayoutOptions(modalities={"": "PET"}))
    assert {(row.image, row.channel) for row in draft.report.rows} == {("pet.nii.gz", None)}


def test_a_data_set_in_a_subfolder_is_found(tmp_path):
    write_set(tmp_path / "Task01_BrainTumour")
    assert draft_of("msd", tmp_path).root == tmp_path / "Task01_BrainTumour"
    write_set(tmp_path / "Task02_Heart")
    with pytest.raises(InputError, match=r"dataset\.json: there are 2, .*; name the folder of one data set"):
        draft_of("msd", tmp_path)


def test_a_path_outside_the_folder_is_left_out(tmp_path):
    write_set(tmp_path / "set")
    content = json.loads((tmp_path / "set/dataset.json").read_text())
    content["training"][0]["image"] = "../secret.nii.gz"
    (tmp_path / "set/dataset.json").write_text(json.dumps(content))
    draft = draft_of("msd", tmp_path / "set")
    assert {case for case, _, _ in reasons_of(draft)} == {"BRATS_001"}
    assert all("is not a file inside the root" in reason for _, _, reason in reasons_of(draft))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": [{"img": "x"}]}, "training: {'img': 'x'} names no image; correct it"),
        ({"training": 7}, "training: 7 names no image; correct it"),
        ({"training": [{"image": ["a", 1]}]}, "names no image; correct it"),
        ({"test": [{"image": "a", "label": 3}]}, "names no image; correct it"),
        ({"training": [7]}, "training: 7 names no image; correct it"),
        ({"training": []}, "holds no case laid out as msd"),
        ({"labels": ["a"]}, r"labels: \['a'\] does not give label values by name"),
        ({"labels": {"0": "background"}}, "names no structure; give --structure NAME=VALUES"),
        ({"labels": {"1": "a b", "2": "A_B"}}, "labels: 'a_b' occurs twice; rename one"),
        ({"modality": {"x": "CT"}}, "does not name channels by number"),
        ({"modality": {"0": "CT", "1": "CT", "2": "CT_0001"}}, "gives no name, or one name twice"),
        ({"modality": {"0": ""}}, "gives no name, or one name twice"),
    ],
)
def test_each_wrong_key_of_the_file_has_a_one_line_message(tmp_path, changes, message):
    write_set(tmp_path, modality={"0": "CT"})
    content = json.loads((tmp_path / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps(content | changes))
    with pytest.raises(InputError, match=message) as refused:
        draft_of("msd", tmp_path)
    assert "\n" not in str(refused.value)


numbers = st.integers(-2, 9) | st.floats()
scraps = st.recursive(
    st.none() | st.booleans() | numbers | st.sampled_from(["", "0", "1", "CT", "a/b.nii.gz"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["0", "1", "image", "label", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("layout", ["msd", "nnunet"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.fixed_dictionaries(dict.fromkeys(("training", "labels", "modality"), scraps)))
def test_any_content_of_the_file_has_a_one_line_message(layout, tmp_path, content):
    (tmp_path / "dataset.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        draft_of(layout, tmp_path)  # there are no images, so nothing can be right
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[]", "{", None])
def test_an_invalid_or_missing_file_has_a_one_line_message(tmp_path, text):
    if text is not None:
        (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(InputError, match=r"dataset\.json: ") as refused:
        draft_of("msd", tmp_path)
    assert "\n" not in str(refused.value)


def test_an_unknown_channel_or_structure_is_refused(tmp_path):
    write_set(tmp_path)
    with pytest.raises(InputError, match="'T9' is unknown; known are: 0 FLAIR, 1 T1w, 2 t1gd"):
        draft_of("msd", tmp_path, LayoutOptions(modalities={"": "T9"}))
    with pytest.raises(
        InputError, match="structure: 'tumour' is unknown; known are: edema, non-enhancing_tumor"
    ):
        draft_of("msd", tmp_path, seen=("tumour",))
