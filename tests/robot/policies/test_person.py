import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from bifseg.core.seeds import generator
from bifseg.robot.policies.person import FITTED, Person, read_params
from bifseg.robot.policies.registry import policy
from bifseg.robot.users import user_profile

DISC = np.hypot(*(np.indices((120, 120)) - 60)) <= 40
ONE = (1.0, 1.0)
FIXED = replace(Person.params, number_sd=0.0, length_sd=0.0, thin_share=0.0, wobble_mm=0.0, reach_sd=0.0)


def draw(truth, result=None, seed=0, spacing=ONE, most=12, **params):
    result = np.zeros_like(truth) if result is None else result
    return Person(replace(FIXED, **params)).strokes(truth, result, spacing, generator(seed), most)


@pytest.mark.parametrize(("version", "date"), [(1, "2026-11-28"), (2, "2026-11-29")])
def test_the_file_names_the_data_its_licence_and_the_date(version, date):
    record = json.loads(FITTED[version].read_text())
    assert record["data"].startswith("MedScribble")
    assert "CC BY 4.0" in record["licence"]
    assert record["date"] == date
    assert read_params(FITTED[version]) == policy(f"person/{version}").params


@pytest.mark.parametrize("number", [1.0, 3.0])
def test_the_number_of_strokes_is_drawn_and_bounded(number):
    assert len(draw(DISC, number=(number, 1.0), length=(0.5, 1.0))) == number
    assert len(draw(DISC, number=(9.0, 1.0), length=(0.5, 1.0), most=2)) == 2


def test_more_pieces_get_more_strokes():
    pieces = np.zeros((60, 160), bool)
    for k in range(4):
        pieces[10:50, 5 + 40 * k : 35 + 40 * k] = True
    assert len(draw(pieces, number=(1.0, 1.0), pieces_power=0.5)) == 2
    assert len(draw(pieces, number=(1.0, 1.0), pieces_power=1.0)) == 4


def test_the_length_is_relative_to_the_object():
    (stroke,) = draw(DISC, number=(1.0, 1.0), length=(1.0, 1.0), depth=(0.4, 0.4))
    assert stroke.length_mm(ONE) == pytest.approx(np.sqrt(DISC.sum()), rel=0.06)


@pytest.mark.parametrize("depth", [0.3, 0.6])
def test_foreground_follows_the_border_at_the_depth(depth):
    (stroke,) = draw(DISC, number=(1.0, 1.0), depth=(depth, depth))
    assert np.hypot(*(stroke.path - 60).T) == pytest.approx(40.5 - depth * 40.5, abs=1)


def test_background_goes_round_the_object_at_the_reach():
    leak = ~DISC
    strokes = draw(DISC, DISC | leak, number=(1.0, 1.0), reach_mm=8.0, depth=(1.0, 1.0))
    (stroke,) = strokes
    assert not stroke.foreground
    assert np.hypot(*(stroke.path - 60).T) == pytest.approx(49, abs=1.5)


def test_a_thick_brush_crosses_the_border_of_a_thin_object():
    vessel = np.zeros((60, 60), bool)
    vessel[29:32, 5:55] = True
    (stroke,) = draw(vessel, number=(1.0, 1.0))
    outside = ~vessel[tuple(stroke.voxels.T)]
    assert outside.mean() > 0.2
    assert vessel[tuple(np.floor(stroke.path + 0.5).astype(int).T)].all()


def test_a_hand_wobbles_by_the_deviation():
    far = []
    for seed in range(20):
        for stroke in draw(DISC, seed=seed, number=(1.0, 1.0), depth=(0.4, 0.4), wobble_mm=2.0):
            far += list(np.hypot(*(stroke.path - 60).T) - 24.3)
    assert np.std(far) == pytest.approx(2.0, rel=0.35)
    assert np.max(np.abs(far)) < 2 * 2 * np.sqrt(2) + 1


def test_no_wobbling_stroke_is_longer_than_the_longest():
    strokes = [s for seed in range(20) for s in draw(DISC, seed=seed, max_length_mm=30.0, wobble_mm=4.0)]
    lengths = [stroke.length_mm(ONE) for stroke in strokes]
    assert 25 < max(lengths) <= 30


def test_strokes_of_a_round_do_not_repeat_each_other():
    strokes = draw(DISC, number=(4.0, 1.0), length=(0.6, 1.0))
    voxels = np.concatenate([s.voxels for s in strokes])
    assert len(np.unique(voxels, axis=0)) == len(voxels)


def test_ignored_voxels_are_not_marked():
    ignored = np.indices(DISC.shape)[1] > 60
    robot = user_profile("expert").plays(Person(), ignored=ignored)
    drawn = robot.strokes(DISC, DISC & ignored, ONE, generator(0), 12)
    assert drawn
    assert all(not ignored[tuple(s.voxels.T)].any() for s in drawn)


def test_all_strokes_of_a_label_lie_in_one_slice():
    ball = (
        np.linalg.norm((np.moveaxis(np.indices((9, 60, 64)), 0, -1) - (4, 28, 30)) * (6.5, 1, 1), axis=-1)
        < 24
    )
    strokes = draw(
        ball, np.roll(ball, 9, axis=2), spacing=(6.5, 1.0, 1.0), number=(3.0, 3.0), length=(0.3, 0.3)
    )
    for label in (True, False):
        slices = {int(z) for s in strokes if s.foreground == label for z in s.voxels[:, 0]}
        assert len(slices) == 1
    assert len(strokes) > 3


@given(seed=st.integers(0, 999), pad=st.integers(1, 4), sigma=st.sampled_from([1.5, 3.0]))
@settings(max_examples=25, deadline=None)
def test_away_from_the_ends_of_the_image_its_place_does_not_matter(seed, pad, sigma):
    rng = np.random.default_rng(seed)
    masks = [ndimage.gaussian_filter(rng.standard_normal((30, 34)), sigma) > 0 for _ in range(2)]
    truth, result = (np.pad(m, 20) for m in masks)
    moved = [np.pad(m, [(pad, 2 * pad)] * 2) for m in (truth, result)]
    a = Person().strokes(truth, result, ONE, generator(seed), 3)
    b = Person().strokes(*moved, ONE, generator(seed), 3)
    assert [(s.foreground, (s.voxels + pad).tolist()) for s in a] == [
        (s.foreground, s.voxels.tolist()) for s in b
    ]


@given(seed=st.integers(0, 999), ndim=st.sampled_from([2, 3]))
@settings(max_examples=30, deadline=None)
def test_any_masks_can_be_drawn_on(seed, ndim):
    rng = np.random.default_rng(seed)
    shape, spacing = ((22, 26), (0.6, 1.4)) if ndim == 2 else ((6, 14, 16), (6.5, 1.0, 1.0))
    truth, result = (ndimage.gaussian_filter(rng.standard_normal(shape), 1.5) > 0 for _ in range(2))
    for stroke in Person(replace(Person.params, min_area_mm2=0.0)).strokes(
        truth, result, spacing, generator(seed), 5
    ):
        assert len(stroke.voxels)
        assert (stroke.voxels >= 0).all()
        assert (stroke.voxels < shape).all()
        on_path = {tuple(v) for v in np.floor(stroke.path + 0.5).astype(int)}
        assert on_path <= {tuple(v) for v in stroke.voxels}


@pytest.mark.parametrize(("name", "mm"), [("person/1", 4.0), ("person/2", 3.0)])
def test_a_stroke_has_no_gap_where_voxels_are_larger_than_the_brush(name, mm):
    pieces = []
    for seed in range(12):
        noise = np.random.default_rng(seed)
        truth, result = (ndimage.gaussian_filter(noise.standard_normal((40, 48)), 4) > 0 for _ in range(2))
        for stroke in policy(name).strokes(truth, result, (mm, mm), generator(seed, "gaps"), 12):
            painted = np.zeros(truth.shape, bool)
            painted[tuple(stroke.voxels.T)] = True
            pieces.append(ndimage.label(painted, np.ones((3, 3)))[1])
    assert set(pieces) == {1}
