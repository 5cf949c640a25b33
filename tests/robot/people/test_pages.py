"""Reading people's scribbles, and asking the robot in their place, on a tiny tree like MedScribble."""

import numpy as np
import pytest

from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.core.images import write_array
from bifseg.robot.people.pages import read_pages, without_copies
from bifseg.robot.people.robot_drawings import (
    PolicyParameters,
    candidates,
    fit_centre_line,
    people_drawings,
    robot_drawings,
    robot_map,
)
from bifseg.robot.people.stroke_statistics import STATISTICS
from bifseg.robot.policies.centre_line import CentreLine, CentreLineParams

SHAPE = (40, 48)
TRUTH = np.hypot(*(np.indices(SHAPE) - np.array([18, 24])[:, None, None])) < 11


def scribbled(row):
    """A foreground stroke across the disc at this row, and a background stroke below it."""
    drawn = np.zeros(SHAPE, np.uint8)
    drawn[row : row + 3, 17:31] = 1
    drawn[33:36, 10:30] = 2
    return drawn


def save(path, voxels):
    write_array(path, np.asarray(voxels, np.uint8), Grid.plain(voxels.shape))


@pytest.fixture
def tree(tmp_path):
    for k, (group, name) in enumerate([("CT", "a"), ("CT", "b"), ("MR", "a")]):
        folder = tmp_path / group / name
        save(folder / "label.png", TRUTH)
        save(folder / "human_scribble_0.png", scribbled(12 + k))
        save(folder / "human_scribble_1.png", scribbled(18 + k))
    save(tmp_path / "CT" / "a" / "image.png", 100 * TRUTH)
    save(tmp_path / "not scribbled" / "label.png", TRUTH)
    return tmp_path


def test_reads_every_image_with_scribbles(tree):
    pages = read_pages(tree)
    assert [(p.group, p.name) for p in pages] == [("CT", "a"), ("CT", "b"), ("MR", "a")]
    assert list(pages[1].people) == ["person 1", "person 2"]
    np.testing.assert_array_equal(pages[1].people["person 2"], scribbled(19))
    np.testing.assert_array_equal(pages[0].truth, TRUTH)
    np.testing.assert_array_equal(pages[0].image, 100 * TRUTH)
    assert pages[1].image is None
    assert pages[0].spacing == (1.0, 1.0)


@pytest.mark.parametrize(
    ("name", "voxels", "message"),
    [
        ("human_scribble_1.png", scribbled(12)[:30], "shape"),
        ("human_scribble_1.png", 3 * scribbled(12), "value 3"),
        ("human_scribble_x.png", scribbled(12), "the person's number"),
        ("human_scribble_².png", scribbled(12), "the person's number"),
        ("label.png", np.zeros(SHAPE), "an object and background"),
    ],
)
def test_a_wrong_file_is_named(tree, name, voxels, message):
    path = tree / "CT" / "b" / name
    save(path, voxels)
    with pytest.raises(InputError, match=message) as error:
        read_pages(tree)
    assert str(path) in str(error.value)


def test_a_folder_without_scribbles(tmp_path):
    with pytest.raises(InputError, match="no folder with"):
        read_pages(tmp_path)


def test_a_copied_drawing_is_left_out_in_any_order(tree):
    save(tree / "MR" / "a" / "human_scribble_1.png", scribbled(18))  # that of CT/a
    pages, copies = without_copies(read_pages(tree))
    assert copies == ["CT/a person 2 = MR/a person 2"]
    assert [list(p.people) for p in pages] == [["person 1"], ["person 1", "person 2"], ["person 1"]]
    assert without_copies(pages) == (pages, [])


def test_a_row_for_every_drawing_and_label(tree):
    rows = people_drawings(read_pages(tree))
    assert len(rows) == 3 * 2 * 2
    assert rows.person.all()
    assert list(rows.who.unique()) == ["person 1", "person 2"]
    assert (rows.strokes == 1).all()
    assert set(STATISTICS) < set(rows)


def test_the_robot_opens_on_the_object_and_on_both_sides_of_it(tree):
    page = read_pages(tree)[0]
    drawn = robot_map(page, CentreLine(), PolicyParameters(box_margin=10), 0)
    assert TRUTH[drawn == 1].all()
    assert not TRUTH[drawn == 2].any()
    rows = np.nonzero(drawn == 2)[0]
    assert rows.min() < 18 < rows.max()  # the disc is as long as wide: the sides are above and below
    lower, upper = np.argwhere(TRUTH).min(axis=0) - 10, np.argwhere(TRUTH).max(axis=0) + 10
    where = np.argwhere(drawn)
    assert (where >= lower).all()
    assert (where <= upper).all()


def test_draws_differ_and_repeat(tree):
    page = read_pages(tree)[0]
    first, again, other = (robot_map(page, CentreLine(), PolicyParameters(), draw) for draw in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != robot_map(page, CentreLine(), PolicyParameters(seed=1), 0)).any()
    # also in the same window
    whole = PolicyParameters(whole_image=True)
    assert (robot_map(page, CentreLine(), whole, 0) != robot_map(page, CentreLine(), whole, 1)).any()


def test_robot_and_people_have_rows_in_one_table(tree):
    pages = read_pages(tree)
    rows = robot_drawings(pages, "mine", CentreLine(), PolicyParameters(draws=2))
    assert len(rows) == 3 * 2 * 2
    assert not rows.person.any()
    assert list(rows) == list(people_drawings(pages))


def test_the_fit_finds_the_parameters_that_drew(tree, monkeypatch):
    """Two persons who are robots with other parameters than the default: they are found again."""
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.LENGTHS_MM", (8.0, 40.0))
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.SHARES", ((0.6, 0.9),))
    monkeypatch.setattr("bifseg.robot.people.robot_drawings.BRUSHES_MM", (1.0, 2.0))
    drawer = CentreLine(CentreLineParams(max_length_mm=8.0, brush_radius_mm=1.0))
    for path in tree.rglob("human_scribble_*.png"):
        page = next(p for p in read_pages(tree) if (p.group, p.name) == path.parent.parts[-2:])
        save(path, robot_map(page, drawer, PolicyParameters(seed=int(path.stem[-1]) + 5), 0))
    fit = fit_centre_line(read_pages(tree), PolicyParameters(draws=2))
    assert len(candidates()) == 4
    assert set(fit.chosen) == {"length 8, share 0.6-0.9, brush 1"}
    assert (fit.fitted_chosen < fit.fitted_default).all()
