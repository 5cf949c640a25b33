"""GrowCut against the cellular automaton itself, iterated until nothing changes."""

from functools import partial
from itertools import product

import numpy as np
import pytest
import strokes_by_hand
from pydantic import ValidationError
from strokes_by_hand import image_of, stroke, whole

from bifseg.core.scribbles import Scribbles
from bifseg.methods.tools.growcut import GrowCut
from bifseg.methods.tools.window import Window

answer = partial(strokes_by_hand.answer, GrowCut)


def automaton(values, labels, full):
    """Vezhnevets and Konouchine's rule, all cells at once: only a stronger attacker takes a cell."""
    strength, labels = (labels > 0).astype(float), labels.copy()
    steps = [s for s in product((-1, 0, 1), repeat=values.ndim) if any(s)]
    steps = [s for s in steps if full or sum(map(abs, s)) == 1]
    while True:
        new_strength, new_labels = strength.copy(), labels.copy()
        for cell in np.ndindex(values.shape):
            for step in steps:
                attacker = tuple(np.add(cell, step))
                if not all(0 <= a < n for a, n in zip(attacker, values.shape, strict=True)):
                    continue
                attack = (1 - abs(float(values[cell]) - float(values[attacker]))) * strength[attacker]
                if attack > new_strength[cell]:
                    new_strength[cell], new_labels[cell] = attack, labels[attacker]
        if np.array_equal(new_strength, strength) and np.array_equal(new_labels, labels):
            return labels
        strength, labels = new_strength, new_labels


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("shape", [(9, 10), (4, 5, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_is_the_automaton_at_rest(shape, full, seed):
    """Continuous random values: no two paths tie."""
    rng = np.random.default_rng(seed)
    image = image_of(rng.random(shape))
    voxels = rng.permutation(list(np.ndindex(shape)))
    scribbles = Scribbles(shape, (stroke(True, *voxels[:3]), stroke(False, *voxels[3:6])))
    rest = automaton(Window(image, whole(image)).intensity, scribbles.label_map(), full)
    result = answer(image, scribbles, full_neighbourhood=full)
    np.testing.assert_array_equal(result, rest == 1)
    assert (rest > 0).sum() > 6
    assert 3 < result.sum() < rest.size - 3


def test_ties_go_to_the_nearer_scribble_as_in_the_automaton():
    """In flat steps of 0 and 0.5 strength ties everywhere; cells equally far from both scribbles are left out."""
    values = np.zeros((7, 8))
    values[:, 3:6] = 0.5
    values[0, 0] = 1.0  # so that intensities keep their scale
    image = image_of(values)
    scribbles = Scribbles(values.shape, (stroke(True, (1, 4)), stroke(False, (4, 4), (5, 1))))
    rest = automaton(Window(image, whole(image)).intensity, scribbles.label_map(), False)
    result = answer(image, scribbles, full_neighbourhood=False)
    assert result[1:3, 3:6].all()
    assert not result[3:, 3:6].any()
    np.testing.assert_array_equal(result[:, 3:6], rest[:, 3:6] == 1)


def test_voxel_cut_off_by_full_contrast_is_background():
    values = np.zeros((3, 5))
    values[1, 2] = 1.0
    scribbles = Scribbles(values.shape, (stroke(True, (0, 0), (2, 4)), stroke(False, (0, 4))))
    assert not answer(image_of(values), scribbles)[1, 2]


@pytest.mark.parametrize("shape", [(12, 16), (6, 8, 16)])
def test_two_flat_regions_split_at_the_edge(shape):
    voxels = np.zeros(shape)
    voxels[..., 5:] = 1
    voxels[..., 4] = 0.2
    middle = tuple(n // 2 for n in shape[:-1])
    scribbles = Scribbles(shape, (stroke(True, (*middle, 15)), stroke(False, (*middle, 0))))
    np.testing.assert_array_equal(answer(image_of(voxels), scribbles), voxels == 1)


def test_in_flat_regions_near_means_mm():
    image = image_of(np.zeros((9, 9)), (3.0, 1.0))
    scribbles = Scribbles((9, 9), (stroke(True, (4, 4)), stroke(False, (4, 7), (1, 4))))
    result = answer(image, scribbles, full_neighbourhood=False)
    assert result[4].tolist() == [True] * 6 + [False] * 3
    assert result[:, 4].tolist() == [False] * 3 + [True] * 6


@pytest.mark.parametrize("bad", [{"full_neighbourhood": "maybe"}, {"beta": 1}])
def test_wrong_settings_are_refused(bad):
    with pytest.raises(ValidationError, match=next(iter(bad))):
        GrowCut(**bad)
