import errno
import json
import subprocess
import sys

import pytest

from bifseg.core.errors import InputError
from bifseg.reports.benchmark.journal import append, line, read

WRITER = """
import sys
from pathlib import Path
from bifseg.reports.benchmark.journal import append

path, name, start = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
print(flush=True)
while not start.exists():
    pass
for k in range(40):
    append(path, [{"fingerprint": f"{name}-{k}-{n}", "text": "x" * 2000} for n in range(5)])
    append(path, [{"fingerprint": f"both-{k}"}])
"""


def record(key, **more):
    return {"fingerprint": key, **more}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "history.jsonl"


def test_records_come_back_in_order(path):
    assert append(path, [record("a", n=1), record("b")]) == [record("a", n=1), record("b")]
    append(path, [record("c", text="é\n")])
    assert read(path) == [record("a", n=1), record("b"), record("c", text="é\n")]
    assert path.read_text().count("\n") == 3


def test_an_existing_record_is_not_added_again(path):
    append(path, [record("a", n=1)])
    before = path.read_bytes()
    assert append(path, [record("a", n=2)]) == []
    assert path.read_bytes() == before
    assert append(path, [record("b"), record("a"), record("b")]) == [record("b")]


def test_two_concurrent_writers_lose_and_repeat_no_record(path, tmp_path):
    start = tmp_path / "start"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, name, start], stdout=subprocess.PIPE)
        for name in ("one", "two")
    ]
    for writer in writers:
        writer.stdout.readline()  # the writer is ready
    start.touch()
    assert [writer.wait() for writer in writers] == [0, 0]
    fingerprints = [entry["fingerprint"] for entry in read(path)]
    assert len(fingerprints) == len(set(fingerprints))
    own = {f"{name}-{k}-{n}" for name in ("one", "two") for k in range(40) for n in range(5)}
    assert set(fingerprints) == own | {f"both-{k}" for k in range(40)}


@pytest.mark.parametrize("torn", ['{"fingerpr', '{"fingerprint": "c"}', "\udcff"])
def test_half_a_line_of_a_killed_writer_is_removed(path, torn, caplog):
    """Readers skip it and the next writer removes it, even if the half is valid JSON."""
    append(path, [record("a"), record("b")])
    with open(path, "ab") as stream:
        stream.write(torn.encode(errors="surrogateescape"))
    assert read(path) == [record("a"), record("b")]
    assert "the last line is not whole" in caplog.text
    assert append(path, [record("c")]) == [record("c")]
    assert path.read_text() == "".join(f"{line(record(key))}\n" for key in "abc")


def test_half_a_first_line_is_removed(path):
    path.parent.mkdir()
    path.write_text('{"finger')
    append(path, [record("a")])
    assert read(path) == [record("a")]


@pytest.mark.parametrize(
    "text", ["a note", '{"run": "demo"}', "a table\nof the user, whose last line has no end", "{\n 1}"]
)
def test_a_file_that_is_no_history_stays_as_it_was(path, text):
    """A wrong --history must not cost the user a line, or a whole file of one line."""
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(InputError, match=r"history.jsonl: (line 1: )?is no "):
        append(path, [record("a")])
    assert path.read_text() == text


@pytest.mark.parametrize("wrong", ["half", "[]", '{"run": "x"}', ""])
def test_damaged_line_is_bad_input_and_stays(path, wrong):
    append(path, [record("a")])
    with open(path, "a") as stream:
        stream.write(f"{wrong}\n{line(record('b'))}\n")
    before = path.read_bytes()
    for access in (read, lambda path: append(path, [record("c")])):
        with pytest.raises(InputError, match=r"history.jsonl: line 2: is no record of a run"):
            access(path)
    assert path.read_bytes() == before


def test_equal_records_of_two_journals_put_together_are_read_once(path):
    append(path, [record("a", n=1), record("b")])
    path.write_text(path.read_text() + f"{line(record('c'))}\n{line(record('a', n=2))}\n")
    assert read(path) == [record("a", n=1), record("b"), record("c")]


def test_a_last_record_without_the_end_of_its_line_is_kept(path):
    """Editors leave it so; the record's hash says that it is whole."""
    append(path, [record("a"), record("b")])
    path.write_text(path.read_text().removesuffix("\n"))
    assert read(path) == [record("a"), record("b")]
    append(path, [record("c")])
    assert path.read_text() == "".join(f"{line(record(key))}\n" for key in "abc")


def test_a_record_without_a_key_that_its_reader_needs_is_named_by_its_line(path):
    append(path, [record("a", when="today"), record("b")])
    with pytest.raises(InputError, match=r"history.jsonl: line 2: lacks the key 'when' of a record of a run"):
        read(path, "when")


def test_missing_journal_is_bad_input(path):
    with pytest.raises(InputError, match=r"history.jsonl: cannot be read: No such file"):
        read(path)


def test_line_is_one_line_of_json():
    written = json.loads(line(record("a", text="é\n")))
    assert len(written.pop("sha256_of_all_else")) == 64
    assert written == record("a", text="é\n")
    assert "\n" not in line(record("a", text="é\n"))


def test_a_changed_number_is_refused(path):
    """The line is still valid JSON."""
    append(path, [record("a", dice=0.81)])
    path.write_text(path.read_text().replace("0.81", "0.91"))
    with pytest.raises(InputError, match="line 1: is no record of a run"):
        read(path)


def test_records_of_older_versions_have_no_hash(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"fingerprint": "a", "dice": 0.81}\n')
    assert read(path) == [record("a", dice=0.81)]


def test_a_file_system_without_locks_is_named(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(InputError, match=r"history\.jsonl: cannot be locked \(No locks available\); "):
        append(path, [record("a")])
    assert not path.read_bytes()
