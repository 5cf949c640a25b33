"""Label maps of scribbles: their names, their grids, their values, and what a round adds."""

from dataclasses import replace

import numpy as np
import pytest

from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array
from bifseg.sessions.drawn_maps import Labels, find_maps, read_rounds

GRID = Grid.plain((8, 30, 40), (3.0, 1.0, 1.0))


def scribbles(*lines):
    """A map with a line (value, slice, row, columns) each."""
    label_map = np.zeros(GRID.shape, np.uint8)
    for value, z, y, columns in lines:
        label_map[z, y, columns] = value
    return label_map


OBJECT, BACK = (1, 3, 10, slice(5, 20)), (2, 3, 25, slice(5, 30))


def write(folder, name, label_map, grid=GRID):
    write_array(folder / name, label_map, grid)
    return folder / name


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "seg.nrrd", "mha", "png"])
def test_maps_of_every_format_are_found(tmp_path, suffix):
    (tmp_path / f"a.b_x.{suffix}").touch()
    assert [path.name for path in find_maps(tmp_path, "a.b_x")] == [f"a.b_x.{suffix}"]


def test_rounds_are_sorted_and_other_objects_ignored(tmp_path):
    for k in (2, 10, 1, *range(3, 10)):
        (tmp_path / f"a.round-{k}.nrrd").touch()
    for name in ("a.b.nii.gz", "aa.nii.gz", "a.round-x.nrrd", "a.txt", "a.round-1.nrrd.bak"):
        (tmp_path / name).touch()
    assert [path.name for path in find_maps(tmp_path, "a")] == [f"a.round-{k}.nrrd" for k in range(1, 11)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], r"no scribbles of a; save them as a\.nii\.gz, or a\.round-1\.nii\.gz"),
        (["a.nii.gz", "a.nrrd"], r"a\.nrrd: round 1 of a is also in a\.nii\.gz; keep one"),
        (["a.nii.gz", "a.round-1.nii.gz"], "round 1 of a is also in"),
        (["a.round-1.mha", "a.round-3.mha"], "a has round 3 but not round 2"),
    ],
)
def test_bad_file_names_are_refused_in_one_line(tmp_path, files, message):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=message):
        find_maps(tmp_path, "a")


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd", "mha"])
def test_foreground_strokes_come_first(tmp_path, suffix):
    path = write(tmp_path, f"a.{suffix}", scribbles(BACK, OBJECT))
    ((first, second),) = read_rounds([path], GRID, None, Labels())
    assert (first.foreground, second.foreground) == (True, False)
    assert first.voxels.tolist() == [[3, 10, x] for x in range(5, 20)]
    assert second.path[[0, -1]].tolist() == [[3, 25, 5], [3, 25, 29]]


def test_label_values_can_be_chosen(tmp_path):
    label_map = np.where(scribbles(OBJECT, BACK) == 1, 7, 0) + np.where(scribbles(OBJECT, BACK) == 2, 3, 0)
    path = write(tmp_path, "a.nii.gz", label_map.astype(np.int16))
    ((first, second),) = read_rounds([path], GRID, None, Labels(7, 3))
    assert (first.foreground, second.foreground) == (True, False)
    with pytest.raises(
        InputError, match=r"a\.nii\.gz: has the value 3; use 1 for the object .* --background"
    ):
        read_rounds([path], GRID, None, Labels())


@pytest.mark.parametrize("cumulative", [True, False])
def test_a_round_adds_new_strokes_of_cumulative_or_separate_maps(tmp_path, cumulative):
    more = (1, 4, 12, slice(5, 9))
    maps = [scribbles(OBJECT), scribbles(*([OBJECT] if cumulative else []), BACK, more)]
    paths = [write(tmp_path, f"a.round-{k}.nii.gz", label_map) for k, label_map in enumerate(maps, 1)]
    first, second = read_rounds(paths, GRID, None, Labels())
    assert [(s.foreground, len(s.voxels)) for s in first] == [(True, 15)]
    assert [(s.foreground, len(s.voxels)) for s in second] == [(True, 4), (False, 25)]


def test_a_changed_label_is_a_new_stroke(tmp_path):
    maps = [scribbles(OBJECT), scribbles((2, 3, 10, slice(5, 12)), (1, 3, 10, slice(12, 20)))]
    paths = [write(tmp_path, f"a.round-{k}.nii.gz", label_map) for k, label_map in enumerate(maps, 1)]
    _, (stroke,) = read_rounds(paths, GRID, None, Labels())
    assert (stroke.foreground, stroke.voxels[:, 2].tolist()) == (False, list(range(5, 12)))


@pytest.mark.parametrize("second", [(), (OBJECT,)])
def test_a_round_without_new_strokes_is_bad_input(tmp_path, second):
    paths = [
        write(tmp_path, f"a.round-{k}.nii.gz", scribbles(*lines))
        for k, lines in enumerate([(OBJECT,), second], 1)
    ]
    with pytest.raises(
        InputError, match=r"a\.round-2\.nii\.gz: holds no new scribbles; leave this round out"
    ):
        read_rounds(paths, GRID, None, Labels())


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid.plain((8, 30, 41), GRID.spacing), r"shape is \(8, 30, 41\), that of the image \(8, 30, 40\)"),
        (Grid.plain(GRID.shape, (3.1, 1.0, 1.0)), "spacing differs by 0.1 mm along z"),
        (replace(GRID, origin=(0.0, 2.0, 0.0)), "origin differs by 2 mm along y"),
    ],
)
def test_another_grid_is_bad_input(tmp_path, grid, message):
    path = write(tmp_path, "a.nrrd", np.ones(grid.shape, np.uint8), grid)
    with pytest.raises(
        InputError, match=rf"a\.nrrd: {message}.*; save the scribbles on the grid of the image"
    ):
        read_rounds([path], GRID, None, Labels())


def test_rounding_errors_of_headers_are_accepted(tmp_path):
    path = write(tmp_path, "a.nrrd", scribbles(OBJECT), replace(GRID, origin=(0.0, 1e-6, 0.0)))
    assert read_rounds([path], GRID, None, Labels())


def test_an_unreadable_map_is_bad_input(tmp_path):
    (tmp_path / "a.nii.gz").write_text("no image")
    with pytest.raises(InputError, match=r"a\.nii\.gz: is not compressed, though its name ends in \.gz"):
        read_rounds([tmp_path / "a.nii.gz"], GRID, None, Labels())


def test_only_the_object_s_slice_of_a_stack_is_read(tmp_path):
    path = write(tmp_path, "a.nii.gz", scribbles(OBJECT, (1, 5, 10, slice(0, 9))))
    ((stroke,),) = read_rounds([path], GRID, (0, 3), Labels())
    assert stroke.voxels.tolist() == [[10, x] for x in range(5, 20)]
    with pytest.raises(InputError, match="holds no new scribbles in slice 4 along axis 0"):
        read_rounds([path], GRID, (0, 4), Labels())
