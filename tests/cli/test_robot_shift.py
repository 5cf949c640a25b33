import json

import pandas as pd
import pytest
from drawn_by_people import flat_tree
from typer.testing import CliRunner

from bifseg.cards.run import checked_run
from bifseg.cli.robot import app
from bifseg.core.errors import InputError


def run(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.mark.parametrize("people", [1, 2])
def test_shift_writes_a_table_and_a_page(tmp_path, people):
    run("record", flat_tree(tmp_path, people), "--out", tmp_path / "r.json")
    names = "centre-line/1,centre-click/1"
    output = run("shift", names, tmp_path / "r.json", "--out", tmp_path / "s", "--draws", 1)
    table = pd.read_csv(tmp_path / "s" / "shift.csv")
    assert set(table.policy) == set(names.split(","))
    assert set(table.set) == {"all", "CT", "MR"}
    assert table[table.label == "foreground"].ratio.notna().any() == (people == 2)
    assert ("one person only" in output) == (people == 1)
    assert "| foreground | total mm" in (tmp_path / "s" / "shift.md").read_text()


def test_the_table_and_the_line_say_where_the_policy_drew(tmp_path):
    run("record", flat_tree(tmp_path, 2), "--out", tmp_path / "r.json")
    words = ("shift", "contour/1", tmp_path / "r.json", "--draws", 1, "--out")
    boxed, whole = run(*words, tmp_path / "b"), run(*words, tmp_path / "i", "--whole-image")
    assert "drawn in the robot's box" in boxed
    assert "drawn on the whole image" in whole
    tables = [pd.read_csv(tmp_path / name / "shift.csv") for name in "bi"]
    assert [set(table.window) for table in tables] == [{"box"}, {"image"}]
    place = [table[(table.label == "background") & (table.measure == "border_mm")].robot for table in tables]
    assert place[1].mean() > place[0].mean()


def test_an_unknown_policy_is_refused_before_reading(tmp_path):
    with pytest.raises(InputError, match="unknown policy 'x/1'"):
        run("shift", "x/1", tmp_path / "none.json", "--out", tmp_path)


def test_recordings_without_strokes_are_refused(tmp_path):
    run("record", flat_tree(tmp_path, 1), "--out", tmp_path / "r.json")
    record = json.loads((tmp_path / "r.json").read_text())
    for image in record["images"]:
        image["people"] = {}
    (tmp_path / "r.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="holds no strokes"):
        run("shift", "centre-line/1", tmp_path / "r.json", "--out", tmp_path)


def test_a_configuration_names_an_existing_file():
    with pytest.raises(InputError, match=r"no file 'none\.csv'"):
        checked_run({"run": "r", "shift": "none.csv", "cohorts": {"c": {"protocols": {"p": ["geos"]}}}})
