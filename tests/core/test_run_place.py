"""A file of a run is read at its own path only; copies of the run and files outside runs are read anywhere."""

import shutil

import pandas as pd
import pytest

from bifseg.core.errors import InputError
from bifseg.core.files import read_record, write_record, writing_folder
from bifseg.core.parquet import read_parquet, write_parquet
from bifseg.core.run_place import KEY, misplacement, run_place


@pytest.fixture
def run(tmp_path):
    """A run with a session key."""
    folder = tmp_path / "results/a"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / KEY).write_bytes(b"a" * 32)
    return folder


def other_run(run, key):
    """A second run beside the first one."""
    folder = run.with_name("b")
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    if key:
        (folder / KEY).write_bytes(key)
    return folder


def move(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    return target


def test_a_moved_record_is_refused(run):
    write_record(run / "sessions/c/own/half/protocol.json", {"rounds": 2})
    moved = move(run / "sessions/c/own/half/protocol.json", run / "sessions/c/own/other/protocol.json")
    with pytest.raises(InputError, match=r"written as sessions/c/own/half/protocol\.json, not in this place"):
        read_record(moved)


def test_a_record_of_another_run_is_refused(run):
    write_record(run / "provenance.json", {"written": "today"})
    moved = move(run / "provenance.json", other_run(run, b"b" * 32) / "provenance.json")
    with pytest.raises(InputError, match=r"written as provenance\.json of another run"):
        read_record(moved)


def test_a_copy_of_a_run_is_read(run):
    write_record(run / "tables/index.json", {"target": 0.9})
    shutil.copytree(run, run.parent / "old/renamed")
    assert read_record(run.parent / "old/renamed/tables/index.json") == {"target": 0.9}


def test_a_file_outside_of_a_run_is_read(run, tmp_path):
    write_record(run / "tables/index.json", {"target": 0.9})
    assert read_record(move(run / "tables/index.json", tmp_path / "copy.json")) == {"target": 0.9}
    write_record(tmp_path / "own.json", {"target": 0.8})
    assert read_record(move(tmp_path / "own.json", run / "tables/index.json")) == {"target": 0.8}


def test_a_record_written_without_a_run_key_is_read(run):
    (run / KEY).rename(run / "key")
    write_record(run / "cohorts/c/cohort.json", {"name": "c"})
    (run / "key").rename(run / KEY)
    assert read_record(run / "cohorts/c/cohort.json") == {"name": "c"}


def test_a_record_of_an_older_version_keeps_its_keys(tmp_path):
    (tmp_path / "old.json").write_text('{"place": "here"}')
    assert read_record(tmp_path / "old.json") == {"place": "here"}


def test_files_in_a_temporary_folder_have_their_final_place(run):
    with writing_folder(run / "tables") as part:
        assert run_place(part / "index.json").endswith(":tables/index.json")
        write_record(part / "index.json", {"target": 0.9})
    assert read_record(run / "tables/index.json") == {"target": 0.9}


def test_a_moved_table_is_refused(tmp_path):
    frame = pd.DataFrame({"dice": [0.5]})
    write_parquet(frame, tmp_path / "t", place="ab:scores.parquet")
    assert len(read_parquet(tmp_path / "t", "ab:scores.parquet")) == len(read_parquet(tmp_path / "t")) == 1
    for place in ("ab:scores/half.parquet", "cd:scores.parquet"):
        with pytest.raises(ValueError, match=r"written as scores\.parquet"):
            read_parquet(tmp_path / "t", place)


@pytest.mark.parametrize(
    ("written", "here"), [("", "a:x"), ("a:x", ""), ("a:x", "a:x"), (":x", "a:x"), ("a:x", ":x")]
)
def test_a_matching_or_unknown_place_is_accepted(written, here):
    assert misplacement(written, here) == ""
