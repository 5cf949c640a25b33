"""Programs in containers: with the real podman where it runs, and the command lines of all engines everywhere."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import podman
import pytest

from bifseg.cards.cards import MethodCard, ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.geometry import Grid, Image
from bifseg.methods.process import containers
from bifseg.methods.process.containers import Container, find_image
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.runs.fingerprints import method_fingerprint
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

HERE = Path(__file__).parent
TRUTH = np.zeros((24, 30), bool)
TRUTH[8:18, 10:24] = True
IMAGE = Image(100 + 50 * TRUTH.astype(np.float32), Grid.plain(TRUTH.shape), "t2")
BOXED = {"dimensions": [2, 3]}
CLICKED = {"dimensions": [2, 3], "prompts": ["points"]}


@pytest.fixture(scope="session")
def image():
    """The name of a small image in podman; skips, and says why, where podman cannot run it."""
    reason = podman.build_image()
    if reason:
        pytest.skip(reason)
    yield podman.IMAGE
    podman.podman("rmi", "--force", podman.IMAGE)


def card(image, *words, **keys):
    return MethodCard(image=image, command=podman.python("/opt/contained.py", *words), **keys)


def algorithm(image, **settings):
    settings = {"images": {"images/ct": "own"}, "result": "images/lesions", **settings}
    return card(image, "algorithm", exchange="grand-challenge", settings=settings, plays=CLICKED)


def user(truth=TRUTH, modality="t2", **rules):
    rules = {"rounds": 2, "target": None, "time_limit_s": None, **rules}
    scan = Image(IMAGE.voxels, IMAGE.grid, modality)
    return SimulatedUser(scan, truth, ProtocolCard(**rules), 3, 1, seed_key=("", "", "", "", 0))


def session(card, player, **limits):
    method = MethodProcess(program(card, HERE, **limits))
    try:
        return play(player, method)
    finally:
        method.close()


def test_a_program_in_a_container_plays_as_without(image):
    moved = np.roll(TRUTH, 4, axis=1)
    outside = MethodCard(command=[sys.executable, str(podman.METHOD)])
    one, other = (session(method, user(moved)) for method in (card(image), outside))
    assert (one.status, one.error, one.confinement) == ("ok", "", "podman")
    assert [step.name for step in one.steps] == [step.name for step in other.steps]
    assert all(np.array_equal(a.mask, b.mask) for a, b in zip(one.steps, other.steps, strict=True))
    assert podman.left_over() == []


def test_a_container_sees_its_own_folder_and_nothing_else(image, tmp_path, monkeypatch):
    monkeypatch.setenv("BIFSEG_SECRET", "of the job")
    truth = tmp_path / "truth.nii"
    truth.write_text("the truth")
    paths = ",".join(map(str, [truth, tmp_path, HERE]))
    played = session(card(image, "snoop"), user(modality=paths), memory_mb=300)
    sights = json.loads(played.error.removeprefix("initial: "))
    assert sights["folder"] == ["image.nii", "result.nii"]
    assert (sights["host"], sights["secret"]) == ([], "")
    assert set(sights["links"]) <= {"lo"}
    assert sights["memory"] == 300 * 2**20
    assert [
        mount
        for mount in sights["mounts"]
        if not mount.startswith(("/session", "/etc/", "/run/.containerenv"))
    ] == []


def test_a_container_that_takes_too_much_memory_fails_its_session_alone(image):
    played = session(card(image, "greedy"), user(), memory_mb=200)
    assert played.status == "failed"
    assert played.error.startswith("initial: out of memory: the method's process ended by exit code 137")
    assert podman.left_over() == []


def test_a_container_that_hangs_ends_at_the_time_limit(image):
    played = session(card(image, "hang"), user(), time_limit_s=3)
    assert (played.status, played.error) == (
        "timeout",
        "initial: the session's 3 s are over: it did not answer",
    )
    assert podman.left_over() == []


_JOB = """
import sys, test_containers as t
t.session(t.card(t.podman.IMAGE, "hang"), t.user())
"""


@pytest.fixture
def hanging_job(image):
    """A job whose method hangs in a container."""
    path = os.pathsep.join(map(str, [HERE, podman.METHOD.parent]))
    job = subprocess.Popen([sys.executable, "-c", _JOB], env={**os.environ, "PYTHONPATH": path})
    end = time.monotonic() + 60
    while (
        not (_results() and _hanging()) and time.monotonic() < end
    ):  # asking podman takes longer than a look
        time.sleep(0.1)
    assert _hanging()
    yield job
    job.kill()
    job.wait()


def test_no_container_is_left_after_its_job_was_killed(hanging_job):
    before = _running()
    Container("podman", podman.IMAGE).remove_abandoned()
    assert _running() == before  # the job lives
    hanging_job.kill()
    assert podman.left_over() == []


def test_the_next_method_removes_the_container_of_a_job_that_was_killed_with_its_supervisor(hanging_job):
    children = Path(f"/proc/{hanging_job.pid}/task/{hanging_job.pid}/children").read_text().split()
    for sent in (signal.SIGSTOP, signal.SIGKILL):  # neither sees the other's end
        for process in [*map(int, children), hanging_job.pid]:
            os.kill(process, sent)
    hanging_job.wait()
    time.sleep(1)
    [name] = _running()
    for folder in containers.own_folders():  # as after a minute, when the folder counts as abandoned
        if containers.container_name(folder) == name:
            subprocess.run(["rm", "-r", str(folder)], check=True)
    Container("podman", podman.IMAGE).remove_abandoned()
    assert podman.left_over() == []


def test_a_grand_challenge_algorithm_plays_unchanged_and_starts_anew_each_round(image, capfd):
    rules = {"begin": "nothing", "correct": "points", "policy": "centre-click/1", "window": "image"}
    played = session(algorithm(image), user(np.roll(TRUTH, 4, axis=1), **rules))
    assert (played.status, played.error, played.confinement) == ("ok", "", "podman")
    first, *rounds = [step.mask for step in played.steps]
    assert np.array_equal(first, TRUTH)
    drawn = played.scribbles().label_map()
    assert len(rounds) == 2
    assert rounds[-1][drawn == 1].all()
    assert not rounds[-1][drawn == 2].any()
    assert capfd.readouterr().err.count("a line for the log") == 3
    assert podman.left_over() == []


def test_an_algorithm_that_fails_fails_its_session(image):
    broken = algorithm(image).model_copy(
        update={"command": tuple(podman.python("-c", "raise OSError('no')"))}
    )
    played = session(broken, user(correct="points", policy="centre-click/1"))
    assert played.error == "initial: the algorithm ended with exit code 1: OSError: no"


def test_a_changed_image_changes_the_fingerprint(image):
    before = method_fingerprint(card(image), HERE)
    assert method_fingerprint(card(image), HERE) == before
    find_image.cache_clear()
    assert podman.build_image() == ""  # an image of the same name, made later
    assert method_fingerprint(card(image), HERE) != before


@pytest.mark.parametrize("name", ["localhost/nowhere:1", "--help"])
def test_no_engine_has_the_image(image, name):
    with pytest.raises(InputError, match=rf"image: {name}: podman.* no such image; build it, or load"):
        program(card(name), HERE)


def _hanging():
    """Names of running containers whose program wrote a result, after which it hangs."""
    return [name for name in _running() if any(path.parts[-3] == f"{name}.own" for path in _results())]


def _results():
    """The results that lie in the folders of methods."""
    return list(Path(gettempdir()).glob("bifseg-*.own/shared/result.nii"))


def _running():
    names = podman.podman("ps", "--filter", "label=bifseg", "--format", "{{.Names}}").stdout
    return names.decode().split()


# Without an engine.

FAKE = """#!{python}
import json, os, sys
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(words) + "\\n")
if words[:2] == ["image", "inspect"]:
    print("sha256:abc" if words[-1] == "ours:1" else "", end="")
elif "run" in words or "exec" in words:
    mounts = [word.split(":") for word in words if word.count(":") and word.startswith("/")]
    os.chdir(mounts[0][0])
    at = next(k for k, word in enumerate(words) if word in ("sha256:abc", {sif!r}))
    os.execvp(words[at + 1], words[at + 1:])
"""


@pytest.fixture
def fake_engine(tmp_path, monkeypatch):
    """Puts an engine on the path that starts the program without a container, and gives its commands."""

    def install(name):
        log, program_file = tmp_path / "log", tmp_path / "bin" / name
        program_file.parent.mkdir()
        program_file.write_text(
            FAKE.format(python=sys.executable, log=str(log), sif=str(tmp_path / "model.sif"))
        )
        program_file.chmod(program_file.stat().st_mode | stat.S_IXUSR)
        (tmp_path / "model.sif").touch()
        monkeypatch.setenv("PATH", str(program_file.parent))
        find_image.cache_clear()
        return lambda: [json.loads(line) for line in log.read_text().splitlines()]

    yield install
    find_image.cache_clear()


def outside(image, *words, **keys):
    return MethodCard(image=image, command=[sys.executable, str(podman.METHOD), *words], **keys)


def test_apptainers_memory_is_limited_by_the_supervisor(fake_engine, tmp_path):
    fake_engine("apptainer")
    played = session(outside(str(tmp_path / "model.sif"), "greedy"), user(), memory_mb=200)
    assert played.error.startswith("initial: out of memory: ")


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_the_commands_of_podman_and_docker(fake_engine, engine):
    commands = fake_engine(engine)
    played = session(outside("ours:1", gpu=True), user(), memory_mb=400)
    assert (played.status, played.error, played.confinement) == ("ok", "", engine)
    run = next(words for words in commands() if words[0] == "run")
    name = run[run.index("--name") + 1]
    for expected in (
        *(["--rm", "--interactive"], ["--pull", "never"], ["--network", "none"], ["--cap-drop", "all"]),
        *(["--memory", "400m", "--memory-swap", "400m"], ["--security-opt", "no-new-privileges"]),
        ["--device", "nvidia.com/gpu=all"] if engine == "podman" else ["--gpus", "all"],
        *(["--workdir", "/session"], ["--env", "OMP_NUM_THREADS=1"]),
        ["--user", "0:0" if engine == "podman" else f"{os.getuid()}:{os.getgid()}"],
    ):
        assert any(run[k : k + len(expected)] == expected for k in range(len(run))), expected
    assert [word.split(":")[1] for word in run if word.startswith("/") and ":" in word] == ["/session"]
    assert commands()[-1] == ["rm", "--force", *(["--time", "0"] if engine == "podman" else []), name]


def test_the_commands_of_apptainer(fake_engine, tmp_path):
    commands = fake_engine("apptainer")
    card = outside(str(tmp_path / "model.sif"), gpu=True)
    played = session(card, user())
    assert (played.status, played.error, played.confinement) == ("ok", "", "apptainer")
    run = commands()[-1]
    assert run[:2] == ["--quiet", "exec"]
    assert {"--containall", "--cleanenv", "--nv", "--net"} <= set(run)
    assert next(word for word in run if word.startswith("/") and ":" in word).endswith(":/session")


def test_an_image_runs_its_own_program_and_online_ones_have_a_network(tmp_path):
    container = Container("docker", "ours:1", network=True)
    words = container.run((), {"/here": "/there:ro"}, {})
    assert words[-1] == "ours:1"
    assert "--network" not in words
    assert "--workdir" not in words
    assert "/here:/there:ro" in words
    assert Container("apptainer", "a.sif").run((), {}, {})[:3] == ("apptainer", "--quiet", "run")
    assert Container("apptainer", "a.sif").removal() == ()


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("ours:1", "image: ours:1: neither podman nor docker is installed on this machine"),
        ("a.sif", "image: a.sif: apptainer is not installed on this machine"),
    ],
)
def test_no_engine(monkeypatch, tmp_path, image, message):
    monkeypatch.setenv("PATH", str(tmp_path))
    find_image.cache_clear()
    with pytest.raises(InputError, match=message):
        program(outside(image), HERE)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"method": "geos", "image": "a"}, "give either 'method' or 'command'"),
        ({"command": ["a"], "gpu": True}, "'gpu' and 'exchange' need a container"),
        ({"image": "a", "command": ["{card}/serve.py"]}, "the container does not see {card}"),
        ({"image": "a", "exchange": "grand-challenge"}, "needs 'plays', and 'settings' with a 'result'"),
    ],
)
def test_a_card_that_contradicts_itself(keys, message):
    with pytest.raises(ValueError, match=message):
        MethodCard(**keys)


def test_a_grand_challenge_algorithm_takes_no_box(fake_engine):
    fake_engine("podman")
    card = outside("ours:1", exchange="grand-challenge", settings={"result": "a"}, plays=BOXED)
    with pytest.raises(InputError, match="gets points, no box"):
        program(card, HERE)


@pytest.mark.parametrize(("says", "number"), [("412\n", 412), ("\u00b2\n", 0), ("", 0)])
def test_what_an_engine_says_of_a_process_is_a_number_or_nothing(monkeypatch, says, number):
    monkeypatch.setattr(containers, "_output", lambda *_: says)
    assert Container("docker", "image:1").process("name") == number
