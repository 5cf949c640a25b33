"""Answers that a session must reject, and programs that never end: one row each.

Each fails its own session, in time and with its own reason; the next session of the same program is played.
"""

import json
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from odd_methods import Half

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.contract import ContractError
from bifseg.methods.process.answers import Answer, Opening, read_answer
from bifseg.methods.process.disk import FullDiskError
from bifseg.methods.process.memory import BYTES_PER_VOXEL
from bifseg.methods.process.process import MethodError, MethodProcess
from bifseg.methods.process.programs import Program, program
from bifseg.methods.registry import METHODS
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

HELPERS = Path(__file__).parents[1] / "helpers"
SHAPE = (64, 64)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[10:40, 12:50] = True
USER = SimulatedUser(
    Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE)), TRUTH, ProtocolCard(rounds=1, target=None)
)
SERVE = """
import json, os, struct, subprocess, sys, time
OPENING = {"dimensions": [2], "prompts": ["box"], "adapts": False}
def header(shape=(64, 64), kind=2, offset=352.0):
    head = bytearray(352)
    head[0:4] = (348).to_bytes(4, "little")
    dims = [len(shape), *shape] + [1] * (7 - len(shape))
    head[40:56] = struct.pack("<8h", *dims)
    head[70:72] = struct.pack("<h", kind)
    head[108:112] = struct.pack("<f", offset)
    head[344:348] = b"n+1\\0"
    return bytes(head)
def write(content=None, name="result.nii"):
    open(name, "wb").write(header() + bytes(64 * 64) if content is None else content)
def say(text):
    print(text if isinstance(text, str) else json.dumps(text), flush=True)
first = not os.path.exists(MARK)
for line in sys.stdin:
    if json.loads(line)["call"] == "open":
        answer = OPENING
        OPEN
        say(answer)
        continue
    answer = {}
    write()
    if first:
        open(MARK, "w").close()
        ODD
    say(answer)
"""


@contextmanager
def serving(mark, odd="pass", opening="pass", **limits):
    """A program that does something odd in its first session, or when it opens."""
    code = SERVE.replace("MARK", repr(str(mark))).replace("ODD", odd).replace("OPEN\n", f"{opening}\n")
    method = MethodProcess(Program((sys.executable, "-c", code), **{"time_limit_s": 30.0} | limits))
    try:
        yield method
    finally:
        method.close()


def fails_once(mark, odd, **limits):
    """The reason of a session that fails, once the next one is good."""
    with serving(mark, odd, **limits) as method:
        failed, good = play(USER, method), play(USER, method)
    assert good.status == "ok", good.error
    return failed


ANSWERS = {
    "one number for the memory": ("answer = {'peak_mb': 5}", "peak_mb: Input should be a valid dictionary"),
    "a word for the memory": (
        "answer = {'peak_mb': {'rss': 'much'}}",
        "peak_mb.rss: Input should be a valid number",
    ),
    "NaN seconds": (
        "answer = {'seconds': {'machine': float('nan')}}",
        "seconds.machine: Input should be a finite number",
    ),
    "endless seconds": (
        "answer = {'seconds': {'machine': float('inf')}}",
        "seconds.machine: Input should be",
    ),
    "negative seconds": (
        "answer = {'seconds': {'network': -1}}",
        "seconds.network: Input should be greater than or equal",
    ),
    "seconds in words": (
        "answer = {'seconds': {'network': '1'}}",
        "seconds.network: Input should be a valid number",
    ),
    "an error that is none": ("answer = {'error': ['x']}", "error: Input should be a valid string"),
    "a hash that is none": ("answer = {'weights': 'x'}", "weights: String should match pattern"),
    "a list": ("answer = '{]'", "is no JSON"),
    "10,000 brackets": ("answer = '{\"a\":' * 10000", "is no JSON"),
    "a number of 10,000 digits": ("answer = '{\"peak_mb\": ' + '9' * 10000 + '}'", "is no JSON"),
    "an endless line": ("print('{' + 'x' * 2**21)", "has no end within 1048576 bytes"),
}


@pytest.mark.parametrize(("odd", "reason"), ANSWERS.values(), ids=ANSWERS)
def test_a_wrong_answer_fails_its_session(tmp_path, odd, reason):
    failed = fails_once(tmp_path / "mark", odd)
    assert failed.status == "failed"
    assert reason in failed.error


ODD_TEXT = "\x1b[2J\x07\u202e\ud800 \r\n" + "x" * 9999  # a terminal obeys it, no table can store it
TEXTS = {
    "an error": {"error": ODD_TEXT},
    "a wrong card": {"bad_input": ODD_TEXT},
    "prompts": {"dimensions": [2], "prompts": [ODD_TEXT], "adapts": False},
}


@pytest.mark.parametrize("answer", TEXTS.values(), ids=TEXTS)
def test_texts_of_a_program_can_be_shown_and_stored(answer):
    opening = read_answer(Opening, json.dumps(answer))
    for text in (opening.error, opening.bad_input, *opening.prompts):
        assert text.isprintable()
        assert len(text) <= 300


@pytest.mark.parametrize("line", ["{" + ODD_TEXT, json.dumps({"peak_mb": {ODD_TEXT: "x"}})])
def test_a_refusal_of_odd_texts_can_be_shown_and_stored(line):
    with pytest.raises(ContractError) as refused:
        read_answer(Answer, line)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 300


def test_an_error_of_a_method_in_this_process_can_be_shown_and_stored():
    """The scores of all entries lie in one file, which half a character would keep from being written."""

    class Odd(Half):
        def start(self, image, box):
            raise ValueError(ODD_TEXT)

    error = play(USER, Odd()).error
    assert error.startswith("initial: ValueError: ")
    assert error.isprintable()
    assert len(error) < 600


def test_a_second_answer_is_not_used_for_the_next_question(tmp_path):
    with serving(tmp_path / "mark", "say({})") as method:
        assert play(USER, method).status == "ok"
        time.sleep(1)  # for the second answer to arrive
        assert "answered before a question" in play(USER, method).error
        assert play(USER, method).status == "ok"


RESULTS = {
    "a symbolic link to a mask": "os.remove('result.nii'); os.symlink(TARGET, 'result.nii')",
    "a hard link to a mask": "os.remove('result.nii'); os.link(TARGET, 'result.nii')",
    "a pipe": "os.remove('result.nii'); os.mkfifo('result.nii')",
    "a device": "os.remove('result.nii'); os.symlink('/dev/zero', 'result.nii')",
    "a folder": "os.remove('result.nii'); os.mkdir('result.nii')",
    "nothing": "os.remove('result.nii')",
    "400 MB": "open('result.nii', 'r+b').truncate(400 * 2**20)",
    "sizes that need terabytes": "write(header((32767, 32767, 32767)))",
    "fewer voxels than it says": "write(header() + bytes(100))",
    "voxels before the file begins": "write(header(offset=-1e30) + bytes(4096))",
    "voxels at NaN": "write(header(offset=float('nan')) + bytes(4096))",
    "colours": "write(header(kind=128) + bytes(3 * 4096))",
    "twos": "write(header() + bytes([2]) * 4096)",
    "another shape": "write(header((4096,)) + bytes(4096))",
    "compressed": "__import__('gzip').open('result.nii', 'wb').write(header() + bytes(4096))",
    "no image": "write(b'hello')",
}


@pytest.fixture(scope="module")
def regular_file(tmp_path_factory):
    """A result that a session accepts."""
    folder = tmp_path_factory.mktemp("regular")
    target = folder / "label.nii"
    with serving(folder / "other", f"import shutil; shutil.copy('result.nii', {str(target)!r})") as method:
        assert play(USER, method).status == "ok"
    return target


@pytest.mark.parametrize("odd", RESULTS.values(), ids=RESULTS)
def test_a_result_that_is_not_a_regular_mask_file_fails_its_session(regular_file, tmp_path, odd):
    target = shutil.copy(regular_file, tmp_path / "label.nii")
    begun = time.monotonic()
    failed = fails_once(tmp_path / "mark", odd.replace("TARGET", repr(str(target))))
    assert failed.status == "failed"
    assert "result.nii" in failed.error
    assert time.monotonic() - begun < 25


WINDOWS = {
    "outside the image": ("[0, 0]", "[65, 64]", "window: must lie in the image"),
    "negative": ("[-1, 0]", "[64, 64]", "window: must lie in the image"),
    "empty": ("[8, 8]", "[8, 9]", "window: must lie in the image"),
    "of another dimension": ("[0]", "[64]", "window: must lie in the image"),
    "of huge numbers": ("[0, 0]", "[10**4000, 10**30]", "window: must lie in the image"),
    "no numbers": ("['0', '0']", "[8, 8]", "window.lower"),
    "smaller than its file": ("[0, 0]", "[8, 8]", "must have the window's shape (8, 8), has (64, 64)"),
}


@pytest.mark.parametrize(("lower", "upper", "message"), WINDOWS.values(), ids=WINDOWS)
def test_an_invalid_window_fails_its_session(tmp_path, lower, upper, message):
    odd = f"answer['window'] = {{'lower': {lower}, 'upper': {upper}}}"
    assert message in fails_once(tmp_path / "mark", odd).error


def test_a_program_may_answer_with_a_part_of_the_image(tmp_path):
    odd = "write(header((4, 2)) + bytes([1] * 8)); answer['window'] = {'lower': [30, 30], 'upper': [32, 34]}"
    with serving(tmp_path / "mark", odd) as method:
        result = method.start(USER.image, Box((0, 0), (64, 64)))
    assert np.argwhere(result).tolist() == [[y, x] for y in (30, 31) for x in range(30, 34)]


def test_a_link_at_the_image_s_path_is_replaced_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    odd = f"os.remove('image.nii'); os.symlink({str(victim)!r}, 'image.nii')"
    with serving(tmp_path / "mark", odd) as method:
        assert [play(USER, method).status for _ in range(2)] == ["ok", "ok"]
    assert victim.read_text() == "as it was"


def test_a_folder_at_the_image_s_path_fails_the_session(tmp_path):
    odd = "os.remove('image.nii'); os.makedirs('image.nii/full')"
    with serving(tmp_path / "mark", odd) as method:
        first, second, third = (play(USER, method) for _ in range(3))
    assert (first.status, second.status, third.status) == ("ok", "failed", "ok")
    assert "image.nii" in second.error


HANGS = {
    "does not answer": ("time.sleep(60)", "timeout", "it did not answer"),
    "stops its own process": ("os.kill(os.getpid(), 19)", "timeout", "it did not answer"),
    "closes its output": ("os.close(1); time.sleep(60)", "failed", "closed its output and keeps running"),
    "leaves a child that holds its output": (
        "subprocess.Popen(['sleep', '60'], start_new_session=True); os._exit(3)",
        "failed",
        "ended by exit code 3",
    ),
    "prints without end": ("\n        while True: print('x' * 1000)", "timeout", "it did not answer"),
}


@pytest.mark.parametrize(("odd", "status", "reason"), HANGS.values(), ids=HANGS)
def test_a_hanging_program_is_ended_in_time(tmp_path, odd, status, reason):
    begun = time.monotonic()
    failed = fails_once(tmp_path / "mark", odd, time_limit_s=3.0)
    assert failed.status == status
    assert reason in failed.error
    assert time.monotonic() - begun < 20


def test_a_program_that_hangs_at_start_is_ended_in_time(tmp_path):
    with (
        pytest.raises(TimeoutError, match="did not open within 1 s: it did not answer"),
        serving(tmp_path / "mark", opening="time.sleep(60)", opening_s=1.0),
    ):
        pass


def test_bytes_that_are_not_text_are_harmless(tmp_path):
    odd = "os.write(1, bytes([255, 254, 10])); os.write(2, bytes([255, 27, 91, 50, 74, 10]))"
    with serving(tmp_path / "mark", odd) as method:
        assert play(USER, method).status == "ok"


def test_seconds_of_a_method_do_not_replace_the_clock(tmp_path):
    odd = "answer = {'seconds': {'machine': 0.001, 'network': 0.0005}}; time.sleep(0.3)"
    with serving(tmp_path / "mark", odd) as method:
        (step,) = play(USER, method).steps
    assert step.seconds["machine"] > 0.3
    assert (step.seconds["method"], step.seconds["network"]) == (0.001, 0.0005)


FULL = "[Errno 28] No space left on device"


@pytest.mark.parametrize("whose", ["the session", "the method"])
def test_a_full_disk_is_no_failure_of_the_method(tmp_path, monkeypatch, whose):
    """Another method may have filled it; the session is played once there is space."""
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    if whose == "the session":
        monkeypatch.setattr("bifseg.core.images.write_array", fail)
    odd = f"answer = {{'error': 'OSError: {FULL}'}}"
    with serving(tmp_path / "mark", odd) as method, pytest.raises(FullDiskError, match="set TMPDIR"):
        play(USER, method)


@pytest.mark.parametrize(("free", "taken"), [(2**40, 0), (0, 2**30)])
def test_a_full_disk_is_the_methods_failure_if_it_filled_it_or_says_so_falsely(
    tmp_path, monkeypatch, free, taken
):
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
    monkeypatch.setattr("bifseg.methods.process.disk.bytes_in", lambda _: taken)
    with serving(tmp_path / "mark", f"answer = {{'error': 'OSError: {FULL}'}}") as method:
        assert FULL in play(USER, method).error


def test_an_encoding_costs_each_session_what_it_took_whatever_its_program_says(tmp_path):
    """The second session gets it for nothing; it must not be faster by what the program says of the first."""
    opening = "answer = answer | {'encodes': True}"
    odd = "open('encoding.bin', 'w').close(); answer = {'seconds': {'machine': 0.0}}; time.sleep(0.3); first = False"
    with serving(tmp_path / "mark", odd, opening) as method:
        sessions = [play(USER, method) for _ in range(2)]
    assert [session.status for session in sessions] == ["ok", "ok"]
    assert min(session.steps[0].seconds["machine"] for session in sessions) >= 0.3


MEMORY = {
    "an error of Python": "bytes(2**31)",
    "a library that leaves with a word": "os.write(2, b'std::bad_alloc'); os._exit(1)",
}


@pytest.mark.parametrize("odd", MEMORY.values(), ids=MEMORY)
def test_a_session_that_runs_out_of_memory_says_so(tmp_path, odd):
    failed = fails_once(tmp_path / "mark", odd, memory_mb=800.0)
    assert failed.error.startswith("initial: out of memory: ")


def test_a_box_that_is_too_large_is_not_tried(tmp_path):
    opening = "answer = answer | {'bytes_per_voxel': 10**9}"
    with serving(tmp_path / "mark", opening=opening, memory_mb=500.0) as method:
        failed = play(USER, method)
    assert failed.error.startswith("initial: out of memory before it began: a box of ")
    assert "500 MiB are available" in failed.error


def test_a_library_that_exits_silently_counts_as_out_of_memory(monkeypatch):
    """As maxflow does, by exit(1), where an allocation fails."""
    monkeypatch.setenv("PYTHONPATH", str(HELPERS))
    code = "__import__('maxflow').Graph[float]().add_grid_nodes((400, 400, 400))"
    card = MethodCard(method="hostile_methods:Hostile", settings={"code": code})
    method = MethodProcess(program(card, HELPERS, memory_mb=500.0))
    try:
        error = play(USER, method).error
    finally:
        method.close()
    assert error.startswith("round-1: out of memory: the method's process ended by exit code 1")


def test_every_registered_method_has_an_estimate():
    assert set(BYTES_PER_VOXEL) == set(METHODS)
    assert min(BYTES_PER_VOXEL.values()) > 0


@pytest.mark.parametrize("method", ["geos", "growcut"])
def test_the_memory_estimate_covers_a_session(method):
    """Peaks of two boxes: what the larger one took more, for each of its further voxels."""
    peaks, voxels = [], []
    for side in (24, 56):
        truth = np.zeros((side + 8,) * 3, bool)
        truth[(slice(6, side + 2),) * 3] = True
        image = Image(truth.astype(np.float32), Grid.plain(truth.shape))
        process = MethodProcess(program(MethodCard(method=method), HELPERS))
        session = play(SimulatedUser(image, truth, ProtocolCard(rounds=1, target=None)), process)
        process.close()
        peaks.append(session.peak_mb["rss"] * 2**20)
        voxels.append(np.prod(session.box.shape))
    need = (peaks[1] - peaks[0]) / (voxels[1] - voxels[0])
    assert 0.5 < need / BYTES_PER_VOXEL[method] < 1.3


def test_a_registered_method_is_not_tried_on_a_too_large_box(monkeypatch):
    """480³ voxels: one clear line at once, not hours of swapping."""
    monkeypatch.setattr("bifseg.methods.process.process.available_mb", lambda: 16_000.0)
    method = MethodProcess(program(MethodCard(method="geos"), HELPERS))
    begun = time.monotonic()
    with pytest.raises(
        MethodError, match="out of memory before it began: a box of 110592000 voxels takes about 70664 MiB"
    ):
        method.start(USER.image, Box((0, 0, 0), (480, 480, 480)))
    method.close()
    assert time.monotonic() - begun < 5


def test_a_timeout_on_a_large_box_names_the_box_and_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("bifseg.methods.process.memory.LARGE_BOX", 100)
    failed = fails_once(tmp_path / "mark", "time.sleep(60)", time_limit_s=2.0)
    assert failed.status == "timeout"
    assert "the session's 2 s are over: it did not answer; its box has " in failed.error
    assert failed.error.endswith("voxels: raise the protocol's time_limit_s")


def test_the_default_time_limit_is_ten_minutes():
    assert ProtocolCard().time_limit_s == 600
