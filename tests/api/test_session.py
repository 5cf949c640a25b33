"""`bs.simulate` plays one session in this process; the `Session` shows and scores it."""

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image as Picture

import bifseg as bs
from bifseg.sessions.game import play
from bifseg.sessions.record import Identity
from bifseg.sessions.users import SimulatedUser


class Threshold:
    dimensions = frozenset({2, 3})
    prompts = frozenset({"box", "scribbles"})

    def start(self, image, box):
        self.image = image
        self.bright = box.paste(image.voxels[box.slices] > 60, image.voxels.shape)
        return self.bright

    def refine(self, scribbles):
        return self.bright & ~scribbles.background | scribbles.foreground


class Breaks(Threshold):
    def refine(self, scribbles):
        raise RuntimeError("no memory left")


class Flat(Threshold):
    dimensions = frozenset({2})


class Painting(Threshold):
    prompts = frozenset({"mask", "scribbles"})

    def start_from(self, image, box, mask):
        return mask


class FromScribbles(Threshold):
    prompts = frozenset({"scribbles"})


def case(shape=(40, 44), spacing=None):
    truth = np.zeros(shape, bool)
    truth[tuple(slice(n // 4, 3 * n // 4) for n in shape)] = True
    seen = truth.copy()
    seen[tuple(slice(n // 4, n // 2) for n in shape)] = False  # a corner that the threshold misses
    voxels = np.where(seen, 100, 0) + np.random.default_rng(0).normal(0, 5, shape)
    return bs.Image(voxels.astype(np.float32), bs.Grid.plain(shape, spacing)), truth


RULES = bs.Protocol(rounds=3, target=None, patience=None)


def test_rows_are_the_steps_and_count_the_effort():
    session = bs.simulate(Threshold(), *case(), protocol=RULES, seed=3, name="mine")
    scores = session.scores()
    assert scores["step"].tolist() == ["initial", "round-1", "round-2", "round-3"]
    assert set(scores["method"]) == {"mine"}
    assert scores["n_strokes"].is_monotonic_increasing
    image, truth = case()
    for row, step in zip(scores.to_dict("records"), range(4), strict=True):
        measured = bs.score(session.result(step), truth, image.grid.spacing)
        assert row["dice"] == measured["dice"]
        assert row["assd_mm"] == measured["assd_mm"]


def test_sessions_depend_on_the_seed():
    def strokes(seed):
        session = bs.simulate(Threshold(), *case(), protocol=RULES, seed=seed)
        return [stroke.voxels.tolist() for stroke in session.record.scribbles().strokes]

    assert strokes(1) == strokes(1) != strokes(2)


def test_simulate_gives_the_session_of_the_simulated_user():
    """The same box and strokes as `bifseg run` draws, given the same names."""
    image, truth = case()
    user = SimulatedUser(image, truth, RULES, 10, 5, seed_key=Identity(structure="lung").seed_key)
    alone = play(user, Threshold())
    api_record = bs.simulate(Threshold(), image, truth, protocol=RULES, seed=5, structure="lung").record
    assert api_record.box == alone.box
    for api_step, step in zip(api_record.steps, alone.steps, strict=True):
        np.testing.assert_array_equal(api_step.mask, step.mask)
    assert replace(api_record.identity, method="") == Identity(
        structure="lung", dimension=2, policy=RULES.policy, box=RULES.box, user=RULES.user
    )


def test_a_method_that_raises_fails_and_says_why():
    session = bs.simulate(Breaks(), *case(), protocol=RULES)
    assert session.ended == "failed"
    assert session.error == "round-1: RuntimeError: no memory left"
    assert session.scores()["status"].tolist() == ["ok", "failed"]


@pytest.mark.parametrize(
    ("method", "truth", "words"),
    [
        (Threshold(), np.ones((40, 43), bool), "bool array of the image's shape"),
        (Threshold(), np.ones((40, 44), int), "bool array of the image's shape"),
        (Threshold(), np.zeros((40, 44), bool), "has no voxel"),
        (Threshold(), [[True]], "truth: list"),
        (object(), None, "lacks dimensions"),
        (Threshold, None, r"method: Threshold is a class; give an object, such as Threshold\(\)"),
    ],
)
def test_invalid_arguments_are_refused(method, truth, words):
    image, right = case()
    with pytest.raises(bs.InputError, match=words):
        bs.simulate(method, image, right if truth is None else truth)


def test_an_image_and_a_protocol_of_another_type_are_refused():
    image, truth = case()
    with pytest.raises(bs.InputError, match="image: ndarray; give a bifseg"):
        bs.simulate(Threshold(), image.voxels, truth)
    with pytest.raises(bs.InputError, match="protocol: str; give a bifseg"):
        bs.simulate(Threshold(), image, truth, protocol="own-scribbles")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"typo": 1}, "typo: unknown key; correct its name or remove it"),
        ({"rounds": -1}, "rounds: Input should be greater than or equal to 0 (is -1)"),
        ({"begin": "points"}, "card: one policy draws all: with 'begin: points' write 'correct: points' or"),
        ({"policy": "centre-lin/1"}, "policy: Input should be 'centre-line/1', 'line/1', 'contour/1', "),
        (
            {"box": "margin"},
            "box: Input should be 'margin/1', 'tight/1', 'jittered/1' or 'loose/1' (is 'margin')",
        ),
        ({"disturb": {"axis": "no", "levels": [0]}}, "disturb.axis: no such axis"),
    ],
)
def test_a_wrong_rule_of_a_protocol_is_one_line(rules, message):
    with pytest.raises(bs.InputError) as raised:
        bs.Protocol(**rules)
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("wrong", [{"box_margin": -1}, {"box_margin": 2.5}, {"tolerance_mm": -1.0}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(bs.InputError, match=f"{next(iter(wrong))}: .*; give "):
        bs.simulate(Threshold(), *case(), **wrong)


def test_voxels_that_are_not_finite_are_refused():
    image, truth = case()
    image.voxels[3, 3] = np.nan
    with pytest.raises(bs.InputError, match="image: channel '' has voxels that are not finite"):
        bs.simulate(Threshold(), image, truth)


def test_a_notebook_shows_a_session_in_one_line():
    assert (
        repr(bs.simulate(Threshold(), *case(), protocol=RULES))
        == "<session of Threshold: 4 steps, ended: rounds>"
    )
    assert repr(bs.simulate(Breaks(), *case(), protocol=RULES)) == (
        "<session of Breaks: 1 step, ended: failed, round-1: RuntimeError: no memory left>"
    )


def test_a_method_that_cannot_play_here_is_refused():
    with pytest.raises(bs.InputError, match="Flat plays in 2D"):
        bs.simulate(Flat(), *case((8, 20, 20)))
    with pytest.raises(bs.InputError, match="starts from scribbles"):
        bs.simulate(FromScribbles(), *case(), protocol=bs.Protocol(scribbles_on="initial"))
    with pytest.raises(bs.InputError, match="protocol: begins with a mask, which `simulate` does not give"):
        bs.simulate(Painting(), *case(), protocol=bs.Protocol(begin="mask", initial_from="manifest"))


def pixels(figure):
    with Picture.open(io.BytesIO(figure._repr_png_())) as picture:
        return np.asarray(picture.convert("RGB")).reshape(-1, 3)


@pytest.mark.parametrize(("shape", "spacing"), [((40, 44), None), ((9, 30, 34), (3.0, 1.0, 1.0))])
def test_show_draws_any_round(shape, spacing):
    session = bs.simulate(Threshold(), *case(shape, spacing), protocol=RULES)
    figures = [session.show(number) for number in (0, 1, None)]
    for figure, title in zip(figures, ("initial", "round-1", session.record.steps[-1].name), strict=True):
        assert isinstance(figure, Figure)
        image, drawn = figure.axes
        assert image.get_title(loc="left") == "image"
        assert drawn.get_title(loc="left").startswith(f"{title}: Dice ")
        assert figure._repr_png_().startswith(b"\x89PNG"), "a notebook shows it as it is"
        assert [text.get_text() for text in figure.legends[0].texts][:2] == ["truth", "result"]
        assert len(drawn.patches) == 1, "the box"
        assert len(drawn.collections) == 2, "the contours of truth and result"
    colours = {tuple(colour) for colour in pixels(figures[1]).tolist()}
    assert (0xE8, 0x59, 0x0C) in colours or (0x56, 0xB4, 0xE9) in colours, "strokes"
    assert not figures[0].axes[1].images[-1].get_array().count(), "no strokes before the first round"


def test_show_takes_a_slice_of_a_volume():
    session = bs.simulate(Threshold(), *case((9, 30, 34), (3.0, 1.0, 1.0)), protocol=RULES)
    for axis, shape in ((0, (30, 34)), (1, (9, 34)), (2, (9, 30))):
        shown = session.show(0, axis=axis).axes[0].images[0].get_array()
        assert shown.shape == shape
    np.testing.assert_array_equal(
        session.show(0, axis=0, index=5).axes[0].images[0].get_array(), session.image.voxels[5]
    )


def test_show_refuses_missing_rounds_and_planes():
    flat = bs.simulate(Threshold(), *case(), protocol=RULES)
    with pytest.raises(bs.InputError, match=r"round 9: .* it has rounds 0 to 3"):
        flat.show(9)
    with pytest.raises(bs.InputError, match="the image is 2D"):
        flat.show(0, axis=1)
    deep = bs.simulate(Threshold(), *case((9, 30, 34)), protocol=RULES)
    with pytest.raises(bs.InputError, match="no slice of an image of shape"):
        deep.show(0, axis=0, index=9)


def test_show_keeps_matplotlib_s_backend():
    code = (
        "import matplotlib; matplotlib.use('svg')\n"
        "import bifseg.reports.session_pictures, sys\n"
        "sys.exit(matplotlib.get_backend() != 'svg' or 'matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
