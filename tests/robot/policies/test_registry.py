"""What holds for every policy, whatever its rule."""

from dataclasses import fields, is_dataclass, replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import cKDTree

from bifseg.cards.cards import ProtocolCard
from bifseg.core.errors import InputError
from bifseg.core.seeds import generator
from bifseg.robot.box import BOXES
from bifseg.robot.drawing.regions import drawing_planes
from bifseg.robot.policies.registry import POLICIES, policy
from bifseg.robot.users import USERS

SPACINGS = {2: [(1.0, 1.0), (0.6, 1.4)], 3: [(2.0, 2.0, 2.0), (6.5, 1.0, 1.0), (1.0, 1.2, 4.0)]}
names = pytest.mark.parametrize("name", POLICIES)
# what crosses borders, and so the ends of an image, has tests of its own (test_person.py)
within = pytest.mark.parametrize("name", [name for name in POLICIES if not policy(name).crosses])
seeds = st.integers(0, 99)


@st.composite
def rounds(draw):
    """Two smooth random masks with a spacing, as truth and result of a round."""
    ndim = draw(st.sampled_from([2, 3]))
    shape = (36, 40) if ndim == 2 else (12, 18, 20)
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    sigma = draw(st.sampled_from([1.0, 3.0]))
    truth, result = (ndimage.gaussian_filter(rng.standard_normal(shape), sigma) > 0 for _ in range(2))
    return truth, result, draw(st.sampled_from(SPACINGS[ndim]))


def _plain(strokes):
    return [(s.foreground, s.path.round(6).tolist(), s.voxels.tolist()) for s in strokes]


@within
@given(game=rounds(), seed=seeds, most=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_strokes_lie_in_the_mistakes_that_they_correct(name, game, seed, most):
    truth, result, spacing = game
    strokes = policy(name).strokes(truth, result, spacing, generator(seed), most)
    for stroke in strokes:
        wrong = truth & ~result if stroke.foreground else result & ~truth
        assert wrong[tuple(stroke.voxels.T)].all()
        assert len(np.unique(stroke.voxels, axis=0)) == len(stroke.voxels)
        on_path = {tuple(v) for v in np.floor(stroke.path + 0.5).astype(int)}
        assert on_path <= {tuple(v) for v in stroke.voxels}
    regions = {(s.foreground, _label(truth, result, s)) for s in strokes}
    n_slices = 3 if name == "random-region/1" and truth.ndim == 3 else 1
    for label in (True, False):
        assert len([r for r in regions if r[0] == label]) <= most * n_slices


def _label(truth, result, stroke):
    wrong = truth & ~result if stroke.foreground else result & ~truth
    return int(ndimage.label(wrong, np.ones((3,) * truth.ndim))[0][tuple(stroke.voxels[0])])


@names
@given(game=rounds(), seed=seeds)
@settings(max_examples=40, deadline=None)
def test_a_stroke_lies_in_a_plane_that_a_person_would_scroll_through(name, game, seed):
    truth, result, spacing = game
    for stroke in policy(name).strokes(truth, result, spacing, generator(seed)):
        moved = set(np.flatnonzero(np.ptp(stroke.voxels, axis=0) > 0))
        moved |= set(np.flatnonzero(np.ptp(stroke.path, axis=0) > 0))
        assert any(moved <= set(plane) for plane in drawing_planes(spacing))


@names
@given(game=rounds(), seed=seeds)
@settings(max_examples=20, deadline=None)
def test_the_same_seed_draws_the_same_and_neither_masks_nor_global_generators_change(name, game, seed):
    before, state = [m.copy() for m in game[:2]], np.random.get_state()[1].copy()  # noqa: NPY002
    once, again = (policy(name).strokes(*game, generator(seed), most=2) for _ in range(2))
    assert _plain(once) == _plain(again)
    assert all(np.array_equal(a, b) for a, b in zip(before, game, strict=False))
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@within
@given(game=rounds(), seed=seeds, pad=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_the_place_in_the_array_does_not_matter(name, game, seed, pad):
    truth, result, spacing = game
    wider = [np.pad(m, [(pad, 2 * pad)] * truth.ndim) for m in (truth, result)]
    moved = [s.shifted((pad,) * truth.ndim) for s in policy(name).strokes(*game, generator(seed), most=2)]
    assert _plain(policy(name).strokes(*wider, spacing, generator(seed), most=2)) == _plain(moved)


def _scaled(params, by):
    """The parameters in a world `by` times as large, told by the units in their names."""
    power = {"mm": 1, "mm2": 2}
    new = {}
    for field in fields(params):
        value, parts = getattr(params, field.name), field.name.split("_")
        new[field.name] = value * by ** next((power[part] for part in parts if part in power), 0)
    return replace(params, **{k: v for k, v in new.items() if not isinstance(v, tuple)})


@within
@given(game=rounds(), seed=seeds)
# Fixed examples: about one in a thousand of `line/1` takes another of two paths that are equally good but for rounding.
@settings(max_examples=30, deadline=None, derandomize=True)
def test_twice_the_spacing_and_twice_the_millimetres_are_the_same_voxels(name, game, seed):
    truth, result, spacing = game
    small = policy(name)
    large = type(small)(_scaled(small.params, 2))
    strokes = small.strokes(truth, result, spacing, generator(seed), most=2)
    twice = large.strokes(truth, result, tuple(2 * mm for mm in spacing), generator(seed), most=2)
    assert len(strokes) == len(twice)
    for a, b in zip(strokes, twice, strict=True):
        assert a.foreground == b.foreground
        assert a.path.round(6).tolist() == b.path.round(6).tolist()
        # the brush's tolerance of 1e-3 mm is not scaled: voxels that close to its rim may differ
        for voxel in {tuple(v) for v in a.voxels} ^ {tuple(v) for v in b.voxels}:
            far = np.linalg.norm((a.path - voxel) * spacing, axis=1).min()
            assert far == pytest.approx(small.params.brush_radius_mm, abs=2e-3)


@names
@pytest.mark.parametrize("mm", [0.3, 0.7, 1.0, 2.5])
def test_lengths_and_brushes_are_mm_whatever_the_voxels(name, mm):
    params, n = policy(name).params, round(120 / mm)
    y, x = (np.indices((n, n)) - n / 2) * mm
    truth = np.hypot(y, x) <= 50
    for seed in range(5):
        strokes = policy(name).strokes(truth, np.zeros_like(truth), (mm, mm), generator(seed))
        for stroke in strokes:
            assert stroke.length_mm((mm, mm)) <= getattr(params, "max_length_mm", 0.0) + 1e-9
            far, _ = cKDTree(stroke.path * mm).query(stroke.voxels * mm)
            assert far.max() <= max(getattr(params, "brush_radius_mm", 0.0) + 1e-3, mm)


@names
@pytest.mark.parametrize("shape", [(8, 9), (5, 8, 9)])
def test_a_correct_result_gets_no_strokes(name, shape):
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert policy(name).strokes(mask, mask, (1.0,) * len(shape), generator(0)) == []


@names
def test_refuses_what_does_not_match(name):
    mask = np.zeros((4, 4), bool)
    with pytest.raises(ValueError, match="do not match"):
        policy(name).strokes(mask, mask[:1], (1.0, 1.0), generator(0))
    with pytest.raises(ValueError, match="do not match"):
        policy(name).strokes(mask, mask, (1.0, 1.0, 1.0), generator(0))


@names
def test_parameters_are_a_frozen_record(name):
    params = policy(name).params
    assert is_dataclass(params)
    with pytest.raises(AttributeError):
        setattr(params, fields(params)[0].name, 1.0)


@names
def test_a_policy_is_found_by_the_name_that_it_bears(name):
    robot = policy(name)
    assert f"{robot.name}/{robot.version}" == name


def test_a_protocol_can_name_every_policy_box_and_user_and_no_other():
    for key, registry in {"policy": POLICIES, "box": BOXES, "user": USERS}.items():
        assert list(get_args(ProtocolCard.model_fields[key].annotation)) == list(registry)


@pytest.mark.parametrize("name", ["centre-line", "centre-line/2", "Centre-line/1", ""])
def test_an_unknown_policy_lists_the_known(name):
    with pytest.raises(InputError, match=f"unknown policy '{name}'; known are centre-line/1, line/1, "):
        policy(name)
