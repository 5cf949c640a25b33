"""A method in its own process plays as it would in ours, and can neither harm nor see."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.child_processes import OwnFolder
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.sandbox import supported
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.process import messages
from bifseg.methods.process.process import MethodError, MethodProcess
from bifseg.methods.process.programs import Program, program
from bifseg.methods.registry import build
from bifseg.networks.trained import TrainedNetwork
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser

HERE = Path(__file__).parents[2] / "helpers"
SHAPE = (60, 70)
TRUTH = np.zeros(SHAPE, bool)
TRUTH[20:45, 20:50] = True
IDENTITY = Identity("run", "cohort", "case", "case_organ", "organ", False, 2, "test", "fake", "", "own", "p")
GAME = SimulatedUser(
    Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE)),
    TRUTH,
    ProtocolCard(rounds=2, target=None),
    10,
    1,
    seed_key=IDENTITY.seed_key,
)


@pytest.fixture(autouse=True)
def _modules(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


@pytest.fixture
def started():
    """Starts methods, which end with the test."""
    processes = []

    def start(name, time_limit_s=None, hidden=(), **settings):
        card = MethodCard(method=f"odd_methods:{name}", settings=settings)
        processes.append(MethodProcess(program(card, HERE, hidden=hidden, time_limit_s=time_limit_s)))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


def test_a_round_exchanges_the_box_and_not_the_volume(started, monkeypatch):
    """Bytes of the files between a session and a Python method, in a volume a thousand times as large as the box."""
    shape, sizes = (100, 100, 100), []
    read, share = OwnFolder.read_shared, messages._share

    def reading(folder, name, most):
        content = read(folder, name, most)
        sizes.append(len(content))
        return content

    def sharing(name, voxels, *words):
        sizes.append(voxels.nbytes)
        share(name, voxels, *words)

    method, box = started("Half"), Box((10, 20, 30), (20, 30, 40))
    method.start(Image(np.zeros(shape, np.float32), Grid.plain(shape)), box)
    monkeypatch.setattr(OwnFolder, "read_shared", reading)
    monkeypatch.setattr(messages, "_share", sharing)
    drawn = Scribbles(shape, (Stroke(True, np.array([[15.0, 25.0, 35.0]]), np.array([[15, 25, 35]])),))
    assert method.refine(drawn)[box.slices].all()
    assert sum(sizes) < 10**3 + 10**3


def test_a_plug_ins_process_loads_no_library_that_it_does_not_use(started):
    """They would take three times as long as the rest of its start."""
    method = started("Half", do="name_libraries")
    method.start(Image(np.zeros(SHAPE, np.float32), Grid.plain(SHAPE)), Box((10, 20), (20, 30)))
    with pytest.raises(MethodError, match=r"^RuntimeError: \['numpy'\]$"):
        method.refine(Scribbles(SHAPE, ()))


def test_a_kept_image_is_as_it_was_for_the_next_session(started, monkeypatch):
    """It is sent once, and a plug-in that changes its copy hurts its own session only."""
    names, share = [], messages._share
    monkeypatch.setattr(messages, "_share", lambda name, *words: (names.append(name), share(name, *words)))
    method, box = started("Erasing"), Box((10, 20), (20, 30))
    image = Image(np.ones(SHAPE, np.float32), Grid.plain(SHAPE))
    assert [method.start(image, box).sum() for _ in range(3)] == [100, 100, 100]
    assert names == [messages.IMAGE]


def test_an_encoding_that_takes_too_long_is_a_timeout(started):
    method = started("Encoder", time_limit_s=1.0, encode_s=60.0)
    with pytest.raises(TimeoutError, match="the session's 1 s are over"):
        method.start(GAME.image, Box((10, 20), (20, 30)))


BIFSEG = MethodCard(method="bifseg", settings={"iterations": 5})


@pytest.fixture(scope="module")
def games(discs):
    """A session's user for each test object, on images of their own spacing."""
    return [
        replace(GAME, image=discs.image(row), truth=discs.truth(row)) for row in discs.select(split="test")
    ]


@pytest.fixture(scope="module")
def sessions(discs, discs_network, games):
    """BIFSeg's sessions in another process, which cannot read the folder in which its network lies."""
    hidden = {*discs.truth_folders, discs_network.parent}
    method = MethodProcess(program(BIFSEG, HERE, discs_network / "weights.pt", "cpu", hidden))
    played = [play(game, method) for game in games]
    method.close()
    return played


def test_a_session_in_another_process_is_the_same(games, sessions, discs_network):
    """To the bit, with strokes."""
    own = build(BIFSEG, TrainedNetwork.load(discs_network / "weights.pt"))
    most = 0
    for game, separate in zip(games, sessions, strict=True):
        here = play(game, own)
        assert (separate.status, separate.ended, separate.box) == (here.status, here.ended, here.box)
        assert len(separate.steps) == len(here.steps)
        for one, two in zip(separate.steps, here.steps, strict=True):
            np.testing.assert_array_equal(one.mask, two.mask)
            assert one.seconds["machine"] >= one.seconds["network"] >= 0
        assert separate.peak_mb["rss"] > 50
        most = max(most, len(separate.steps))
    assert most > 2


def test_slice_of_an_oblique_stack_keeps_its_grid(started):
    turned = tuple(map(tuple, np.linalg.qr(np.arange(9).reshape(3, 3) + np.eye(3))[0].tolist()))
    plane = Grid((6, *SHAPE), (5.0, 0.7, 0.9), (1.0, 2.0, 3.0), turned).plane(0, 2)
    session = play(replace(GAME, image=Image(GAME.image.voxels, plane)), started("Half"))
    assert (session.status, session.grid) == ("ok", plane)


def test_a_process_states_its_capabilities(started):
    half, adapting = started("Half"), started("Adapting")
    assert (half.dimensions, half.prompts, half.adapts) == ({2, 3}, {"box", "scribbles"}, False)
    assert adapting.adapts
    session = play(GAME, adapting)
    assert [step.name for step in session.steps[:2]] == ["initial", "unsupervised"]
    assert session.steps[1].seconds["network"] == 0.5


@pytest.mark.parametrize(
    ("name", "do", "error"),
    [
        ("Half", "raise", "round-1: RuntimeError: two lines"),
        ("Half", "read", "round-1: EOFError"),  # as a forgotten breakpoint() does
        ("Half", "cancel", "round-1: CancelledError"),
        ("Half", "leave", "round-1: the method's process ended by exit code 7: last words"),
        ("Half", "die", "round-1: the method's process ended by signal SIGKILL"),
        (
            "Answers",
            "shape",
            "round-1: ContractError: the result must be a bool array of the image's shape (60, 70)",
        ),
        ("Answers", "nan", "is float64 (60, 70)"),
        ("Answers", "bytes", "is uint8 (60, 70)"),
        ("Answers", "none", "is NoneType"),
        ("Answers", "outside", "round-1: ContractError: "),
    ],
)
def test_errors_of_a_method_fail_the_session_with_a_reason(started, name, do, error):
    session = play(GAME, started(name, do=do))
    assert (session.status, session.ended) == ("failed", "failed")
    assert error in session.error
    assert [step.name for step in session.steps] == ["initial"]


def test_empty_result_is_a_result(started):
    session = play(GAME, started("Answers", do="empty"))
    assert session.status == "ok"
    assert not session.steps[-1].mask.any()


def test_a_hanging_method_times_out_and_plays_the_next_session(started):
    method = started("Half", time_limit_s=1.0, do="hang")
    for _ in range(2):
        session = play(GAME, method)
        assert (session.status, session.ended) == ("timeout", "timeout")
        assert session.error == "round-1: the session's 1 s are over: it did not answer"
        assert [step.name for step in session.steps] == ["initial"]
    assert not method.died


def test_a_process_plays_several_sessions_and_is_restarted_after_its_death(started):
    method = started("Half", do="count")
    errors = [play(GAME, method).error for _ in range(2)]
    method.close()
    errors.append(play(GAME, method).error)
    (first, first_process), (second, second_process), (third, third_process) = (
        error.split(" of process ") for error in errors
    )
    assert [text.split()[-1] for text in (first, second, third)] == ["1", "2", "1"]
    assert first_process == second_process != third_process


def test_prints_do_not_disturb_the_protocol(started, capfd):
    assert play(GAME, started("Half", do="print")).status == "ok"
    assert '{"not": "an answer"}' in capfd.readouterr().err


def test_a_closed_process_leaves_no_files(started, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    method = started("Half")
    play(GAME, method)
    assert [path.name.startswith("bifseg-") for path in tmp_path.iterdir()] == [True]
    method.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not supported(), reason="this kernel has no Landlock")
def test_a_method_that_looks_for_the_truth_finds_nothing(started, tmp_path, discs):
    """It is even told where the label map lies; a folder that is not hidden it can read."""
    hidden = discs.truth_folders
    label = discs.folder.parent / "data" / discs.objects[0].label
    assert label.is_file()
    session = play(GAME, started("Half", hidden=hidden, do="snoop", path=str(label)))
    assert session.error == "round-1: RuntimeError: found nothing"
    (tmp_path / "open").write_text("x")
    session = play(GAME, started("Half", hidden=hidden, do="snoop", path=str(tmp_path / "open")))
    assert session.error == "round-1: RuntimeError: found ['the file']"


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"method": "odd_methods:Nobody"}, "odd_methods:Nobody cannot be imported"),
        ({"method": "odd_methods:Half", "settings": {"colour": 1}}, "settings of odd_methods:Half"),
        ({"method": "bifseg"}, "bifseg needs a network"),
        ({"command": ["nowhere-to-be-found"], "confined": False}, "cannot be started: No such file"),
    ],
)
def test_wrong_card_is_bad_input(settings, error):
    with pytest.raises(InputError, match=error):
        MethodProcess(program(MethodCard(**settings), HERE))


def test_a_method_that_opened_once_and_not_again_fails_the_session_not_the_job(started, tmp_path):
    lock = tmp_path / "lock"
    method = started("OpensUntil", path=str(lock))
    assert play(GAME, method).status == "ok"
    method.close()
    lock.touch()
    method.open()
    session = play(GAME, method)
    assert session.status == "failed"
    assert session.error.startswith(
        "initial: it opened before, but not again: settings of odd_methods:OpensUntil"
    )
    assert session.error.endswith("the lock is there")
    lock.unlink()
    assert play(GAME, method).status == "ok"


@pytest.mark.parametrize(
    ("name", "error"), [("grabcat", "unknown 'grabcat'"), ("geos", "geos takes no network")]
)
def test_a_card_that_is_wrong_with_any_network_is_refused_before_the_network_is_loaded(tmp_path, name, error):
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"damaged")
    with pytest.raises(InputError, match=error):
        MethodProcess(program(MethodCard(method=name), HERE, weights, "cpu"))


def test_modules_in_the_hidden_folder_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    with pytest.raises(InputError, match=r"methods cannot read it, but .*code lies in it"):
        program(MethodCard(method="odd_methods:Half"), HERE, hidden=[tmp_path])


def test_weights_can_be_read_in_a_hidden_folder(sessions):
    """The network of a run lies among what is hidden: scores, sessions, objects."""
    assert [session.status for session in sessions] == ["ok"] * len(sessions), sessions[0].error


# Programs


SERVER = """
import json, sys
import SimpleITK as sitk
for line in sys.stdin:
    message = json.loads(line)
    if message["call"] == "open":
        assert message["settings"] == {"level": 3}
        answer = {"dimensions": [2], "prompts": ["box", "scribbles"], "adapts": False}
    else:
        print("working on", message["call"], flush=True)
        if message["call"] == "start":
            image = sitk.ReadImage(message["image"])
            lower, upper = message["box"]["lower"], message["box"]["upper"]
            result = sitk.Image(image.GetSize(), sitk.sitkUInt8)
            result.CopyInformation(image)
            result[lower[1]:upper[1], lower[0]:upper[0]] = 1
        else:
            result = sitk.Cast(result > 0, sitk.sitkUInt8) * sitk.Cast(
                sitk.ReadImage(message["scribbles"]) != 2, sitk.sitkUInt8)
        sitk.WriteImage(VALUE * result, "result.nii")
        answer = {}
    print(json.dumps(answer), flush=True)
"""


@pytest.mark.parametrize(("value", "status"), [("1", "ok"), ("2", "failed")])
def test_any_program_can_play(tmp_path, value, status):
    (tmp_path / "serve.py").write_text(SERVER.replace("VALUE", value))
    card = MethodCard(command=[sys.executable, "{card}/serve.py"], settings={"level": 3})
    method = MethodProcess(program(card, tmp_path, hidden=[tmp_path / "hidden"]))
    session = play(GAME, method)
    method.close()
    assert session.status == status, session.error
    if status == "failed":
        assert session.error == "initial: ContractError: result.nii must hold 0 and 1 only, holds 2"
    else:
        assert session.steps[0].mask.all()
        assert not session.steps[1].mask.all()


OUT_OF_STEP = {
    "no new result": ("write = n != 2", "result.nii cannot be read"),
    "a log line in JSON before the result": ("print('{}', flush=True); time.sleep(0.5)", "cannot be read"),
    "a log line in JSON after it": ("extra = '{}'", "answered before a question: {}"),
    "no JSON": ("answer = '{refining'", "is no JSON: {refining"),
}
FORGETFUL = """
import json, sys, time
import SimpleITK as sitk
n = 0
for line in sys.stdin:
    if json.loads(line)["call"] == "open":
        print('{"dimensions": [2], "prompts": ["box", "scribbles"], "adapts": false}', flush=True)
        continue
    n, write, extra, answer = n + 1, True, "", "{}"
    if n == 2:
        ODD
    if write:
        sitk.WriteImage(sitk.Image(70, 60, sitk.sitkUInt8) + n % 2, "result.nii")
    print(answer + "\\n" + extra, flush=True)
"""


@pytest.mark.parametrize(("odd", "error"), OUT_OF_STEP.values(), ids=OUT_OF_STEP)
def test_a_program_out_of_step_fails_and_is_restarted(tmp_path, odd, error):
    """Its first answer is all object, its second none; no answer is taken for that to another question."""
    (tmp_path / "serve.py").write_text(FORGETFUL.replace("ODD", odd))
    method = MethodProcess(Program((sys.executable, str(tmp_path / "serve.py"))))
    begin = partial(method.start, GAME.image, Box((0, 0), SHAPE))

    def twice():
        assert not begin().any()
        time.sleep(0.5)  # for a stray line to arrive
        begin()

    assert begin().all()
    with pytest.raises(RuntimeError) as raised:
        twice()
    assert error in str(raised.value)
    assert not method.died
    assert begin().all()
    method.close()


def test_an_empty_first_answer_is_refused(tmp_path):
    words = (sys.executable, "-c", "print('{}', flush=True); input()")
    with pytest.raises(RuntimeError, match="does not say its dimensions"):
        MethodProcess(Program(words))


def test_the_error_of_an_ended_program_has_its_last_output(tmp_path):
    words = [sys.executable, "-c", "import sys; sys.exit('no model here')"]
    with pytest.raises(RuntimeError, match="ended by exit code 1: no model here"):
        MethodProcess(Program(tuple(words)))


def test_environment_does_not_name_the_job(monkeypatch, started):
    monkeypatch.setenv("SLURM_SUBMIT_DIR", "/data/secret")
    words = "import os, sys; sys.exit(str([n for n, v in os.environ.items() if 'secret' in v]))"
    with pytest.raises(RuntimeError, match=r"exit code 1: \[\]"):
        MethodProcess(Program((sys.executable, "-c", words)))
    assert os.environ["SLURM_SUBMIT_DIR"]


FIRST_SESSION = """
import sys
from pathlib import Path

import numpy as np

from bifseg import Box, Grid, Image
from bifseg.cards.cards import MethodCard
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program

method = MethodProcess(program(MethodCard(method="odd_methods:Half"), Path()))
before = set(sys.modules)
method.start(Image(np.zeros((20, 20), np.float32), Grid.plain((20, 20))), Box((2, 2), (12, 12)))
method.close()
print(sorted(set(sys.modules) - before))
"""


def test_the_first_session_of_a_job_is_not_charged_with_imports():
    """SimpleITK, which writes the images for the process, takes 0.2 to 0.35 s to import."""
    words = [sys.executable, "-c", FIRST_SESSION]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
