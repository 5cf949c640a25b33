"""The nnInteractive adapter: what the package is given, and what comes back.

With a stub in the package's place, which notes what it is given; and with the package itself, on random weights, where
BIFSEG_NNINTERACTIVE_PYTHON names the Python that has it (adapters/nninteractive/README.md).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bifseg.cards.cards import MethodCard, ProtocolCard, read_card
from bifseg.cli.main import main
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.process.process import MethodProcess
from bifseg.methods.process.programs import program
from bifseg.sessions.game import play
from bifseg.sessions.users import SimulatedUser

HERE = Path(__file__).parent
ADAPTER = HERE.parents[1] / "adapters" / "nninteractive"
SERVE = str(ADAPTER / "serve.py")
SHAPE = (12, 30, 34)
BOX = Box((2, 6, 7), (9, 21, 26))
PYTHON = os.environ.get("BIFSEG_NNINTERACTIVE_PYTHON", "")
real = pytest.mark.skipif(not PYTHON, reason="BIFSEG_NNINTERACTIVE_PYTHON names no Python with nnInteractive")


def picture():
    """A bright ball on noise; it lies partly outside BOX."""
    noise = np.random.default_rng(3).normal(0, 1, SHAPE)
    z, y, x = np.indices(SHAPE)
    ball = (2 * (z - 5)) ** 2 + (y - 14) ** 2 + (x - 24) ** 2 < 64
    return ball, Image((100 + 80 * ball + noise).astype(np.float32), Grid.plain(SHAPE, (3.0, 1.0, 0.8)), "t2")


TRUTH, IMAGE = picture()
GAME = SimulatedUser(
    IMAGE,
    TRUTH,
    ProtocolCard(rounds=2, target=None),
    3,
    1,
    seed_key=("cohort", "case", "ball", "case_ball", 0),
)


def stroke(foreground, *voxels):
    return Stroke(foreground, np.array(voxels, float), np.array(voxels))


@pytest.fixture(scope="module")
def noted():
    """A file that a confined method may write: in shared memory, since it may write nowhere else on the disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder) / "notes"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "fold_0" / "checkpoint_final.pth"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.fixture(scope="module")
def _stub(noted):
    """Puts the stub in the package's place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(HERE / "stub"))
        patch.setenv("STUB_NOTES", str(noted))
        yield


def process(model, **settings):
    online = str(model).startswith("http")
    card = MethodCard(command=(sys.executable, "-P", SERVE, str(model)), settings=settings, online=online)
    return MethodProcess(program(card, ADAPTER, threads=2))


@pytest.fixture
def started(checkpoint, _stub):
    """Starts the adapter on the stub; `notes` reads what the stub was given."""
    processes = []

    def start(model=checkpoint, **settings):
        processes.append(process(model, **settings))
        return processes[-1]

    yield start
    for one in processes:
        one.close()


@pytest.fixture(scope="module")
def adapter(checkpoint, _stub):
    """The adapter in one process for all tests that begin a session of their own."""
    method = process(checkpoint)
    yield method
    method.close()


@pytest.fixture
def notes(noted):
    """Reads what the stub was given in this test."""
    noted.write_text("")

    def read(*calls):
        lines = [json.loads(line) for line in noted.read_text().splitlines()]
        return [line for line in lines if line["call"] in calls]

    return read


def test_model_is_loaded_once_for_all_sessions(started, notes, checkpoint):
    method = started()
    assert (method.dimensions, method.prompts) == ({3}, {"box", "scribbles", "points", "mask"})
    assert (method.adapts, method.undoes) == (False, True)
    for _ in range(2):
        assert play(GAME, method).status == "ok"
    (opened, loaded) = notes("init", "model")
    assert (opened["threads"], opened["undo"]) == (2, True)
    assert loaded["checkpoint"] == str(checkpoint)


def test_the_image_is_passed_in_array_order(adapter, notes):
    adapter.start(IMAGE, BOX)
    (image,) = notes("image")
    assert image["shape"] == [1, *SHAPE]
    assert image["corner"] == IMAGE.voxels[0, 0, 1]


def test_a_model_without_3d_boxes_gets_the_middle_slices_of_the_box(adapter, notes):
    adapter.start(IMAGE, BOX)
    assert [(note["box"], note["include"]) for note in notes("box")] == [
        ([[5, 6], [6, 21], [7, 26]], True),
        ([[2, 9], [13, 14], [7, 26]], True),
        ([[2, 9], [6, 21], [16, 17]], True),
    ]


def test_a_model_with_3d_boxes_gets_the_whole_box(started, notes, monkeypatch):
    monkeypatch.setenv("STUB_LACKS", "")
    started().start(IMAGE, BOX)
    assert [note["box"] for note in notes("box")] == [[[2, 9], [6, 21], [7, 26]]]


def test_box_of_one_slice_is_given_as_it_is(adapter, notes):
    adapter.start(IMAGE, Box((4, 6, 7), (5, 21, 26)))
    assert [note["box"] for note in notes("box")] == [[[4, 5], [6, 21], [7, 26]]]


def test_each_stroke_is_passed_once_with_its_label(adapter, notes):
    adapter.start(IMAGE, BOX)
    first = [stroke(True, (5, 14, 22), (5, 14, 23)), stroke(False, (4, 8, 9))]
    second = [stroke(False, (3, 8, 10), (3, 9, 10))]
    first[1] = stroke(False, (4, 8, 9), (4, 8, 10))
    adapter.refine(Scribbles(SHAPE, tuple(first)))
    adapter.refine(Scribbles(SHAPE, tuple(first + second)))
    assert [(note["voxels"], note["include"]) for note in notes("scribble")] == [
        ([[5, 14, 22], [5, 14, 23]], True),
        ([[4, 8, 9], [4, 8, 10]], False),
        ([[3, 8, 10], [3, 9, 10]], False),
    ]


def test_a_stroke_of_one_voxel_is_a_point_if_the_model_takes_points(started, notes, monkeypatch):
    for lacks, call in (("bbox3d", "point"), ("bbox3d,points", "scribble")):
        monkeypatch.setenv("STUB_LACKS", lacks)
        method = started()
        assert ("points" in method.prompts) == (call == "point")
        method.start(IMAGE, BOX)
        method.refine(Scribbles(SHAPE, (stroke(True, (5, 14, 22)),)))
    calls = notes("point", "scribble")
    assert [(note["call"], note["include"]) for note in calls] == [("point", True), ("scribble", True)]
    assert calls[0]["voxel"] == calls[1]["voxels"][0] == [5, 14, 22]


@pytest.mark.parametrize(
    ("lacks", "prompts"),
    [
        ("bbox2d,bbox3d", {"scribbles", "points", "mask"}),
        ("scribble", {"box", "points", "mask"}),
        ("initial_label", {"box", "scribbles", "points"}),
        ("bbox2d", {"box", "scribbles", "points", "mask"}),
    ],
)
def test_prompts_are_those_of_the_checkpoint(started, monkeypatch, lacks, prompts):
    monkeypatch.setenv("STUB_LACKS", lacks)
    assert started().prompts == prompts


def test_a_box_of_the_whole_image_is_not_passed(adapter, notes):
    whole = Box((0, 0, 0), SHAPE)
    assert not adapter.start(IMAGE, whole).any()
    assert notes("box") == []


def test_an_existing_mask_is_the_first_result_and_is_corrected(adapter, notes):
    existing = np.roll(TRUTH, 3, axis=1)
    whole = Box((0, 0, 0), SHAPE)
    np.testing.assert_array_equal(adapter.start_from(IMAGE, whole, existing), existing)
    result = adapter.refine(Scribbles(SHAPE, (stroke(True, (0, 0, 0)),)))
    assert result[0, 0, 0]
    assert [note["call"] for note in notes("mask", "box", "point")] == ["mask", "point"]
    assert notes("mask") == [{"call": "mask", "voxels": int(existing.sum()), "predicts": False}]


FIRST, SECOND, TWO = [stroke(True, (4, 8, 9))], [stroke(True, (4, 10, 9))], []
TWO += [stroke(True, (4, 9, 9)), stroke(False, (5, 14, 22))]


@pytest.mark.parametrize(
    ("rounds", "calls"),
    [
        (
            [FIRST, TWO, SECOND],
            ["undo", "reset", "undo"],
        ),  # a round of two strokes: the others are given anew
        ([FIRST, SECOND], ["undo", "undo", "reset"]),  # the package undoes one interaction and no second
    ],
)
def test_undo_gives_the_result_before_the_round(adapter, notes, rounds, calls):
    results, drawn = [adapter.start(IMAGE, BOX)], []
    for strokes in rounds:
        drawn += strokes
        results.append(adapter.refine(Scribbles(SHAPE, tuple(drawn))))
    for before in results[-2::-1]:
        np.testing.assert_array_equal(adapter.undo(), before)
    assert [note["call"] for note in notes("undo", "reset")] == calls


def test_a_server_is_played_through_its_client(started, notes, monkeypatch):
    monkeypatch.setenv("NN_INTERACTIVE_API_KEY", "key")
    method = started("http://127.0.0.1:1527")
    assert play(GAME, method).status == "ok"
    method.close()
    assert [note["call"] for note in notes("init", "claim")] == ["claim"]
    assert notes("claim") == [{"call": "claim", "server": "http://127.0.0.1:1527", "key": "key"}]


def test_a_session_of_a_server_is_released_at_the_end(notes, noted):
    environment = {**os.environ, "PYTHONPATH": str(HERE / "stub"), "STUB_NOTES": str(noted)}
    opening = json.dumps({"call": "open", "device": "cpu", "threads": 1, "settings": {}})
    words = [sys.executable, SERVE, "http://server"]
    subprocess.run(words, input=opening + "\n", text=True, env=environment, check=True, capture_output=True)
    assert len(notes("claim")) == len(notes("release")) == 1


def test_result_ends_at_the_box(adapter):
    bright = IMAGE.voxels > IMAGE.voxels.mean()
    inside = np.zeros(SHAPE, bool)
    inside[BOX.slices] = True
    assert (bright & ~inside).any()
    np.testing.assert_array_equal(adapter.start(IMAGE, BOX), bright & inside)


@pytest.mark.parametrize(("settings", "as_drawn"), [({}, True), ({"as_drawn": False}, False)])
def test_drawn_voxels_keep_their_label_unless_the_card_disables_it(started, settings, as_drawn):
    method = started(**settings)
    initial = method.start(IMAGE, BOX)
    assert not initial[4, 8, 9]
    assert initial[5, 14, 22]
    assert initial[5, 14, 23]
    contrary, outside = stroke(False, (5, 14, 22), (5, 14, 23)), stroke(True, (0, 0, 0), (0, 0, 1))
    strokes = (stroke(True, (4, 8, 9), (5, 14, 22)), contrary, outside)
    drawn = initial.copy()
    drawn[4, 8, 9], drawn[5, 14, 22], drawn[5, 14, 23] = True, False, False
    result = method.refine(Scribbles(SHAPE, strokes))
    np.testing.assert_array_equal(result, drawn if as_drawn else initial)


def test_nothing_of_a_session_is_left_in_the_next(adapter, notes):
    drawn = Scribbles(SHAPE, (stroke(False, (5, 14, 22)),))
    initial = adapter.start(IMAGE, BOX)
    after = adapter.refine(drawn)
    np.testing.assert_array_equal(adapter.start(IMAGE, BOX), initial)
    np.testing.assert_array_equal(adapter.refine(drawn), after)
    assert [note["call"] for note in notes("image", "buffer", "point")] == [
        "image",
        "buffer",
        "point",
    ] * 2


def test_sessions_draw_the_same_random_numbers(started, notes):
    for _ in range(2):
        method = started()
        method.start(IMAGE, BOX)
        method.start(IMAGE, BOX)
    assert len({note["draw"] for note in notes("image")}) == 1


def test_time_and_memory_are_reported(adapter):
    adapter.start(IMAGE, BOX)
    begun = adapter.seconds["machine"]
    adapter.refine(Scribbles(SHAPE, (stroke(True, (5, 14, 22)),)))
    assert 0 < begun < adapter.seconds["machine"]
    assert adapter.peak_mb["rss"] > 50


def test_error_of_the_package_is_a_failed_session_and_the_next_one_plays(adapter):
    dark = replace(IMAGE, voxels=np.zeros(SHAPE, np.float32))
    session = play(replace(GAME, image=dark), adapter)
    assert (session.status, session.error) == ("failed", "initial: ValueError: Input image is entirely zero")
    assert play(GAME, adapter).status == "ok"
    assert not adapter.died


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"model": Path("/nowhere/fold_0/x.pth")}, "no such checkpoint"), ({"smooth": 1}, "argument 'smooth'")],
)
def test_wrong_card_is_bad_input(started, settings, reason):
    with pytest.raises(InputError, match=reason):
        started(**settings)


def test_card_of_the_server():
    card = read_card(MethodCard, ADAPTER / "nninteractive-server.yaml")
    assert card.online
    assert card.plays == read_card(MethodCard, ADAPTER / "nninteractive.yaml").plays


def test_card_holds_here_and_among_the_methods():
    card = read_card(MethodCard, ADAPTER / "nninteractive.yaml")
    assert list(card.plays.dimensions) == [3]
    assert card.confined
    for place in (ADAPTER, ADAPTER.parents[1] / "config" / "methods"):
        words = [Path(word.replace("{card}", str(place))).resolve() for word in card.command]
        assert words[1] == Path(SERVE)
        assert words[2].parents[2] == ADAPTER


@pytest.fixture(scope="module")
def real_card(tmp_path_factory):
    """The card of this repository with the package's own Python, and a model with random weights."""
    folder = tmp_path_factory.mktemp("nninteractive")
    subprocess.run([PYTHON, str(HERE / "make_model.py"), str(folder / "model")], check=True)
    shutil.copy(SERVE, folder)
    card = read_card(MethodCard, ADAPTER / "nninteractive.yaml").model_dump(mode="json")
    card["command"] = [PYTHON, "{card}/serve.py", "{card}/model/fold_0/checkpoint_final.pth"]
    (folder / "nninteractive.yaml").write_text(json.dumps(card))
    return folder / "nninteractive.yaml"


@real
def test_package_keeps_the_contract(real_card, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bifseg", "check-method", str(real_card), "--device", "cpu"])
    with pytest.raises(SystemExit) as raised:
        main()
    printed = capsys.readouterr().out
    assert raised.value.code == 0, printed
    assert printed.splitlines()[0] == "nninteractive: 3D, takes box, mask, points, scribbles"


@real
def test_package_sees_the_scribbles(real_card):
    """What it finds changes with them, and is neither nothing nor everything."""
    card = read_card(MethodCard, real_card).model_copy(update={"settings": {"as_drawn": False}})
    method = MethodProcess(program(card, real_card.parent, device="cpu"))
    session = play(GAME, method)
    method.close()
    assert (session.status, len(session.steps)) == ("ok", 3)
    assert all(0 < step.mask.mean() < 1 for step in session.steps)
    assert (session.steps[0].mask != session.steps[1].mask).any()
