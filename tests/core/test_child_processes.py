"""What a killed process leaves is taken away by the next one, and nothing else is."""

import os
import subprocess
import sys
import time

import pytest

from bifseg.core.child_processes import OwnFolder

LEAVES = (
    "import os; from bifseg.core.child_processes import OwnFolder; "
    "print(OwnFolder().path, flush=True); os._exit(9)"
)


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def older(path):
    """As if it had been there for an hour."""
    then = time.time() - 3600
    os.utime(path, (then, then))


def test_folder_of_a_process_that_ended_is_removed(tmp_path):
    subprocess.run([sys.executable, "-c", LEAVES], check=False)
    (left,) = tmp_path.iterdir()
    (left / "image.nii").touch()
    first = OwnFolder()
    assert left.exists()  # too young: its process might be about to lock it
    older(left)
    second = OwnFolder()
    assert sorted(tmp_path.iterdir()) == sorted([first.path, second.path])
    for own in (first, second):
        own.remove()
    assert not list(tmp_path.iterdir())


def test_folders_in_use_and_those_of_others_stay(tmp_path):
    own, others = OwnFolder(), [tmp_path / "bifseg-demo", tmp_path / "bifseg-comparison.own"]
    for folder in others:
        folder.mkdir()
        older(folder)
    older(own.path)
    OwnFolder().remove()
    assert sorted(tmp_path.iterdir()) == sorted([own.path, *others])
    own.remove()


def test_a_folder_deeper_than_python_can_enter_is_removed(tmp_path, monkeypatch):
    own = OwnFolder()
    monkeypatch.chdir(own.shared)
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(tmp_path)
    own.remove()
    assert not own.path.exists()
