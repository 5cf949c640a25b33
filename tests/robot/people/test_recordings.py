import json

import numpy as np
import pytest
from drawn_by_people import OBLIQUE, SHAPE, TRUTH, flat_tree, log, save, scribbled, table

from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid
from bifseg.robot.people.importing import imported, listed_drawings
from bifseg.robot.people.recordings import is_timed, persons, read_recordings, write_recordings


def written(source, path):
    recorded, copies = imported(listed_drawings(source))
    write_recordings(path, recorded)
    return read_recordings(path), copies


def test_maps_come_back_to_the_voxel(tmp_path):
    recorded, copies = written(flat_tree(tmp_path), tmp_path / "out" / "r.json")
    assert copies == []
    assert [(item.group, item.name) for item in recorded] == [("CT", "a"), ("CT", "b"), ("MR", "a")]
    assert persons(recorded) == ["person 1", "person 2"]
    assert not is_timed(recorded)
    page = recorded[1].page()
    np.testing.assert_array_equal(page.people["person 2"], scribbled(16))
    np.testing.assert_array_equal(page.truth, TRUTH)
    assert page.image.shape == SHAPE
    foreground = [t.stroke for t in recorded[0].people["person 1"] if t.stroke.foreground]
    assert len(foreground) == 1
    assert foreground[0].length_mm((1, 1)) == pytest.approx(13, abs=3)


def test_a_log_in_world_mm_has_its_place_thickness_and_times(tmp_path):
    points = [[5.0 + 0.8 * 10, -7.0 + 12.0, 11.0 + 3.0 * 2], [5.0 + 0.8 * 20, -7.0 + 12.0, 11.0 + 3.0 * 2]]
    source = table(tmp_path, {"anna": log(points, [10.0, 12.5])})
    (item,), _ = written(source, tmp_path / "r.json")
    (timed,) = item.people["anna"]
    assert (timed.start_s, timed.end_s) == (0.0, 2.5)
    assert set(timed.stroke.voxels[:, 0]) == {2}
    assert set(timed.stroke.voxels[:, 1]) == {11, 12, 13}  # a brush of 1 mm on rows of 1 mm
    assert set(range(10, 21)) <= set(timed.stroke.voxels[:, 2])
    assert timed.stroke.length_mm(OBLIQUE.spacing) == pytest.approx(8.0)
    assert item.page().truth.shape == OBLIQUE.shape


def test_voxel_points_are_the_same_strokes(tmp_path):
    world = [[5.0 + 0.8 * 10, -7.0 + 12.0, 11.0 + 3.0 * 2], [5.0 + 0.8 * 20, -7.0 + 12.0, 11.0 + 3.0 * 2]]
    voxel = [[10, 12, 2], [20, 12, 2]]
    source = table(tmp_path, {"a": log(world), "b": log(voxel, kind="voxel", radius=0.9)})
    item = imported(listed_drawings(source))[0][0]
    a, b = (item.people[who][0].stroke for who in "ab")
    np.testing.assert_allclose(a.path, b.path)


def test_a_drawing_equal_in_two_files_is_left_out(tmp_path):
    flat_tree(tmp_path)
    save(tmp_path / "MR" / "a" / "human_scribble_1.png", scribbled(15))  # that of CT/a
    recorded, copies = written(tmp_path, tmp_path / "r.json")
    assert copies == ["CT/a person 2 = MR/a person 2"]
    assert [list(item.people) for item in recorded] == [["person 1"], ["person 1", "person 2"], ["person 1"]]


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        (log([[5.0, -7.0, 11.0], [99.0, -7.0, 11.0]]), "stroke 1 leaves the image; was it drawn on another"),
        (log([[5.0, -7.0, 11.0], [6.0, -6.0, 14.0]]), "stroke 1 leaves its slice"),
        (log([[5.0, -7.0, 11.0]], [0.0, 1.0]), "has 2 times for 1 points"),
        (log([[5.0, -7.0, 11.0], [6.0, -7.0, 11.0]], [1.0, 0.5]), "times that go backwards"),
        (log([[5.0, -7.0]]), "points without 3 coordinates"),
        (log([[5.0, -7.0, 11.0]], label="object"), "strokes.0.label"),
        ({"points": "world", "strokes": []}, "strokes"),
        (log([[5.0, -7.0, float("nan")]]), "strokes.0.path"),
    ],
)
def test_a_wrong_log_is_named_in_one_line(tmp_path, drawing, message):
    with pytest.raises(InputError, match=message) as error:
        imported(listed_drawings(table(tmp_path, {"anna": drawing})))
    assert "anna.json" in str(error.value)
    assert len(str(error.value)) <= 300 + len(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_map_on_another_grid_is_refused(tmp_path):
    flat_tree(tmp_path)
    save(tmp_path / "CT" / "b" / "human_scribble_1.png", scribbled(12)[:30])
    with pytest.raises(
        InputError, match=r"human_scribble_1.png: shape is .*; save it on the grid of the truth"
    ):
        imported(listed_drawings(tmp_path))


def test_a_truth_that_moved_since_is_refused(tmp_path):
    source = table(tmp_path, {"a": log([[5.0, -7.0, 11.0]])})
    recorded, _ = written(source, tmp_path / "r.json")
    save(tmp_path / "truth.nii.gz", np.ones((3, 4, 5)), Grid.plain((3, 4, 5)))
    with pytest.raises(InputError, match="recorded on another grid"):
        recorded[0].page()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("set\timage\ttruth\tperson\n", "lacks the column drawn"),
        ("set\timage\ttruth\tperson\tdrawn\n", "no drawing"),
        ("set\timage\ttruth\tperson\tdrawn\nCT\t\tt.nii\t\ta.json\n", "line 2: person is empty"),
        ("set\timage\ttruth\tperson\tdrawn\tlabel\nCT\t\tt.nii\ta\ta.json\tone\n", "line 2: label is one"),
        ("set\timage\ttruth\tperson\tdrawn\tlabel\nCT\t\tt.nii\ta\ta.json\t²\n", "line 2: label is ²"),
    ],
)
def test_a_wrong_table_is_named_in_one_line(tmp_path, text, message):
    (tmp_path / "d.tsv").write_text(text)
    with pytest.raises(InputError, match=message):
        listed_drawings(tmp_path / "d.tsv")


def test_a_table_of_a_spreadsheet_program_is_read(tmp_path):
    """Excel begins UTF-8 with a byte order mark; in its other encodings the table is refused in one line."""
    text, path = "set\timage\ttruth\tperson\tdrawn\nCT\t\tt.nii\tJosé\ta.json\n", tmp_path / "d.tsv"
    path.write_text(text, encoding="utf-8-sig")
    assert listed_drawings(path)[0].person == "José"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="save it as UTF-8"):
        listed_drawings(path)


def test_the_rows_of_an_image_have_one_label(tmp_path):
    """The second row's label would be ignored, and its strokes compared with the other object."""
    source = table(tmp_path, {person: log([[5.0, -7.0, 11.0]]) for person in "ab"})
    first, *rows = source.read_text().splitlines()
    labelled = [f"{row}\t{label}" for row, label in zip(rows, ("1", ""), strict=True)]
    source.write_text("\n".join([f"{first}\tlabel", *labelled]) + "\n")
    with pytest.raises(InputError, match="3D/truth has the labels 1 and any"):
        imported(listed_drawings(source))


def test_a_person_draws_once_on_an_image(tmp_path):
    source = table(tmp_path, {"a": log([[5.0, -7.0, 11.0]])})
    source.write_text(source.read_text() + "3D\t\ttruth.nii.gz\ta\ta.json\n")
    with pytest.raises(InputError, match="a already drew on 3D/truth"):
        imported(listed_drawings(source))


@pytest.mark.parametrize("text", ["{}", "[]", '{"format": "bifseg-recordings/2", "images": [1]}', "{"])
def test_another_file_is_no_recording(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(InputError, match=r"r\.json: .*; name a file that `bifseg robot record` wrote"):
        read_recordings(tmp_path / "r.json")


def test_a_damaged_recording_is_refused(tmp_path):
    written(flat_tree(tmp_path), tmp_path / "r.json")
    record = json.loads((tmp_path / "r.json").read_text())
    del record["images"][0]["grid"]
    (tmp_path / "r.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="damaged"):
        read_recordings(tmp_path / "r.json")


def test_a_column_that_is_not_read_is_named(tmp_path, caplog):
    """A misspelt `label` would make every value of the truth the object."""
    path = tmp_path / "d.tsv"
    path.write_text("set\timage\ttruth\tlabl\tperson\tdrawn\nCT\t\tt.nii\t1\tann\ta.json\n")
    assert listed_drawings(path)[0].label is None
    assert caplog.messages == [f"{path}: labl: not a column of drawings; ignored"]
