"""A run that is worked on says by whom; the mark ends with the process."""

import errno
import fcntl
import platform
import subprocess
import sys

import pytest

from bifseg.core.errors import InputError
from bifseg.runs.at_work import begin_work, who_is_at_work

WORK = """
import sys, time
from pathlib import Path
from bifseg.runs.at_work import begin_work
mark = begin_work(Path(sys.argv[1]))
print("begun", flush=True)
time.sleep(60)
"""


@pytest.fixture
def worker(tmp_path):
    """A process at work on `tmp_path / "r"`."""
    command = [sys.executable, "-c", WORK, str(tmp_path / "r")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_with_host_and_start_of_the_first(tmp_path, worker):
    with pytest.raises(InputError) as caught:
        begin_work(tmp_path / "r")
    assert str(caught.value) == who_is_at_work(tmp_path / "r")
    assert f"process {worker.pid} on {platform.node()}, since 20" in str(caught.value)


def test_a_killed_process_leaves_no_lock(tmp_path, worker):
    worker.kill()
    worker.wait()
    assert who_is_at_work(tmp_path / "r") == ""
    begin_work(tmp_path / "r").close()


def test_a_lock_lasts_from_begin_to_close(tmp_path):
    assert who_is_at_work(tmp_path / "r") == ""
    mark = begin_work(tmp_path / "r")
    assert "works on this run" in who_is_at_work(tmp_path / "r")
    mark.close()
    assert who_is_at_work(tmp_path / "r") == ""


def test_an_empty_lock_file_counts_as_a_lock(tmp_path):
    mark = begin_work(tmp_path)
    mark.truncate(0)
    assert "it has just started" in who_is_at_work(tmp_path)


def test_a_file_system_that_locks_only_files_open_for_writing_is_not_at_work(tmp_path, monkeypatch):
    """As NFS does for an exclusive lock: the question must not answer itself."""
    begin_work(tmp_path).close()

    def flock(stream, operation):
        if operation & fcntl.LOCK_EX and not stream.writable():
            raise OSError(errno.EBADF, "bad file descriptor")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert who_is_at_work(tmp_path) == ""


def test_an_unwritable_folder_is_named(tmp_path):
    (tmp_path / "results").touch()
    with pytest.raises(InputError, match=r"results/r: results cannot be written there .*; make the folder"):
        begin_work(tmp_path / "results/r")
