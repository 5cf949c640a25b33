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
    steps = []
    for lower, upper in (((18, 38), (63, 103)), ((10, 30), (70, 110))):
        answer = ask(call="start", image="image.nii", box={"lower": lower, "upper": upper})
        steps.append(
            (sitk.GetArrayFromImage(sitk.ReadImage(folder / "result.nii")), answer["seconds"]["machine"])
        )
    program.stdin.close()
    program.wait(30)
    return about, ellipse, steps


def test_litemedsam_takes_boxes_on_slices(answers):
    assert answers[0] == {"dimensions": [2], "prompts": ["box"], "adapts": False}


def test_a_bright_ellipse_is_segmented_on_the_image_grid(answers):
    _, ellipse, steps = answers
    for mask, _ in steps:
        assert mask.shape == ellipse.shape
        assert 2 * (mask & ellipse).sum() / (mask.sum() + ellipse.sum()) > 0.9


def test_an_image_is_encoded_once(answers):
    (_, first), (_, second) = answers[2]
    assert second < first / 3
