"""What a confined process, its threads and its children cannot do."""

import subprocess
import sys

import pytest

from bifseg.core.landlock import bind_mounts, landlock_version
from bifseg.core.sandbox import supported

pytestmark = pytest.mark.skipif(not supported(), reason="this kernel has no Landlock")

TRY = """
import os, subprocess, sys
from pathlib import Path
from bifseg.core.sandbox import confine
base = Path(sys.argv[1])
confine([str(base / "data"), str(base / "data/inner")], str(base / "own"), [str(base / "data/inner/weights")])
def readable(path):
    try:
        return bool(path.read_bytes())
    except OSError:
        return False
for name in sys.argv[2:]:
    print(name, readable(base / name), subprocess.run(["cat", base / name], capture_output=True).returncode == 0)
print("names", sorted(os.listdir(base)))
(base / "own/new").write_text("x")
import numpy
"""


@pytest.fixture
def base(tmp_path):
    for folder in ("data/inner", "beside", "own"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("data/truth", "data/inner/truth", "data/inner/weights", "beside/open", "file"):
        (tmp_path / name).write_text("content")
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (tmp_path / "beside/link").symlink_to(tmp_path / "data/truth")
    (tmp_path / "up").symlink_to(tmp_path.parent)
    return tmp_path


def run(code, *words):
    process = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return process.stdout


def test_only_hidden_folders_cannot_be_read(base):
    names = ["data/truth", "data/inner/truth", "link/truth", "beside/link", f"up/{base.name}/data/truth"]
    printed = run(TRY, base, *names, "beside/open", "file", "data/inner/weights")
    readable = dict(line.split(" ", 1) for line in printed.splitlines())
    assert {readable[name] for name in names} == {"False False"}
    assert {readable[name] for name in ("beside/open", "file", "data/inner/weights")} == {"True True"}
    assert "'data'" in readable["names"]
    assert (base / "own/new").exists()


DO = """
import os, sys
from bifseg.core.sandbox import confine
means = confine([], sys.argv[1], **eval(sys.argv[2]))
try:
    print(means, eval(sys.argv[3]))
except OSError as error:
    print(means, type(error).__name__)
"""


def attempt(own, expression, **arguments):
    """The kind of confinement, and the value of an expression in a process confined with these arguments."""
    return run(DO, own, arguments, expression).split(maxsplit=1)


WRITES = {
    "a new file": "open('{base}/new', 'w').close()",
    "a file that is there": "open('{base}/file', 'w').close()",
    "cutting off": "os.truncate('{base}/file', 0)",
    "removing": "os.remove('{base}/file')",
    "renaming": "os.rename('{base}/file', '{base}/own/file')",
    "a link": "os.symlink('{base}/file', '{base}/new')",
    "a hard link": "os.link('{base}/file', '{base}/own/new')",
    "a folder": "os.mkdir('{base}/new')",
    "a pipe": "os.mkfifo('{base}/new')",
}


@pytest.mark.parametrize("expression", WRITES.values(), ids=WRITES)
def test_files_outside_the_own_folder_cannot_be_written(base, expression):
    assert attempt(base / "own", expression.format(base=base))[1].strip() in ("PermissionError", "OSError")
    assert (base / "file").read_text() == "content"
    assert not (base / "new").exists()


def test_devices_and_shared_memory_can_be_used(base):
    both = "open('/dev/null', 'w').write('x'), __import__('multiprocessing').Lock() is not None"
    assert attempt(base / "own", both)[1].strip() == "(1, True)"


@pytest.mark.parametrize("change", ["os.chmod('{}/file', 0)", "os.utime('{}/file', (1, 1))"])
def test_mode_and_times_of_files_elsewhere_cannot_be_changed(base, change):
    before = (base / "file").stat()
    attempt(base / "own", change.format(base))
    after = (base / "file").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)


def test_files_can_be_created_and_copied_in_the_own_folder(base):
    paths = f"__import__('pathlib').Path('{base}/own')"
    attempt(base / "own", f"({paths} / 'new').touch()")
    assert (base / "own/new").exists()
    copy = f"__import__('shutil').copy2('{base}/file', '{base}/own/copy')"
    assert attempt(base / "own", copy)[1].strip() == f"{base}/own/copy"
    assert (base / "own/copy").read_text() == "content"


SOCKETS = {
    "TCP": "socket.create_connection(('127.0.0.1', 9), 1)",
    "UDP": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
    "IPv6": "socket.socket(socket.AF_INET6)",
    "a port of its own": "socket.socket().bind(('127.0.0.1', 0))",
}


@pytest.mark.parametrize("use", SOCKETS.values(), ids=SOCKETS)
def test_the_network_is_denied_unless_the_card_allows_it(tmp_path, use):
    expression = use.replace("socket.", "__import__('socket').")
    assert attempt(tmp_path, expression)[1].strip() == "PermissionError"
    assert attempt(tmp_path, expression, network=True)[1].strip() != "PermissionError"


def test_tcp_is_denied_by_landlock_alone_too(tmp_path):
    if landlock_version() < 4:
        pytest.skip("Landlock denies TCP from version 4 on")
    connect = "__import__('socket').create_connection(('127.0.0.1', 9), 1)"
    assert attempt(tmp_path, connect, seccomp=False)[1].strip() == "PermissionError"


KERNELS = {
    "this one": {},
    "before signals had a scope": {"landlock": 5},
    "the first Landlock": {"landlock": 1},
    "without Landlock": {"landlock": 0},
}
SIGNALS = ["os.kill(os.getppid(), 0)", "os.kill(1, 0)"]


@pytest.mark.parametrize("arguments", KERNELS.values(), ids=KERNELS)
@pytest.mark.parametrize("kill", SIGNALS)
def test_no_signal_reaches_the_processes_above(tmp_path, arguments, kill):
    assert attempt(tmp_path, kill, **arguments)[1].strip() == "PermissionError"
    assert attempt(tmp_path, "os.kill(os.getpid(), 0)", **arguments)[1].strip() == "None"


def test_limits_of_other_processes_cannot_be_changed(tmp_path):
    expression = "__import__('resource').prlimit(os.getppid(), 0)"
    assert attempt(tmp_path, expression)[1].strip() == "PermissionError"
    assert attempt(tmp_path, "__import__('resource').getrlimit(0)")[1].strip() != "PermissionError"


def test_the_kind_of_confinement_is_named(tmp_path):
    assert attempt(tmp_path, "0", landlock=3)[0] == "landlock-3+seccomp"
    assert attempt(tmp_path, "0", landlock=0)[0] == "seccomp"
    assert attempt(tmp_path, "0", landlock=0, seccomp=False)[0] == "none"


THREADED = """
import sys, threading, time
from bifseg.core.sandbox import confine
threading.Thread(target=time.sleep, args=(1,)).start()
try:
    confine([], sys.argv[1])
except RuntimeError as error:
    print(error)
"""


def test_confining_a_process_with_two_threads_is_refused(tmp_path):
    assert run(THREADED, tmp_path) == "the process has 2 threads, and only one of them would be confined\n"


def test_bind_mounts_of_hidden_folders_are_listed(monkeypatch):
    lines = [
        "1 0 8:1 / / rw - ext4 /dev/a rw",
        "2 1 8:2 / /data rw - ext4 /dev/b rw",
        "3 1 8:2 /cohort /mnt/a\\040b rw - ext4 /dev/b rw",
        "4 1 8:2 /cohort/labels /mnt/labels rw - ext4 /dev/b rw",
        "5 1 8:2 /other /mnt/other rw - ext4 /dev/b rw",
    ]
    monkeypatch.setattr("builtins.open", lambda *_, **__: __import__("io").StringIO("\n".join(lines)))
    assert bind_mounts("/data/cohort") == {"/mnt/a b", "/mnt/labels"}
    assert bind_mounts("/data/cohort/labels") == {"/mnt/a b/labels", "/mnt/labels"}
    assert bind_mounts("/home") == set()
