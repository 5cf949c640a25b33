"""The LiteMedSAM adapter, where `make -C adapters/litemedsam` was run: its weights come with its package."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

FOLDER = Path(__file__).parents[2] / "adapters/litemedsam"
PYTHON = FOLDER / ".venv/bin/python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="make -C adapters/litemedsam was not run")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Masks of two boxes on one image of a bright ellipse, and the seconds that each took."""
    folder = tmp_path_factory.mktemp("talk")
    y, x = np.indices((90, 120))
    ellipse = ((y - 40) / 20) ** 2 + ((x - 70) / 30) ** 2 < 1
    noise = np.random.default_rng(0).normal(0, 10, ellipse.shape)
    sitk.WriteImage(
        sitk.GetImageFromArray((100 + 100 * ellipse + noise).astype(np.float32)), folder / "image.nii"
    )
    program = subprocess.Popen(
        [PYTHON, FOLDER / "serve.py"], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )

    def ask(**message):
        program.stdin.write(json.dumps(message) + "\n")
        program.stdin.flush()
        return json.loads(program.stdout.readline())

    about = ask(call="open", device="cpu", threads=1, settings={})
    encoding_s = ask(call="encode", image="image.nii")["seconds"]["machine"]
    steps = []
    for lower, upper in (((18, 38), (63, 103)), ((10, 30), (70, 110))):
        given = {"encoding": "encoding.bin"} if steps else {}  # as in another process
        box = {"lower": lower, "upper": upper}
        answer = ask(call="start", image="image.nii", box=box, encoding_s=encoding_s, **given)
        steps.append(
            (sitk.GetArrayFromImage(sitk.ReadImage(folder / "result.nii")), answer["seconds"]["machine"])
        )
    program.stdin.close()
    program.wait(30)
    return about, ellipse, steps, encoding_s


def test_litemedsam_takes_boxes_on_slices(answers):
    assert answers[0] == {"dimensions": [2], "prompts": ["box"], "adapts": False, "encodes": True}


def test_a_bright_ellipse_is_segmented_on_the_image_grid(answers):
    _, ellipse, steps, _ = answers
    for mask, _ in steps:
        assert mask.shape == ellipse.shape
        assert 2 * (mask & ellipse).sum() / (mask.sum() + ellipse.sum()) > 0.9


def test_every_box_is_charged_the_encoding(answers):
    _, _, steps, encoding_s = answers
    for _, seconds in steps:
        assert encoding_s < seconds < 2 * encoding_s
