import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from matplotlib.image import imread

from bifseg.robot.policies.registry import POLICIES

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "draw_robot.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("img")
    subprocess.run([sys.executable, SCRIPT, folder], check=True)
    return folder


def test_a_small_picture_of_each(folder):
    names = {name.split("/")[0] for name in POLICIES} | {"boxes", "users"}
    assert {path.stem for path in folder.iterdir()} == {f"robot-{name}" for name in names}
    assert all(path.stat().st_size < 150_000 for path in folder.iterdir())


@pytest.mark.parametrize("name", POLICIES)
def test_strokes_are_coloured(folder, name):
    red, green = (imread(folder / f"robot-{name.split('/')[0]}.png")[..., k] for k in (0, 1))
    strokes_of_the_key = 400  # pixels
    assert (red - green > 0.3).sum() > strokes_of_the_key  # foreground strokes
    assert (green - red > 0.3).sum() > strokes_of_the_key  # background strokes


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_has_a_page_with_its_picture_and_parameters(name):
    stem = name.split("/")[0]
    newest = max(other for other in POLICIES if other.split("/")[0] == stem)
    page = (DOCS / f"policies/{stem}.md").read_text()
    assert page.startswith(f"# `{newest}`\n")
    assert f"policy: {newest}\n" in page
    assert f"`{name}`" in page
    assert f"](../img/robot-{stem}.png)" in page
    assert (DOCS / f"img/robot-{stem}.png").is_file()
    assert f"(policies/{stem}.md)" in (DOCS / "robot.md").read_text()
    missing = [key for key in asdict(POLICIES[name]().params) if f"`{key}`" not in page]
    assert not missing
