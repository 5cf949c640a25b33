"""Grids agree with SimpleITK; boxes and canonical axes agree with their definitions."""

import json
from dataclasses import asdict, replace
from itertools import permutations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.images import read_array, read_grid, read_image, write_array, write_mask
from bifseg.core.reorientation import Reorientation
from bifseg.core.scribbles import Stroke

TURN = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [0.0, 1.0, 0.3], [0.2, 0.0, 1.0]]))[0]


@pytest.fixture
def oblique(tmp_path):
    """An oblique anisotropic file as SimpleITK writes it."""
    image = sitk.GetImageFromArray(np.arange(5 * 6 * 7, dtype=np.float32).reshape(5, 6, 7))
    image.SetSpacing((0.7, 0.9, 6.5))
    image.SetOrigin((-4.0, 12.0, 99.5))
    image.SetDirection(TURN.ravel().tolist())
    sitk.WriteImage(image, str(tmp_path / "image.mha"))
    return image, tmp_path / "image.mha"


def test_world_points_equal_simpleitk(oblique):
    image, path = oblique
    grid = read_grid(path)
    assert grid.spacing == pytest.approx((6.5, 0.9, 0.7))
    for index in [(0, 0, 0), (4, 5, 6), (2, 0, 3)]:
        world = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(grid.to_world(np.array(index))[0], world, atol=1e-9)
        np.testing.assert_allclose(grid.to_index(np.array([world]))[0], index, atol=1e-9)


@pytest.mark.parametrize("suffix", [".mha", ".nii.gz", ".nrrd"])
def test_a_written_image_keeps_its_grid(oblique, tmp_path, suffix):
    _, path = oblique
    voxels, grid = read_array(path)
    write_array(tmp_path / f"copy{suffix}", voxels, grid)
    voxels_read, grid_read = read_array(tmp_path / f"copy{suffix}")
    np.testing.assert_array_equal(voxels, voxels_read)
    np.testing.assert_allclose(grid_read.origin, grid.origin, atol=1e-4)
    np.testing.assert_allclose(grid_read.direction, grid.direction, atol=1e-5)
    np.testing.assert_allclose(grid_read.spacing, grid.spacing, atol=1e-5)


def test_a_slice_keeps_its_world_coordinates(oblique):
    _, path = oblique
    grid = read_grid(path)
    for axis in range(3):
        plane = grid.plane(axis, 2)
        index = np.array([1, 3])
        volume_index = np.insert(index, axis, 2)
        np.testing.assert_allclose(plane.to_world(index)[0], grid.to_world(volume_index)[0])
        np.testing.assert_allclose(plane.to_index(grid.to_world(volume_index))[0], index, atol=1e-9)


def test_a_crop_keeps_its_world_coordinates(oblique):
    _, path = oblique
    grid, box = read_grid(path), Box((1, 2, 3), (4, 5, 6))
    np.testing.assert_allclose(grid.crop(box).to_world([[0, 0, 0]]), grid.to_world([[1, 2, 3]]))
    assert grid.crop(box).shape == (3, 3, 3)


def test_a_channel_of_a_4d_nifti_equals_the_3d_file(oblique, tmp_path):
    _, path = oblique
    voxels, grid = read_array(path)
    write_array(tmp_path / "three.nii.gz", voxels, grid)
    three = nibabel.load(tmp_path / "three.nii.gz")
    four = np.stack([three.get_fdata() + 1000 * k for k in range(3)], -1).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(four, three.affine), tmp_path / "four.nii.gz")
    for channel in range(3):
        channel_voxels, grid_read = read_array(tmp_path / "four.nii.gz", channel)
        np.testing.assert_allclose(channel_voxels, voxels + 1000 * channel, rtol=1e-6)
        assert grid_read == read_grid(tmp_path / "four.nii.gz", channel)
        assert grid_read.shape == grid.shape
        np.testing.assert_allclose(grid_read.to_world([[1, 2, 3]]), grid.to_world([[1, 2, 3]]), atol=1e-3)
        assert read_image(tmp_path / "four.nii.gz", "t2", channel).voxels.shape == grid.shape


def test_a_missing_channel_is_bad_input(tmp_path):
    write_array(tmp_path / "three.nii.gz", np.zeros((2, 3, 4), np.float32), Grid.plain((2, 3, 4)))
    with pytest.raises(InputError, match="has no channel 0; it has no channel axis, leave the channel empty"):
        read_array(tmp_path / "three.nii.gz", 0)
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2, 2), np.float32), np.eye(4)), tmp_path / "four.nii.gz")
    with pytest.raises(InputError, match="has no channel 2; it has channels 0 to 1, name one of them"):
        read_grid(tmp_path / "four.nii.gz", 2)


def test_a_2d_mask_is_read_back(tmp_path):
    grid = Grid.plain((4, 6), (2.0, 0.5))
    write_mask(tmp_path / "m.nii.gz", np.eye(4, 6, dtype=bool), grid)
    mask, grid_read = read_array(tmp_path / "m.nii.gz")
    assert mask.shape == (4, 6)
    assert grid_read.spacing == (2.0, 0.5)


masks = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 999)).map(
    lambda t: np.random.default_rng(t[2]).random(t[:2]) < 0.3
)


@given(masks)
def test_box_is_the_smallest_that_encloses_the_mask(mask):
    if not mask.any():
        with pytest.raises(ValueError, match="no box"):
            Box.around(mask)
        return
    box, at = Box.around(mask), np.argwhere(mask)
    assert box.lower == tuple(at.min(0))
    assert box.upper == tuple(at.max(0) + 1)
    np.testing.assert_array_equal(box.paste(mask[box.slices], mask.shape), mask)


def test_box_grows_and_is_clipped():
    assert Box((2, 3), (4, 5)).grow((1, 9), (3, 1), (6, 7)) == Box((1, 0), (6, 6))


def test_canonical_axes_follow_the_world_axes():
    """A volume stored as (x, z, y), x and y reversed."""
    grid = replace(Grid.plain((4, 5, 6)), direction=((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)))
    turn = grid.canonical()
    assert (turn.axes, turn.reverse) == ((1, 2, 0), (False, True, True))
    values = np.arange(120).reshape(4, 5, 6)
    assert turn.apply(values).shape == (5, 6, 4)
    assert turn.apply(values)[2, 0, 0] == values[3, 2, 5]
    np.testing.assert_array_equal(turn.undo(turn.apply(values)), values)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize("reverse", [(False, False, False), (True, False, True), (False, True, True)])
def test_boxes_and_strokes_move_with_their_array(axes, reverse):
    turn, shape = Reorientation(axes, reverse), (4, 5, 6)
    box, voxels = Box((1, 0, 2), (3, 4, 3)), np.array([[1, 2, 2], [2, 3, 2]])
    inside, painted = np.zeros(shape, bool), np.zeros(shape, bool)
    inside[box.slices], painted[tuple(voxels.T)] = True, True
    turned = box.reoriented(turn, shape)
    assert turned == Box.around(turn.apply(inside))
    stroke = Stroke(True, voxels + 0.25, voxels).reoriented(turn, shape)
    np.testing.assert_array_equal(stroke.voxels, np.argwhere(turn.apply(painted)))
    new_shape = turn.apply(inside).shape
    assert turned.reoriented(turn.inverse, new_shape) == box
    back = stroke.reoriented(turn.inverse, new_shape)
    np.testing.assert_array_equal(back.path, voxels + 0.25)
    np.testing.assert_array_equal(back.voxels, voxels)


def test_the_thickest_axis_comes_first_and_the_axial_one_among_equals():
    sagittal = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))  # array axes x, z, y
    for spacing, thickest in [
        ((5, 1, 1), 0),
        ((1, 1, 5), 2),
        ((1, 1, 1), 1),
        ((5, 1, 5), 1),
        ((1, 5, 5.0005), 1),
    ]:
        grid = replace(Grid.plain((4, 5, 6), spacing), direction=sagittal)
        assert grid.thickest == thickest
        assert grid.canonical(thickest_first=True).axes[0] == thickest


def test_canonical_axes_of_a_slice_follow_the_world_axes():
    stack = Grid.plain((4, 5, 6))
    assert stack.plane(0, 2).canonical().axes == (0, 1)
    turned = replace(stack, direction=((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)))  # y, z, x
    assert turned.plane(2, 0).canonical().axes == (1, 0)  # a sagittal slice: z, then y


def test_moments_leave_out_the_background():
    image = Image(np.array([[0.0, 2.0], [4.0, 0.0]], np.float32), Grid.plain((2, 2)))
    assert image.foreground_moments == (3.0, 1.0)
    assert replace(image, voxels=np.zeros((2, 2), np.float32)).foreground_moments == (0.0, 0.0)


@pytest.mark.parametrize(
    ("shape", "spacing"), [((0, 4), None), ((4, 4), (1.0, -1.0)), ((4, 4), (1.0, np.inf)), ((4, 4), (1.0,))]
)
def test_a_grid_without_voxels_or_distances_is_refused(shape, spacing):
    with pytest.raises(InputError, match="grid: shape"):
        Grid.plain(shape, spacing)


def test_grids_without_spacing_are_marked():
    grid = Grid.plain((4, 5))
    assert grid.in_mm
    assert Grid.from_record(json.loads(json.dumps(asdict(replace(grid, in_mm=False))))).in_mm is False
    assert replace(grid, in_mm=False).crop(Box((0, 0), (2, 2))).in_mm is False
    old = asdict(grid)
    del old["in_mm"]
    assert Grid.from_record(old).in_mm


@pytest.mark.parametrize(
    ("name", "spacing", "in_mm"), [("a.png", 1.0, False), ("a.tif", 0.5, True), ("a.nii", 1.0, True)]
)
def test_picture_formats_have_no_spacing(tmp_path, name, spacing, in_mm):
    image = sitk.GetImageFromArray(np.zeros((4, 5), np.uint8))
    image.SetSpacing((spacing, spacing))
    sitk.WriteImage(image, str(tmp_path / name))
    assert read_grid(tmp_path / name).in_mm is in_mm
    assert read_image(tmp_path / name).grid.in_mm is in_mm
