"""Positions outside the image: refused where they come in, never wrapped or cut off."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import SimpleITK as sitk

from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.images import read_array, read_image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.process.messages import read_scribbles_message
from bifseg.methods.tools.window import Window
from bifseg.networks.crops import Crop
from bifseg.robot.people.recordings import read_recordings

SHAPE = (4, 6)


def stroke(*voxels, path=None):
    return Stroke(True, np.array(voxels if path is None else path, float), np.array(voxels))


@pytest.mark.parametrize(
    ("drawn", "message"),
    [
        (stroke((0, 0), (-1, 2)), r"stroke 1: voxels: \[-1, 2\] lies outside the grid of \(4, 6\)"),
        (stroke((4, 0)), r"\[4, 0\] lies outside .* give \(y, x\) indices from 0 to \(3, 5\)"),
        (stroke((0, 6)), r"\[0, 6\] lies outside"),
        (stroke((0, 0, 0)), r"an array of shape \(1, 3\) for a grid of \(4, 6\); give one row \(y, x\)"),
        (Stroke(True, np.zeros((0, 2)), np.zeros(0, np.intp)), r"voxels: an array of shape \(0,\)"),
        (Stroke(True, np.zeros((1, 2)), np.array([[0.5, 1]])), "not whole numbers; round positions"),
        (stroke((0, 0), path=[(-0.6, 0)]), r"path: \[-0.6, 0.0\] lies outside"),
        (stroke((0, 0), path=[(0, 5.6)]), "path: .* lies outside"),
        (stroke((0, 0), path=[(np.nan, 0)]), "path: .* lies outside"),
    ],
)
def test_scribbles_refuse_strokes_outside_their_array(drawn, message):
    with pytest.raises(InputError, match=message):
        Scribbles(SHAPE, (drawn,))
    before = Scribbles(SHAPE).add([stroke((1, 1))])
    with pytest.raises(InputError, match=message):
        before.add([drawn])


def test_scribbles_take_every_voxel_of_their_array():
    corners = stroke((0, 0), (3, 5), path=[(-0.5, -0.5), (3.5, 5.5)])
    drawn = Scribbles(SHAPE).add([corners]).add([stroke((1, 1))])
    assert len(drawn.strokes) == 2
    assert np.argwhere(drawn.foreground).tolist() == [[0, 0], [1, 1], [3, 5]]


def test_a_path_up_to_half_a_voxel_outside_lies_over_the_outermost_voxels():
    """-0.505 rounds to -1, which NumPy reads as the last row."""
    path = np.array([[-0.505, 0.0], [3.505, 5.0]])
    drawn = Stroke(True, path, np.array([[0, 0]]))
    Scribbles(SHAPE, (drawn,))
    last_row = np.zeros(SHAPE, bool)
    last_row[3] = True
    assert drawn.outside(last_row).path.tolist() == path[:1].tolist()


def test_messages_refuse_strokes_outside_the_image():
    given = {"foreground": True, "path": [[0, 0]], "voxels": [[-1, -1]]}
    with pytest.raises(InputError, match="lies outside the grid"):
        read_scribbles_message({"strokes": [given]}, SHAPE)


def test_records_refuse_strokes_outside_the_grid():
    record = stroke((3, 5)).to_record(Grid.plain(SHAPE))
    assert Stroke.from_record(record, Grid.plain(SHAPE)).voxels.tolist() == [[3, 5]]
    with pytest.raises(InputError, match="lies outside the grid"):
        Stroke.from_record(record, Grid.plain((4, 5)))


def test_recordings_name_the_file_whose_stroke_leaves_the_image(tmp_path):
    record = stroke((3, 5)).to_record(Grid.plain(SHAPE))
    image = {"set": "s", "name": "n", "truth": "t.nii", "label": None, "image": None}
    image |= {"grid": asdict(Grid.plain((4, 5))), "people": {"a": [record]}}
    path = tmp_path / "recordings.json"
    path.write_text(json.dumps({"format": "bifseg-recordings/1", "images": [image]}))
    with pytest.raises(InputError, match=r"recordings.json: n: person a: stroke 1: voxels: \[3, 5\]"):
        read_recordings(path)


@pytest.mark.parametrize(
    ("lower", "upper"), [((-1, 0), (2, 2)), ((2, 0), (2, 2)), ((3, 0), (2, 2)), ((0,), (2, 2))]
)
def test_a_box_holds_a_voxel_and_no_negative_index(lower, upper):
    with pytest.raises(InputError, match="every axis needs 0 <= lower < upper"):
        Box(lower, upper)


@pytest.mark.parametrize("box", [Box((0, 0), (4, 7)), Box((5, 0), (9, 2)), Box((0, 0, 0), (1, 1, 1))])
def test_a_box_outside_the_image_is_refused(box):
    image = Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE))
    uses = (
        lambda: box.within(SHAPE),
        lambda: box.paste(np.ones(box.shape), SHAPE),
        lambda: image.grid.crop(box),
        lambda: Window(image, box),
        lambda: Crop(image, box, 8),
    )
    for use in uses:
        with pytest.raises(InputError, match=r"leaves the grid of \(4, 6\)"):
            use()


@pytest.mark.parametrize(("axis", "index"), [(0, -1), (0, 3), (-1, 0), (3, 0)])
def test_a_grid_has_no_slice_outside(axis, index):
    with pytest.raises(InputError, match=rf"slice {index} along axis {axis}: not in the grid"):
        Grid.plain((3, 4, 5)).plane(axis, index)


def test_an_image_and_its_channels_have_the_shape_of_its_grid():
    voxels, grid = np.zeros(SHAPE, np.float32), Grid.plain(SHAPE)
    with pytest.raises(InputError, match="channel 't1' has the shape"):
        Image(voxels[1:], grid, "t1")
    with pytest.raises(InputError, match="channel 't2' has the shape"):
        Image(voxels, grid, "t1", {"t2": voxels.T})


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "mha"])
def test_a_negative_channel_is_refused(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    volume = sitk.GetImageFromArray(np.zeros((3, 4, 5), np.float32))
    sitk.WriteImage(sitk.JoinSeries([volume, volume]), str(path))
    assert read_array(path, 1)[0].shape == (3, 4, 5)
    for channel in (-1, 2):
        with pytest.raises(InputError, match=f"has no channel {channel}; it has channels 0 to 1"):
            read_image(path, channel=channel)
