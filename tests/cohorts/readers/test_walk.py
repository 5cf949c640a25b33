import os
from pathlib import Path, PurePosixPath

import pytest

from bifseg.cohorts.readers.walk import ending, existing_name, image_files, stem
from bifseg.core.errors import InputError


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found_files(root):
    images = image_files(root)
    assert images.left_out == []
    return [str(file) for file in images.files], images.notes


def test_images_are_found_at_any_depth_and_sorted(tmp_path):
    touch(tmp_path, "b/x.nii.gz", "a/deep/er/y.MHA", "z.png", "a/notes.txt", "a/x.json", "x.nii.txt")
    assert found_files(tmp_path) == (["a/deep/er/y.MHA", "b/x.nii.gz", "z.png"], [])


def test_hidden_files_and_folders_are_counted(tmp_path):
    touch(tmp_path, "x.nii", "._x.nii", ".DS_Store", ".git/y.nii", "__MACOSX/z.nii")
    assert found_files(tmp_path) == (["x.nii"], ["4 hidden files skipped"])


def test_of_equal_names_the_preferred_ending_is_used(tmp_path):
    touch(tmp_path, "a/x.nii", "a/x.nii.gz", "b/y.nii", "b/Y.nii.gz", "c/z.png", "c/z.mha", "c/z.NII")
    assert found_files(tmp_path) == (
        ["a/x.nii.gz", "b/Y.nii.gz", "b/y.nii", "c/z.NII"],
        ["a/x.nii skipped: x.nii.gz in the same folder is used; so are 2 more"],
    )


def test_images_in_other_formats_are_counted(tmp_path):
    touch(tmp_path, "x.nii", "a.tif", "b.TIF", "c.bmp", "1.dcm", "2.IMA", "m.npy")
    assert found_files(tmp_path)[1] == [
        "1 .bmp file skipped, e.g. c.bmp; convert to NIfTI or PNG",
        "1 .dcm file skipped, e.g. 1.dcm; convert a series to one NIfTI file (dcm2niix)",
        "1 .ima file skipped, e.g. 2.IMA; convert a series to one NIfTI file (dcm2niix)",
        "1 .npy file skipped, e.g. m.npy; convert to NIfTI or PNG",
        "2 .tif files skipped, e.g. a.tif; convert to NIfTI or PNG",
    ]


def test_a_name_that_is_not_utf8_is_left_out_by_name(tmp_path):
    touch(tmp_path, "x.nii")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/M\xfcller.nii"))).touch()
    images = image_files(tmp_path)
    assert [str(file) for file in images.files] == ["x.nii"]
    (one,) = images.left_out
    assert (one.case, one.file) == (r"M\xfcller", r"M\xfcller.nii")
    assert one.reason == "its file's name is not UTF-8; rename the file"


def test_links_are_followed_once(tmp_path):
    touch(tmp_path, "store/x.nii", "data/y.nii")
    (tmp_path / "data/link").symlink_to(tmp_path / "store")
    (tmp_path / "store/back").symlink_to(tmp_path / "data")
    note = "1 folder skipped: links lead to the same folder by another path, e.g. link/back"
    assert found_files(tmp_path / "data") == (["link/x.nii", "y.nii"], [note])


def test_a_file_as_folder_is_refused(tmp_path):
    touch(tmp_path, "x.nii")
    with pytest.raises(InputError, match=r"x\.nii: is not a folder"):
        image_files(tmp_path / "x.nii")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.nii.gz", ("a", ".nii.gz")),
        ("a.b.NII.GZ", ("a.b", ".nii.gz")),
        ("W39_1998.09.19_Segm.nii", ("W39_1998.09.19_Segm", ".nii")),
        ("a.txt", ("a.txt", "")),
        ("a.hdr.gz", ("a", ".hdr.gz")),
    ],
)
def test_stem_and_ending_of_a_name(name, parts):
    assert (stem(name), ending(name)) == parts


def test_existing_name_ignores_compression(tmp_path):
    touch(tmp_path, "a.nii", "b.nii.gz", "c.nii", "c.nii.gz")
    assert existing_name(tmp_path, "a.nii.gz") == "a.nii"
    assert existing_name(tmp_path, "b.nii") == "b.nii.gz"
    assert existing_name(tmp_path, "c.nii") == "c.nii"
    assert existing_name(tmp_path, "none.nii") == "none.nii"
    assert PurePosixPath(existing_name(tmp_path, "a.mha")).name == "a.mha"
