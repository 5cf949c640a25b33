"""A supervised process answers in time or is ended, together with its child processes."""

import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bifseg.core.child_processes import OwnFolder
from bifseg.core.supervised import AnswerError, Confinement, ProcessEndedError, SupervisedProcess

ECHO = "import sys\nfor line in sys.stdin: print('{' + line.strip() + '}', flush=True)"


@contextmanager
def running(code, **arguments):
    words = [sys.executable, "-c", code]
    process = SupervisedProcess(words, OwnFolder(), dict(os.environ), **arguments)
    try:
        yield process
    finally:
        process.end()


def soon(seconds=3.0):
    return time.monotonic() + seconds


def alive(number):
    """Whether a process runs; one that ended and that nobody has waited for does not."""
    status = Path(f"/proc/{number}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_each_question_gets_one_line_as_answer():
    with running(ECHO) as process:
        assert process.means == "none"
        assert [process.ask(word, soon(30)) for word in ("one", "two")] == ["{one}", "{two}"]


def test_a_missing_command_is_an_error():
    with pytest.raises(OSError, match="No such file"):
        SupervisedProcess(["no-such-command"], OwnFolder(), dict(os.environ), Confinement())


HANGS = {
    "does not answer": ("import time; time.sleep(60)", "x", TimeoutError, "it did not answer"),
    "answers behind other words": (
        "import time; print('Loading... ', end=''); print('{}', flush=True); time.sleep(60)",
        "x",
        TimeoutError,
        "it did not answer: Loading... {}",
    ),
    "says on its output why it ends": ("print('no GPU')", "x", ProcessEndedError, "exit code 0: no GPU"),
    "stops reading": ("import time; time.sleep(60)", "x" * 2**20, TimeoutError, "it did not read"),
    "closes its output": (
        "import os, time; input(); os.close(1); time.sleep(60)",
        "x",
        ProcessEndedError,
        "closed its output and keeps running",
    ),
    "closes its input": (
        "import os, time; os.close(0); time.sleep(60)",
        "x" * 2**20,
        ProcessEndedError,
        "closed its input and keeps running",
    ),
    "leaves a child with its output": (
        "import subprocess; input(); subprocess.Popen(['sleep', '60'], start_new_session=True)",
        "x",
        ProcessEndedError,
        "ended by exit code 0",
    ),
    "an endless line": (
        "input()\nwhile True: print('{' * 2**16, end='')",
        "x",
        AnswerError,
        "has no end within 1048576 bytes",
    ),
    "answers that nobody asked for": (
        "import time\nprint('{}\\n' * 10**5, flush=True)",
        "x",
        AnswerError,
        "answered before a question",
    ),
}


@pytest.mark.parametrize(("code", "line", "kind", "reason"), HANGS.values(), ids=HANGS)
def test_a_process_that_hangs_is_ended_in_time(code, line, kind, reason):
    with running(code) as process:
        if reason == "answered before a question":
            assert process.ask(line, soon(20)) == "{}"
            time.sleep(1.0)
        begun = time.monotonic()
        with pytest.raises(kind, match=reason):
            process.ask(line, soon(2 if kind is TimeoutError else 20))
        assert time.monotonic() - begun < 15


def test_bytes_that_are_not_text_are_replaced(capfd):
    code = r"import sys, os; input(); os.write(2, b'\xff bad\x1b[2J\n'); os.write(1, b'\xfe\n{\"\xff\"}\n'); input()"
    with running(code) as process:
        assert process.ask("x", soon(30)) == '{"\ufffd"}'
    assert "\ufffd bad[2J\n" in capfd.readouterr().err


def test_prints_are_passed_on_within_a_limit(capfd):
    with running(
        "input()\nfor _ in range(10**5): print('y' * 99)\nprint('{}', flush=True); input()"
    ) as process:
        process.ask("x", soon(60))
    printed = capfd.readouterr().err
    assert len(printed) < 2**20 + 200
    assert printed.endswith("(more prints of the method are left out)\n")


SLEEP = f"{300 + os.getpid() / 2**22:.7f}"
"""Seconds that no other process sleeps: another run of the tests on this machine has children of its own."""
LEAVES = f"""
import os, subprocess, sys
input()
child = subprocess.Popen(["sleep", "{SLEEP}"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    os.execvp("sleep", ["sleep", "{SLEEP}"])
print("{{%d}}" % child.pid, flush=True)
input()
"""


def left_behind():
    printed = subprocess.run(["pgrep", "-f", f"^sleep {SLEEP}$"], capture_output=True, text=True).stdout
    return {int(word) for word in printed.split()}


@pytest.mark.parametrize("confinement", [None, Confinement(), Confinement(landlock=0, seccomp=False)])
def test_child_processes_end_with_the_process(confinement):
    with running(LEAVES, confinement=confinement) as process:
        process.ask("x", soon(30))
        assert left_behind()
    assert not left_behind()
    assert not alive(process.number)


KILLED_JOB = """
import os, signal, sys
from bifseg.core.child_processes import OwnFolder
from bifseg.core.supervised import SupervisedProcess
folder = OwnFolder()
process = SupervisedProcess([sys.executable, "-c", sys.argv[1]], folder, dict(os.environ))
process.ask("x", None)
print(folder.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_child_processes_end_with_a_killed_job():
    process = subprocess.run([sys.executable, "-c", KILLED_JOB, LEAVES], capture_output=True, text=True)
    assert process.returncode == -9, process.stderr
    end = soon(10)
    while (left_behind() or os.path.exists(process.stdout.strip())) and time.monotonic() < end:
        time.sleep(0.05)
    assert not left_behind()
    assert not os.path.exists(process.stdout.strip())


def test_a_method_that_kills_its_parent_ends_itself_alone():
    """Even without confinement: its parent is the supervisor, and it ends with it."""
    code = "import os, signal; input(); os.kill(os.getppid(), signal.SIGKILL); input()"
    with running(code) as process, pytest.raises(ProcessEndedError, match="signal SIGKILL"):
        process.ask("x", soon(30))
    # It has run its last line, but nobody is left to wait until the kernel has taken it down.
    end = soon(10)
    while alive(process.number) and time.monotonic() < end:
        time.sleep(0.01)
    assert not alive(process.number)


def test_memory_is_limited():
    code, error = "input(); print(len(bytes(2**30)))", "exit code 1: MemoryError"
    with running(code, memory_mb=500) as process, pytest.raises(ProcessEndedError, match=error):
        process.ask("x", soon(30))


FORKS = """
import os, sys, time
input()
taken = bytearray(SHARED << 20)
reader, writer = os.pipe()
for _ in range(3):
    if os.fork() == 0:
        os.read(reader, 1)  # until all of them run
        own = bytearray(b"x") * (EACH << 20)
        time.sleep(60)
os.write(writer, b"123")
time.sleep(2)
print("{}", flush=True)
input()
"""


def test_processes_share_one_limit_of_memory():
    """None of the processes alone exceeds the limit."""
    code = FORKS.replace("SHARED", "1").replace("EACH", "150")
    with running(code, memory_mb=300.0) as process, pytest.raises(ProcessEndedError) as caught:
        process.ask("x", soon(30))
    assert "ended by exit code 137: cannot allocate more: its 4 processes took " in str(caught.value)
    assert "300 MiB are allowed" in str(caught.value)


def test_shared_memory_counts_once():
    code = FORKS.replace("bytearray(SHARED << 20)", "bytearray(b'x') * (150 << 20)").replace("EACH", "1")
    with running(code, memory_mb=300.0) as process:
        assert process.ask("x", soon(30)) == "{}"


HOPS = """
import os, time
input()
end = time.time() + 20
if os.fork() == 0:
    os.closerange(0, 3)
    while time.time() < end:
        if os.fork():
            os._exit(0)
        os.setsid()
    os._exit(0)
print("{%d}" % os.getpid(), flush=True)
time.sleep(60)
"""


def test_a_process_that_forks_repeatedly_is_ended():
    """Its process number changes all the time."""
    mark = f"HOPS-{os.getpid()}"
    process = SupervisedProcess([sys.executable, "-S", "-c", HOPS, mark], OwnFolder(), dict(os.environ))
    process.ask("x", soon(30))
    assert any(mark in line for line in command_lines())
    process.end()
    time.sleep(0.2)
    assert not any(mark in line for line in command_lines())


def command_lines():
    """The commands of all processes."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield place.read_bytes().decode(errors="replace")
