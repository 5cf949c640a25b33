"""A grand-challenge algorithm's files: what it gets, and which of its results are read. Without a container."""

import json
import re
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from bifseg.core.child_processes import OwnFolder
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.process import messages
from bifseg.methods.process.algorithm import Algorithm, multiple_points
from bifseg.methods.process.answers import Window

SHAPE = (3, 5, 6)
GRID = Grid.plain(SHAPE, (3.0, 1.0, 0.5))
BOX = Box((0, 0, 0), (3, 5, 3))
OUT = "import os; from pathlib import Path; out = Path('output/images/out'); "
WRITE = f"import SimpleITK as s; {OUT}"
BRIGHT = WRITE + "s.WriteImage(s.ReadImage('input/images/ct/image.mha') > 0, str(out / 'a.mha'), {packed})"


@pytest.fixture
def folder(monkeypatch):
    own = OwnFolder()
    monkeypatch.chdir(own.shared)
    yield own
    own.remove()


def start(folder, code, **settings):
    image = Image(np.ones(SHAPE, np.float32), GRID, "ct", {"pet": np.full(SHAPE, 2, np.float32)})
    settings = {"images": {"images/ct": "own", "images/pet": "pet"}, "result": "images/out", **settings}
    algorithm = Algorithm([sys.executable, "-c", code], settings)
    answer = algorithm.answer({"call": "start", **messages.image_message(image, BOX, folder)})
    return algorithm, answer


@pytest.mark.parametrize("packed", [False, True])
def test_the_result_is_that_of_the_output_inside_the_box(folder, packed):
    _, answer = start(folder, BRIGHT.format(packed=packed))
    window = Window.model_validate_json(json.dumps(answer["window"]))
    mask = messages.read_result(SHAPE, folder, window)
    assert mask[BOX.slices].all()
    assert mask.sum() == 3 * 5 * 3
    assert answer["seconds"]["machine"] > 0


def test_the_input_has_a_file_a_channel_and_the_clicks(folder):
    algorithm, _ = start(folder, BRIGHT.format(packed=False), previous="images/before")
    pet = sitk.ReadImage("input/images/pet/image.mha")
    assert sitk.GetArrayFromImage(pet).mean() == 2
    assert pet.GetSpacing() == (0.5, 1, 3)
    assert json.loads(Path("input/lesion-clicks.json").read_text())["points"] == []
    assert not Path("input/images/before").exists()
    drawn = Scribbles(SHAPE, (Stroke(False, np.array([[2.0, 1, 0]]), np.array([[2, 1, 0]])),))
    algorithm.answer({"call": "refine", **messages.scribbles_message(drawn, GRID, folder)})
    points = json.loads(Path("input/lesion-clicks.json").read_text())
    assert points == multiple_points(drawn, ("tumor", "background"))
    assert points["points"] == [{"point": [0, 1, 2], "name": "background"}]
    assert sitk.GetArrayFromImage(sitk.ReadImage("input/images/before/image.mha")).sum() == 45


def test_an_existing_mask_is_the_result_before(folder):
    image = Image(np.ones(SHAPE, np.float32), GRID, "ct")
    message = messages.image_message(image, BOX, folder)
    message |= messages.mask_message(np.ones(SHAPE, bool), GRID, folder)
    settings = {"images": {"images/ct": "own"}, "result": "images/out", "previous": "images/before"}
    run = [sys.executable, "-c", BRIGHT.format(packed=False)]
    Algorithm(run, settings).answer({"call": "start_from", **message})
    assert sitk.GetArrayFromImage(sitk.ReadImage("input/images/before/image.mha")).all()


HEADER = "ObjectType = Image\\nNDims = 3\\nDimSize = {size}\\nElementType = MET_UCHAR\\nBinaryData = True\\n"
HOSTILE = {
    "no result": ("pass", "must hold one .mha file, holds 0"),
    "two results": ("(out / 'a.mha').touch(); (out / 'b.mha').touch()", "must hold one .mha file, holds 2"),
    "a link to the truth": ("(out / 'a.mha').symlink_to('{truth}')", "cannot be read: Too many levels"),
    "a hard link": ("os.link('{truth}', out / 'a.mha')", "is no plain file of a mask's size"),
    "a linked folder": ("out.rmdir(); out.symlink_to('{place}')", "cannot be read: Not a directory"),
    "a pipe": ("os.mkfifo(out / 'a.mha')", "is no plain file of a mask's size"),
    "voxels elsewhere": (
        "(out / 'a.mha').write_text('"
        + HEADER.format(size="6 5 3")
        + "Comment = ElementDataFile = LOCAL\\nElementDataFile = {truth}\\n')",
        "no MetaImage file (.mha) with its voxels in it",
    ),
    "voxels elsewhere, on a line that only ITK sees": (
        "(out / 'a.mha').write_bytes(b'"
        + HEADER.format(size="6 5 3")
        + "\\x0bElementDataFile = {truth}\\nElementDataFile = LOCAL\\n' + bytes(90))",
        "no MetaImage file (.mha) with its voxels in it",
    ),
    "another shape": (
        "(out / 'a.mha').write_bytes(b'"
        + HEADER.format(size="4 5 3")
        + "ElementDataFile = LOCAL\\n' + bytes(60))",
        "must have the image's shape (3, 5, 6), has (3, 5, 4)",
    ),
    "thousands of channels": (
        "(out / 'a.mha').write_bytes(b'"
        + HEADER.format(size="6 5 3")
        + "ElementNumberOfChannels = 9000\\nElementDataFile = LOCAL\\n' + bytes(90))",
        "has 9000 channels per voxel",
    ),
    "too large": ("(out / 'a.mha').write_bytes(bytes(10**6))", "is no plain file of a mask's size"),
    "fails": ("raise SystemExit('no memory for me')", "ended with exit code 1: no memory for me"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_other_results_fail_the_session(folder, tmp_path, name):
    truth = tmp_path / "truth.mha"
    sitk.WriteImage(sitk.GetImageFromArray(np.ones(SHAPE, np.uint8)), str(truth))
    code, message = HOSTILE[name]
    code = code.replace("{truth}", str(truth)).replace("{place}", str(tmp_path))
    with pytest.raises(ValueError, match=re.escape(message)):
        start(folder, OUT + code)
    assert not Path("result.nii").exists()


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ("", ""),
        ("result.CopyInformation(image)", ""),
        ("result.CopyInformation(image); result = s.Flip(result, (True, False, False))", "origin differs by"),
        ("result.SetSpacing((2, 3, 4))", "spacing differs by"),
    ],
)
def test_a_result_may_leave_its_grid_out_but_not_state_another(folder, changes, refused):
    code = (
        "image = s.ReadImage('input/images/ct/image.mha')\n"
        f"result = s.Cast(s.GetImageFromArray(s.GetArrayFromImage(image)), s.sitkUInt8)\n{changes}\n"
        "s.WriteImage(result, str(out / 'a.mha'))"
    )
    if refused:
        with pytest.raises(ValueError, match=f"on another grid than the image: .*{refused}"):
            start(folder, WRITE + code)
    else:
        start(folder, WRITE + code)


def test_prints_without_end_do_not_fill_the_memory(folder):
    code = BRIGHT.format(packed=False) + "\nfor _ in range(400): print('x' * 10**6)"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start(folder, code)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 100_000  # kB


@pytest.mark.parametrize(
    "settings", [{"result": "../out"}, {"result": "/out"}, {"clicks": "a/../b"}, {"unknown": 1}]
)
def test_settings_name_files_of_the_two_folders_only(folder, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        start(folder, "pass", **settings)
