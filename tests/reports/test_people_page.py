"""The tables and pictures of a comparison."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from bifseg.reports.people_page import comparison_page, write_comparison
from bifseg.robot.people.pages import Page
from bifseg.robot.people.robot_drawings import PolicyParameters, people_drawings, robot_drawings, robot_map
from bifseg.robot.people.stroke_statistics import compare, leave_one_out
from bifseg.robot.policies.centre_line import CentreLine

SHAPE = (30, 36)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[8:20, 8:28] = True


def page(name, rows, image=None):
    people = {}
    for k, row in enumerate(rows):
        people[f"person {k + 1}"] = strokes = np.zeros(SHAPE, np.uint8)
        strokes[row : row + 3, 10:26] = 1
        strokes[24:27, 6 : 20 + k] = 2
    return Page(name, "CT", TRUTH, (1.0, 1.0), people, image)


PAGES = [page("one", [9]), page("two", [10, 14], np.linspace(0, 1, TRUTH.size).reshape(SHAPE))]
PARAMETERS = PolicyParameters(draws=1)


@pytest.fixture(scope="module")
def drawings():
    return people_drawings(PAGES), robot_drawings(PAGES, "centre-line/1", CentreLine(), PARAMETERS)


def test_tables_of_people_and_robot(drawings):
    text = comparison_page(compare(pd.concat(drawings)), ["CT/one person 1 = CT/two person 2"], None)
    foreground = text.split("**Background strokes.**")[0]
    rows = {
        line.split("|")[1].strip(): line.split("|")[2:-1] for line in foreground.splitlines() if "|" in line
    }
    assert [name for name in rows if "/" in name or "p" in name] == [
        "person 1",
        "person 2",
        "**people**",
        "centre-line/1",
    ]
    assert rows["person 1"][0].strip() == "1.0 (1.0–1.0)"
    assert rows["person 1"][4].strip() == f"{48 / 240:.3f} (0.200–0.200)"  # coverage: 3 rows of 16 of 12 x 20
    assert rows["**people**"][-1].strip() == "–"
    assert "CT/one person 1 = CT/two person 2" in text
    assert "Fit of" not in text


def test_the_fit_table_shows_distances_before_and_after(drawings):
    people, robot = drawings
    fit = leave_one_out(people, {"length 40": robot}, "length 40")
    text = comparison_page(compare(pd.concat(drawings)), [], fit)
    last = text.strip().splitlines()[-1]
    assert last.split("|")[1].strip() == "nobody"
    assert last.split("|")[4].strip() == "– → –"
    assert f"{fit.fitted_chosen.iloc[-1]:.2f} → {fit.fitted_chosen.iloc[-1]:.2f}" in last


def test_written_files_of_a_comparison(drawings, tmp_path):
    comparison = compare(pd.concat(drawings))
    robots = {"centre-line/1": partial(robot_map, robot=CentreLine(), parameters=PARAMETERS, draw=0)}
    write_comparison(tmp_path, comparison, PAGES, robots, [])
    names = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert names == {
        "comparison.csv",
        "comparison.md",
        "people.png",
        "overlays/CT-one.png",
        "overlays/CT-two.png",
    }
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "comparison.csv"), comparison, check_dtype=False)
    assert white(tmp_path / "people.png") > 0.5  # the image's grey values stay out
    assert white(tmp_path / "overlays" / "CT-two.png") < 0.5


def white(path):
    """The share of a picture, all of it but the margins, that is white."""
    rgb = imread(path)[..., :3]
    height, width = rgb.shape[:2]
    return (rgb[height // 4 : height // 2, width // 10 : -width // 10] == 1).all(axis=-1).mean()
