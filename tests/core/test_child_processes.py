"""The next process removes folders that a killed process left, and no others."""

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


def test_a_folder_deeper_than_python_can_enter_is_removed(tmp_path, monkeypatch):
    own = OwnFolder()
    monkeypatch.chdir(own.shared)
    for _ in range(2000):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(tmp_path)
    own.remove()
    assert not own.path.exists()
