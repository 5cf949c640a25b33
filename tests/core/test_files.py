"""Whole or absent."""

import os
from pathlib import Path

import pytest

from bifseg.core.errors import InputError
from bifseg.core.files import (
    fingerprint,
    inside,
    read_json,
    read_needed,
    read_record,
    table_text,
    write_json,
    write_record,
    writing,
    writing_folder,
)
from bifseg.core.seeds import generator


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with writing(path) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_failed_folder_leaves_the_old_folder_and_nothing_else(tmp_path):
    with writing_folder(tmp_path / "f") as part:
        (part / "x").write_text("old")

    def fail():
        with writing_folder(tmp_path / "f") as part:
            (part / "x").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "f" / "x").read_text() == "old"
    assert os.listdir(tmp_path) == ["f"]


def test_written_files_have_the_usual_rights(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1})
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert read_json(tmp_path / "a.json") == {"b": 1}


def test_table_text_quotes_what_would_break_its_columns():
    assert table_text(["a", "b"], [[1, None], ("x\ty", 2.5)]) == 'a\tb\n1\t\n"x\ty"\t2.5\n'
    assert table_text(["a", "b"], [], ",") == "a,b\n"


def test_fingerprint_depends_on_values_not_on_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_generator_depends_on_every_name_and_nothing_else():
    draw = lambda *names: generator(1, *names).random()  # noqa: E731
    assert draw("a", "b") == draw("a", "b")
    assert len({draw("a", "b"), draw("ab"), draw("b", "a"), generator(2, "a", "b").random()}) == 4


def test_generator_is_the_same_on_every_machine():
    """Golden: a change here changes every box and scribble ever published."""
    assert generator(2018, "cohort", "case", 1).integers(0, 1000, 4).tolist() == GOLDEN


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a.pt", "a.pt"),
        ("./b/../a.pt", "a.pt"),
        ("b/c", "b/c"),
        ("/root/b/a.pt", "b/a.pt"),
        ("..a/b", "..a/b"),
    ],
)
def test_path_inside_its_root(text, found):
    assert inside(Path("/root"), text) == found


@pytest.mark.parametrize(
    "text", ["../a.pt", "b/../../a.pt", "/elsewhere/a.pt", "/rooted/a.pt", ".", "..", "/root"]
)
def test_path_that_climbs_out_of_its_root(text):
    with pytest.raises(ValueError, match="is not a file inside the root /root"):
        inside(Path("/root"), text)


def test_links_inside_the_root_are_followed(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "a.pt").touch()
    (tmp_path / "root/link.pt").symlink_to(tmp_path / "a.pt")
    assert (tmp_path / "root" / inside(tmp_path / "root", "link.pt")).exists()


GOLDEN = [31, 355, 933, 584]


def test_a_record_comes_back_and_every_change_of_it_is_noticed(tmp_path):
    path, record = tmp_path / "r.json", {"a": 1, "b": {"c": [0.5, None]}, "d": (1, 2)}
    write_record(path, record)
    assert read_record(path, "a", "d") == {"a": 1, "b": {"c": [0.5, None]}, "d": [1, 2]}
    path.write_text(path.read_text().replace("0.5", "0.7"))
    with pytest.raises(InputError, match=r"r\.json: changed since it was written; delete it"):
        read_record(path)


def test_a_record_of_another_program_is_read_where_it_has_the_keys(tmp_path):
    path = tmp_path / "r.json"
    path.write_text('{"a": 1}')
    assert read_record(path, "a") == {"a": 1}
    with pytest.raises(InputError, match=r"r\.json: lacks the key 'b'"):
        read_record(path, "a", "b")
    path.write_text("[1]")
    with pytest.raises(InputError, match=r"r\.json: not an object"):
        read_record(path)


def test_a_needed_record_that_is_missing_is_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"index\.json: is missing; delete"):
        read_needed(tmp_path / "index.json")
