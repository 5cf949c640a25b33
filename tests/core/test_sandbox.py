"""Hidden is hidden: from the process, from what it starts, through links and up from the inside."""

import subprocess
import sys

import pytest

from bifseg.core.sandbox import supported

pytestmark = pytest.mark.skipif(not supported(), reason="this kernel has no Landlock")

TRY = """
import os, subprocess, sys
from pathlib import Path
from bifseg.core.sandbox import hide
base = Path(sys.argv[1])
assert hide([base / "data", base / "data/inner"])
def readable(path):
    try:
        return bool(path.read_bytes())
    except OSError:
        return False
for name in sys.argv[2:]:
    print(name, readable(base / name), subprocess.run(["cat", base / name], capture_output=True).returncode == 0)
print("names", sorted(os.listdir(base)))
(base / "beside/new").write_text("x")
import numpy
"""


@pytest.fixture
def base(tmp_path):
    for folder in ("data/inner", "beside"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("data/truth", "data/inner/truth", "beside/open", "file"):
        (tmp_path / name).write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (tmp_path / "beside/link").symlink_to(tmp_path / "data/truth")
    (tmp_path / "up").symlink_to(tmp_path.parent)
    return tmp_path


def run(*words):
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True)


def test_hidden_folders_cannot_be_read_and_all_else_can(base):
    names = ["data/truth", "data/inner/truth", "link/truth", "beside/link", f"up/{base.name}/data/truth"]
    done = run("-c", TRY, base, *names, "beside/open", "file")
    assert done.returncode == 0, done.stderr
    found = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert {found[name] for name in names} == {"False False"}
    assert {found["beside/open"], found["file"]} == {"True True"}
    assert "'data'" in found["names"]
    assert (base / "beside/new").exists()


def test_no_folders_change_nothing(base):
    code = "import sys; from bifseg.core.sandbox import hide; print(hide([]), open(sys.argv[1]).read())"
    assert run("-c", code, base / "data/truth").stdout == "True content\n"


def test_command_runs_confined(base):
    words = ["-m", "bifseg.core.sandbox", base / "data", "--", "cat"]
    assert run(*words, base / "file").stdout == "content"
    done = run(*words, base / "data/truth")
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert run(*words[:-1], "no-such-command").stderr == "no-such-command: No such file or directory\n"
