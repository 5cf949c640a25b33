"""Files and records are written completely or not at all."""

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


def test_a_failed_write_leaves_only_the_old_file(tmp_path):
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


def test_a_failed_folder_write_leaves_only_the_old_folder(tmp_path):
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


def test_written_files_have_the_default_permissions(tmp_path):
    write_json(tmp_path / "a.json", {"b": 1})
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert read_json(tmp_path / "a.json") == {"b": 1}


def test_table_text_quotes_separators():
    assert table_text(["a", "b"], [[1, None], ("x\ty", 2.5)]) == 'a\tb\n1\t\n"x\ty"\t2.5\n'
    assert table_text(["a", "b"], [], ",") == "a,b\n"


def test_fingerprint_depends_on_values_not_on_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_generator_depends_on_seed_and_names_only():
    draw = lambda *names: generator(1, *names).random()  # noqa: E731
    assert draw("a", "b") == draw("a", "b")
    assert len({draw("a", "b"), draw("ab"), draw("b", "a"), generator(2, "a", "b").random()}) == 4


def test_generator_is_the_same_on_every_machine():
    """A change of these numbers would change all published boxes and scribbles."""
    assert generator(2018, "cohort", "case", 1).integers(0, 1000, 4).tolist() == GOLDEN


@pytest.mark.parametrize(
    ("text", "relative"),
    [
        ("a.pt", "a.pt"),
        ("./b/../a.pt", "a.pt"),
        ("b/c", "b/c"),
        ("/root/b/a.pt", "b/a.pt"),
        ("..a/b", "..a/b"),
    ],
)
def test_a_path_inside_the_root_is_made_relative(text, relative):
    assert inside(Path("/root"), text) == relative


@pytest.mark.parametrize(
    "text", ["../a.pt", "b/../../a.pt", "/elsewhere/a.pt", "/rooted/a.pt", ".", "..", "/root"]
)
def test_a_path_outside_the_root_is_refused(text):
    with pytest.raises(ValueError, match="is not a file inside the root /root"):
        inside(Path("/root"), text)


def test_links_inside_the_root_are_followed(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "a.pt").touch()
    (tmp_path / "root/link.pt").symlink_to(tmp_path / "a.pt")
    assert (tmp_path / "root" / inside(tmp_path / "root", "link.pt")).exists()


GOLDEN = [31, 355, 933, 584]


def test_a_changed_record_is_refused(tmp_path):
    path, record = tmp_path / "r.json", {"a": 1, "b": {"c": [0.5, None]}, "d": (1, 2)}
    write_record(path, record)
    assert read_record(path, "a", "d") == {"a": 1, "b": {"c": [0.5, None]}, "d": [1, 2]}
    path.write_text(path.read_text().replace("0.5", "0.7"))
    with pytest.raises(InputError, match=r"r\.json: changed since it was written; delete it"):
        read_record(path)


def test_a_foreign_record_is_read_if_it_has_the_keys(tmp_path):
    path = tmp_path / "r.json"
    path.write_text('{"a": 1}')
    assert read_record(path, "a") == {"a": 1}
    with pytest.raises(InputError, match=r"r\.json: lacks the key 'b'"):
        read_record(path, "a", "b")
    path.write_text("[1]")
    with pytest.raises(InputError, match=r"r\.json: not an object"):
        read_record(path)


def test_a_missing_record_is_bad_input(tmp_path):
    with pytest.raises(InputError, match=r"index\.json: is missing; delete"):
        read_needed(tmp_path / "index.json")
