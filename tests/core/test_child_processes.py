"""Work beside the process; and the next process removes folders that a killed process left, and no others."""

import os
import subprocess
import sys
import time
from multiprocessing import active_children
from signal import SIGKILL
from threading import Timer

import pytest

from bifseg.core.child_processes import OwnFolder, beside
from bifseg.core.errors import InputError
from bifseg.core.removal import remove_tree

LEAVES = (
    "import os; from bifseg.core.child_processes import OwnFolder; "
    "print(OwnFolder().path, flush=True); os._exit(9)"
)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def older(path):
    """Sets the folder's times to an hour ago."""
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))


def test_folder_of_a_process_that_ended_is_removed(tmp_path):
    subprocess.run([sys.executable, "-c", LEAVES], check=False)
    (leftover,) = tmp_path.iterdir()
    (leftover / "image.nii").touch()
    first = OwnFolder()
    assert leftover.exists()  # too young: its process might be about to lock it
    older(leftover)
    second = OwnFolder()
    assert sorted(tmp_path.iterdir()) == sorted([first.path, second.path])
    for own in (first, second):
        own.remove()
    assert not list(tmp_path.iterdir())


def test_folders_in_use_and_foreign_folders_stay(tmp_path):
    own, foreign = OwnFolder(), [tmp_path / "bifseg-demo", tmp_path / "bifseg-comparison.own"]
    for folder in foreign:
        folder.mkdir()
        older(folder)
    older(own.path)
    OwnFolder().remove()
    assert sorted(tmp_path.iterdir()) == sorted([own.path, *foreign])
    own.remove()


def test_a_file_that_was_not_written_names_what_was():
    own = OwnFolder()
    (own.shared / "result.nii.gz").touch()
    with pytest.raises(ValueError, match=r"not written; the folder holds result\.nii\.gz"):
        own.read_shared("result.nii", 100)
    own.remove()


def test_a_folder_that_a_method_locked_first_stops_no_job(tmp_path, monkeypatch):
    """Methods see the names of new folders; waiting for their lock would last as long as they like."""
    folder = tmp_path / "bifseg-00000000.own"
    folder.mkdir()
    monkeypatch.setattr("tempfile.mkdtemp", lambda **_: str(folder))
    code = f"import fcntl, os; fcntl.flock(os.open({str(folder)!r}, 0), fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as method:
        method.stdout.readline()
        late = Timer(5, method.kill)
        late.start()
        OwnFolder().remove()
        late.cancel()
        assert method.poll() is None, "it waited until the method ended"
        method.kill()


def test_a_folder_deeper_than_python_can_enter_is_removed(tmp_path, monkeypatch):
    own = OwnFolder()
    monkeypatch.chdir(own.shared)
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(tmp_path)
    own.remove()
    assert not own.path.exists()


def test_folders_that_a_program_made_read_only_are_removed(tmp_path, monkeypatch):
    """As copies of installed packages are; the images beside them would stay. Root may remove anything."""
    monkeypatch.chdir(tmp_path)
    nobody = 65534
    if os.geteuid() == 0:
        os.chown(tmp_path, nobody, nobody)
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(nobody)
                os.setuid(nobody)
            os.makedirs("own/copied/inner")
            os.chmod("own/copied/inner", 0)
            os.chmod("own/copied", 0o500)
            remove_tree("own")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert not list(tmp_path.iterdir())


def test_work_beside_sees_the_memory_and_ends_before_the_block_does(tmp_path):
    numbers = [1, 2]

    def work():
        (tmp_path / "sum").write_text(str(sum(numbers)))
        (tmp_path / "process").write_text(str(os.getpid()))

    with beside(work):
        numbers.append(3)
    assert (tmp_path / "sum").read_text() == "3"
    assert (tmp_path / "process").read_text() != str(os.getpid())


def test_what_work_beside_returns_is_known_after_the_block():
    with beside(lambda: {"process": os.getpid(), "text": "x" * 200_000}) as done:
        assert not done.done()
    assert done.result()["process"] != os.getpid()
    assert done.result()["text"] == "x" * 200_000, "longer than a pipe holds"


def test_error_of_work_beside_is_raised():
    def work():
        raise InputError("cards/a.yaml: wrong")

    with pytest.raises(InputError, match=r"^cards/a\.yaml: wrong$"), beside(work):
        pass


def test_killed_work_beside_is_an_error():
    with pytest.raises(RuntimeError, match="exit code -9"), beside(lambda: os.kill(os.getpid(), SIGKILL)):
        pass


def test_error_of_the_block_leaves_no_process(tmp_path):
    def work():
        (tmp_path / "done").write_text("")

    with pytest.raises(InputError), beside(work):
        raise InputError("no")
    assert (tmp_path / "done").is_file()
    assert not active_children()


def test_an_error_longer_than_a_pipe_holds_does_not_hang_after_an_error_of_the_block():
    def work():
        raise InputError("x" * 200_000)

    with pytest.raises(InputError, match=r"^no$"), beside(work):
        raise InputError("no")
    assert not active_children()
