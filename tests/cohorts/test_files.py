import errno

import nibabel
import numpy as np
import pytest

from bifseg.cohorts.files import File, each_file, inspect_image, inspect_label_map
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array

GRID = Grid(
    (4, 8, 9), (3.0, 1.0, 1.5), (10.0, 20.0, 30.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd"])
def test_an_image_is_asked_for_finite_voxels(tmp_path, suffix):
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[0, 0, :2] = np.nan, np.inf
    write_array(tmp_path / f"i{suffix}", voxels, GRID)
    file = inspect_image(tmp_path / f"i{suffix}")
    assert file.grid is not None
    assert file.problems == ("2 of 288 voxels are not finite; replace NaN and infinity",)


@pytest.mark.parametrize("name", ["I.NII", "I.NII.GZ", "I.MHA", "I.NRRD"])
def test_endings_in_upper_case(tmp_path, name):
    voxels = np.zeros(GRID.shape, np.float32)
    voxels[0, 0, 0] = np.nan
    write_array(tmp_path / name.lower(), voxels, GRID)
    (tmp_path / name.lower()).rename(tmp_path / name)
    file = inspect_image(tmp_path / name)
    assert file.grid is not None
    assert file.problems == ("1 of 288 voxels are not finite; replace NaN and infinity",)
    assert inspect_label_map(tmp_path / name).problems[0].startswith("holds nan")


def test_the_grid_of_a_channel():
    whole = Grid(
        (2, 4, 8, 9),
        (1.0, *GRID.spacing),
        (*GRID.origin, 0.0),
        ((0, 0, 0, 1.0), *((*a, 0) for a in GRID.direction)),
    )
    assert [File(whole).image_grid(channel) for channel in (0, 1, 2, None)] == [GRID, GRID, None, None]
    assert [File(GRID).image_grid(channel) for channel in (None, 0)] == [GRID, None]
    assert File(None).image_grid(None) is None


def test_a_label_map_is_counted(tmp_path):
    labels = np.zeros((4, 5), np.float32)
    labels[0] = 2
    labels[1, :3] = 7
    write_array(tmp_path / "l.nii.gz", labels, Grid.plain((4, 5)))
    file = inspect_label_map(tmp_path / "l.nii.gz")
    assert file.problems == ()  # floats that are whole are labels
    assert file.counts == {0: 12, 2: 5, 7: 3}


@pytest.mark.parametrize("suffix", [".nii.gz", ".mha"])
@pytest.mark.parametrize("value", [0.25, 0.9999999, np.nan])
def test_a_label_map_holds_integers_only(tmp_path, value, suffix):
    labels = np.ones((4, 5), np.float32)
    labels[0, 0] = value
    write_array(tmp_path / f"l{suffix}", labels, Grid.plain((4, 5)))
    file = inspect_label_map(tmp_path / f"l{suffix}")
    assert file.problems == (f"holds {value}; a label map holds integers only, save it as one",)
    assert file.counts[1] == 19


@pytest.mark.parametrize("look", [inspect_image, inspect_label_map])
def test_files_missing_or_broken_are_problems_not_errors(tmp_path, look):
    (tmp_path / "text.nii.gz").write_text("not an image")
    assert look(tmp_path / "none.nii.gz").problems == (f"no such file in {tmp_path}; correct the path",)
    assert (
        look(tmp_path / "text.nii.gz")
        .problems[0]
        .startswith("is not compressed, though its name ends in .gz")
    )
    assert look(tmp_path / ("n" * 300)).problems[0]


@pytest.mark.parametrize("look", [inspect_image, inspect_label_map])
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path, look, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("bifseg.cohorts.files.read_array", refuse)
    text = "cannot be read (Permission denied); correct its permissions, or look at its disk"
    assert look(tmp_path / "a.nii.gz").problems == (text,)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mha", ".nrrd", ".png"])
@pytest.mark.parametrize("look", [inspect_image, inspect_label_map])
def test_a_file_cut_short_is_a_problem(tmp_path, look, suffix):
    shape = (90, 90) if suffix == ".png" else (20, 20, 20)
    path = tmp_path / f"whole{suffix}"
    write_array(path, np.random.default_rng(0).integers(1, 9, shape).astype(np.uint8), Grid.plain(shape))
    assert look(path).problems == ()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (text,) = look(path).problems
    assert text.startswith("cut short or damaged; copy" if suffix not in (".mha", ".nrrd") else "it has 38")
    assert look(path).grid is None


def test_work_on_each_file_keeps_the_order_and_shows_progress():
    shown = []

    def progress(names):
        for name in names:
            yield name
            shown.append(name)

    names = ["ccc", "a", "bb"]
    assert list(each_file(len, names, progress).items()) == [("ccc", 3), ("a", 1), ("bb", 2)]
    assert shown == names


def test_a_note_says_that_qform_and_sform_differ(tmp_path):
    image = nibabel.Nifti1Image(np.random.default_rng(0).random((5, 6, 7), np.float32), np.eye(4))
    image.set_qform(np.diag([-1.0, 1.0, 1.0, 1.0]), 1)
    nibabel.save(image, tmp_path / "i.nii.gz")
    (note,) = inspect_image(tmp_path / "i.nii.gz").notes
    assert note.startswith("its qform and its sform place it differently")
