"""Sessions at levels of a disturbance: level 0 is the undisturbed session to the bit, and truth and robot stay."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from bifseg.analysis.scores import score_session
from bifseg.api.session import simulate
from bifseg.cards.cards import ProtocolCard
from bifseg.cards.disturb import AXES
from bifseg.core.geometry import Grid, Image

TRUTH = np.zeros((48, 64), bool)
TRUTH[14:34, 20:50] = True
TRUTH[20:26, 44:50] = False
SEED = 5  # with which a stroke gets the other label at level 8
RULES = {"rounds": 3, "target": None, "strokes_per_label": 2, "patience": None}


def make_image():
    noise = gaussian_filter(np.random.default_rng(5).normal(size=TRUTH.shape), 2.0)
    return Image((100.0 * TRUTH + 400 * noise).astype(np.float32), Grid.plain(TRUTH.shape, (1.5, 1.0)), "t2")


class Threshold:
    """Bright voxels in the box, corrected by what was drawn near them; it keeps what it was given."""

    dimensions, prompts = frozenset({2}), frozenset({"box", "scribbles", "points"})

    def start(self, image, box):
        self.image, self.box = image, box
        self.result = box.paste(image.voxels[box.slices] > 50, image.voxels.shape)
        return self.result

    def refine(self, scribbles):
        self.scribbles = scribbles
        return self.box.paste(
            (self.result & ~scribbles.background | scribbles.foreground)[self.box.slices], self.result.shape
        )


def play(axis="", level=0, **keys):
    disturb = {"disturb": {"axis": axis, "levels": [level]}} if axis else {}
    method = Threshold()
    session = simulate(
        method, make_image(), TRUTH, protocol=ProtocolCard(**RULES | keys | disturb), seed=SEED
    )
    return session.record, method


def facts(record):
    """What a session is besides its label and its seconds."""
    steps = [
        (s.name, s.mask.tolist(), [(k.foreground, k.voxels.tolist()) for k in s.strokes])
        for s in record.steps
    ]
    return record.box, steps, record.ended


def rows(record):
    return [
        {key: value for key, value in row.items() if not key.endswith("_s") and key != "disturbance"}
        for row in score_session(record, TRUTH, "p")
    ]


@pytest.mark.parametrize("axis", AXES)
def test_level_0_is_bit_equal_to_the_undisturbed_session(axis):
    plain, level_0 = play()[0], play(axis)[0]
    assert facts(plain) == facts(level_0)
    assert rows(plain) == rows(level_0)
    assert {row["disturbance"] for row in score_session(level_0, TRUTH, "p")} == {axis}
    assert {row["level"] for row in score_session(level_0, TRUTH, "p")} == {0}


@pytest.mark.parametrize("axis", AXES)
def test_a_disturbed_session_is_reproducible_and_names_its_level(axis):
    plain, first = play()[0], play(axis, 8)[0]
    play("image-noise", 3)  # another session between the two
    second = play(axis, 8)[0]
    assert facts(first) == facts(second)
    assert facts(first) != facts(plain)
    row = score_session(first, TRUTH, "p")[-1]
    assert (row["disturbance"], row["level"]) == (axis, 8)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("begin", ["auto", "scribbles"])
def test_disturbed_prompts_stay_in_the_image(axis, begin):
    if axis.startswith("box") and begin != "auto":
        return
    for level in (4, 8):
        keys = {"begin": begin, "window": "image"} if begin == "scribbles" else {}
        record, _ = play(axis, level, **keys)
        assert record.status == "ok"
        assert all(
            0 <= low < high <= n
            for low, high, n in zip(record.box.lower, record.box.upper, TRUTH.shape, strict=True)
        )
        for step in record.steps:
            for stroke in step.strokes:
                assert (stroke.voxels >= 0).all()
                assert (stroke.voxels < TRUTH.shape).all()


def test_only_the_named_axis_is_disturbed():
    plain, method = play()
    noisy, with_noise = play("image-noise", 6)
    assert noisy.box == plain.box
    assert with_noise.image.grid == method.image.grid
    assert not np.array_equal(with_noise.image.voxels, method.image.voxels)
    moved, with_box = play("box-shift", 6)
    assert moved.box != plain.box
    assert np.array_equal(with_box.image.voxels, method.image.voxels)
    slipped, _ = play("stroke-shift", 6)
    assert slipped.box == plain.box
    assert np.array_equal(slipped.steps[0].mask, plain.steps[0].mask)
    assert facts(slipped) != facts(plain)


def test_strokes_follow_the_truth_on_a_disturbed_image():
    record, _ = play("image-noise", 8)
    strokes = [stroke for step in record.steps for stroke in step.strokes]
    assert strokes
    assert all((TRUTH[tuple(stroke.voxels.T)] == stroke.foreground).all() for stroke in strokes)


def test_clicks_are_disturbed_too():
    points = {"correct": "points", "policy": "centre-click/1", "begin": "box"}
    for axis in ("stroke-shift", "stroke-label"):
        record, _ = play(axis, 8, **points)
        assert all(stroke.is_point for step in record.steps for stroke in step.strokes)
        assert facts(record) != facts(play(**points)[0])
