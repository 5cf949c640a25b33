from drawn_by_people import flat_tree, log, table
from typer.testing import CliRunner

from bifseg.cli.robot import app


def record(source, out):
    result = CliRunner().invoke(app, ["record", str(source), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return result.output


def test_missing_time_stamps_and_people_are_reported(tmp_path):
    output = record(flat_tree(tmp_path, people=1), tmp_path / "r.json")
    assert "3 drawings of 1 people on 3 images" in output
    assert "no time stamps: seconds per stroke cannot be fitted" in output
    assert "one person only: the spread between people, and so an interval, cannot be computed" in output


def test_complete_recordings_give_no_warning(tmp_path):
    logs = {
        person: log([[6.0 + k, -7.0, 11.0], [9.0, -6.0, 11.0]], [0.0, 1.0]) for k, person in enumerate("ab")
    }
    output = record(table(tmp_path, logs), tmp_path / "r.json")
    assert output.splitlines() == [f"{tmp_path / 'r.json'}: 2 drawings of 2 people on 1 images"]


def test_the_recordings_do_not_take_the_place_of_their_table(tmp_path):
    source = tmp_path / "drawings.tsv"
    source.write_text("set\timage\ttruth\tperson\tdrawn\n")
    result = CliRunner().invoke(app, ["record", str(source), "--out", str(source)])
    assert "drawings.tsv: recordings are JSON; write to a file that ends in .json" in str(result.exception)
    assert source.read_text().startswith("set")
