"""The min-cut against brute force on tiny grids and another solver on random ones."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from bifseg.methods.graphs import crf, first_flow
from bifseg.methods.graphs.crf import LabelUpdate, pair_weights, unary
from bifseg.methods.graphs.first_flow import capacity, first_flow_pays
from bifseg.methods.graphs.neighbours import pair_slices


def energy_of(intensity, probability, spacing, strength, sigma, full):
    """The energy of labels, written out pair by pair, as slowly as the formula reads."""
    voxels = list(np.ndindex(intensity.shape))
    pairs = []
    for n, i in enumerate(voxels):
        for j in voxels[n + 1 :]:
            step = np.abs(np.subtract(i, j))
            if step.max() == 1 if full else step.sum() == 1:
                d = np.linalg.norm(step * np.array(spacing)) / min(spacing)
                weight = strength * np.exp(-((intensity[i] - intensity[j]) ** 2) / (2 * sigma**2)) / d
                pairs.append((i, j, weight))

    def energy(labels):
        total = 0.0
        for i in voxels:
            p = min(max(probability[i], 1e-6), 1 - 1e-6)
            total -= np.log(p) if labels[i] else np.log(1 - p)
        return total + sum(weight for i, j, weight in pairs if labels[i] != labels[j])

    return energy


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(3, 3), (2, 2, 2)]), st.booleans())
def test_labels_have_the_least_energy_of_all(seed, shape, full):
    rng = np.random.default_rng(seed)
    intensity, probability = rng.random(shape), rng.random(shape)
    spacing = tuple(rng.uniform(0.5, 4, len(shape)))
    scribbles = rng.choice([0, 0, 0, 0, 1, 2], shape).astype(np.uint8)
    args = (spacing, 1.5, 0.2, full)

    updated = LabelUpdate(intensity, *args)(probability, scribbles)

    assert updated[scribbles == 1].all()
    assert not updated[scribbles == 2].any()
    allowed = [
        labels
        for bits in product([False, True], repeat=updated.size)
        if (labels := np.array(bits).reshape(shape))[scribbles == 1].all()
        and not labels[scribbles == 2].any()
    ]
    energy = energy_of(intensity, probability, *args)
    assert energy(updated) == pytest.approx(min(map(energy, allowed)), abs=1e-9)


@pytest.mark.parametrize("shape", [(24, 24), (9, 10, 11)])
def test_cut_equals_scipy_maximum_flow(shape):
    """Least energy = greatest flow, by scipy's integer solver on the same graph."""
    rng = np.random.default_rng(3)
    intensity, probability = rng.random(shape), rng.random(shape)
    spacing, unit = (2.0,) + (1.0,) * (len(shape) - 1), 1e6
    labels = LabelUpdate(intensity, spacing, 2.0, 0.15, True)(probability, np.zeros(shape, np.uint8))

    nodes = np.arange(labels.size).reshape(shape)
    source, sink = labels.size, labels.size + 1
    as_background, as_foreground = unary(probability)
    heads, tails, capacities = [], [], []

    def add(a, b, c):
        heads.append(np.broadcast_to(a, c.shape).ravel())
        tails.append(np.broadcast_to(b, c.shape).ravel())
        capacities.append(np.rint(c.ravel() * unit).astype(np.int32))

    add(np.array(source), nodes, as_foreground)
    add(nodes, np.array(sink), as_background)
    cut_pairs = 0.0
    for offset, weights in pair_weights(intensity, spacing, 2.0, 0.15, True):
        for i in np.ndindex(weights.shape):
            a = tuple(k + max(0, -o) for k, o in zip(i, offset, strict=True))
            b = tuple(k + o for k, o in zip(a, offset, strict=True))
            cut_pairs += weights[i] * (labels[a] != labels[b])
            for first, second in ((a, b), (b, a)):
                add(np.array(nodes[first]), np.array(nodes[second]), np.array([weights[i]]))
    graph = csr_array((np.concatenate(capacities), (np.concatenate(heads), np.concatenate(tails))))
    graph.resize((labels.size + 2, labels.size + 2))
    flow = maximum_flow(csr_array(graph), source, sink).flow_value / unit

    cut = as_foreground[labels].sum() + as_background[~labels].sum() + cut_pairs
    assert cut == pytest.approx(flow, abs=labels.size * 30 / unit)


def test_weights_by_hand():
    """Two voxels 3 mm apart in z, 1 mm in y: d is 3 and 1; a step of sigma costs exp(-1/2)."""
    intensity = np.array([[0.0, 0.0], [0.1, 0.0]])
    weights = dict(pair_weights(intensity, (3.0, 1.0), 6.0, 0.1, False))
    np.testing.assert_allclose(weights[1, 0], [[2 * np.exp(-0.5), 2.0]])
    np.testing.assert_allclose(weights[0, 1], [[6.0], [6 * np.exp(-0.5)]])


def test_repeated_calls_are_independent():
    rng = np.random.default_rng(0)
    update = LabelUpdate(rng.random((8, 8)), (1.0, 1.0), 2.0, 0.1, False)
    probability, none = rng.random((8, 8)), np.zeros((8, 8), np.uint8)
    first = update(probability, none)
    update(1 - probability, np.full((8, 8), 2, np.uint8))
    np.testing.assert_array_equal(update(probability, none), first)


def plain_cut(intensity, probability, scribbles, *args):
    """The labels of the solver without a first flow."""
    update = LabelUpdate(intensity, *args)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crf, "first_flow_pays", lambda *_: False)
        return update(probability, scribbles)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(12, 17), (1, 30), (5, 7, 6)]), st.sampled_from([0.1, 1, 5]))
def test_the_first_flow_keeps_the_least_energy(seed, shape, doubt):
    rng = np.random.default_rng(seed)
    intensity = rng.random(shape)
    probability = 1 / (1 + np.exp(-doubt * ndimage.gaussian_filter(rng.normal(0, 3, shape), 1)))
    scribbles = rng.choice([0] * 20 + [1, 2], shape).astype(np.uint8)
    args = ((2.0, *[1.0] * (len(shape) - 1)), 2.0, 0.2, bool(seed % 2))
    update = LabelUpdate(intensity, *args)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crf, "first_flow_pays", lambda *_: True)
        labels = update(probability, scribbles)
    assert labels[scribbles == 1].all()
    assert not labels[scribbles == 2].any()
    expected = plain_cut(intensity, probability, scribbles, *args)
    energy = energy_of(intensity, probability, *args)
    assert energy(labels) == pytest.approx(energy(expected), abs=1e-8)


def test_a_doubtful_crop_starts_from_a_flow(monkeypatch):
    """Where the network knows nothing, nearly all flow is found before the solver starts."""
    rng = np.random.default_rng(0)
    shape = (20, 20, 20)
    doubtful = 0.5 + 0.1 * np.tanh(ndimage.gaussian_filter(rng.normal(0, 20, shape), 3))
    update = LabelUpdate(rng.random(shape), (1.0, 1.0, 1.0), 2.0, 0.5, True)
    left = []
    cut = LabelUpdate._cut

    def watched(self, flows, as_foreground, as_background):
        left.append(min(as_foreground.sum(), as_background.sum()))
        return cut(self, flows, as_foreground, as_background)

    monkeypatch.setattr(LabelUpdate, "_cut", watched)
    update(doubtful, np.zeros(shape, np.uint8))
    before = np.subtract(*unary(doubtful))
    assert left[0] < 0.05 * min(before[before > 0].sum(), -before[before < 0].sum())


def test_a_sure_crop_needs_no_first_flow():
    shape = (20, 20)
    sure = np.where(np.arange(20)[:, None] < 9, 0.999, 0.001) * np.ones(shape)
    most = capacity(pair_weights(np.zeros(shape), (1.0, 1.0), 0.5, 0.2, True), shape)
    assert not first_flow_pays(np.subtract(*unary(sure)), most)
    assert first_flow_pays(np.subtract(*unary(0.4 + 0.2 * sure)), most)


@pytest.mark.parametrize(("weak_rows", "has_first_flow"), [(2, False), (4, False), (6, True)])
def test_a_first_flow_needs_a_quarter_of_weak_voxels_of_each_label(weak_rows, has_first_flow):
    """Of 20 rows, so many prefer each label weakly; the others are sure."""
    probability = np.where(np.arange(20)[:, None] < 10, 0.999, 0.001) * np.ones((20, 20))
    probability[:weak_rows], probability[20 - weak_rows :] = 0.51, 0.49
    most = capacity(pair_weights(np.zeros((20, 20)), (1.0, 1.0), 0.5, 0.2, True), (20, 20))
    assert first_flow_pays(np.subtract(*unary(probability)), most) == has_first_flow


@pytest.mark.parametrize(("width", "passes"), [(0, 2), (2, 1)], ids=["noise of voxels", "regions remain"])
def test_a_first_flow_that_moves_half_goes_on(width, passes, monkeypatch):
    """Both give the least energy; only where little is left do more rounds move more."""
    rng = np.random.default_rng(0)
    shape = (14, 15, 16)
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), width)
    noise -= np.median(noise)
    intensity, probability = rng.random(shape), 1 / (1 + np.exp(-0.5 * noise / noise.std()))
    args, none = ((1.0, 1.0, 1.0), 0.1, 0.5, True), np.zeros(shape, np.uint8)
    calls = []
    pass_on = first_flow._pass_on
    monkeypatch.setattr(first_flow, "_pass_on", lambda *given: (calls.append(1), pass_on(*given)))
    labels = LabelUpdate(intensity, *args)(probability, none)
    assert len(calls) == passes
    expected = plain_cut(intensity, probability, none, *args)
    energies = [cost(y, intensity, probability, *args) for y in (labels, expected)]
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([(12, 17), (1, 9, 8), (5, 7, 6)]),
    st.sampled_from([1e-9, 1.0, 30.0]),
)
def test_a_first_flow_obeys_the_capacities_and_its_excess_is_exact(seed, shape, strength):
    """Although it is computed in float32, and although scribbles have an excess of 1e9."""
    rng = np.random.default_rng(seed)
    excess = rng.normal(0, 3, shape) + rng.choice([0.0] * 20 + [1e9, -1e9], shape)
    pairs = pair_weights(rng.random(shape), (1.0,) * len(shape), strength, 0.1, True)
    flows, rest = first_flow.first_flow(pairs, excess, capacity(pairs, shape))
    expected = excess.copy()
    for (offset, weights), flow in zip(pairs, flows, strict=True):
        assert (np.abs(flow) <= weights).all()
        first, second = pair_slices(offset)
        expected[first] -= flow
        expected[second] += flow
    np.testing.assert_allclose(rest, expected, rtol=1e-15, atol=1e-12)
    assert any(flow.any() for flow in flows)


def cost(labels, intensity, probability, *args):
    """The energy, added up offset by offset."""
    as_background, as_foreground = unary(probability)
    total = as_foreground[labels].sum() + as_background[~labels].sum()
    for offset, weights in pair_weights(intensity, *args):
        first, second = pair_slices(offset)
        total += weights[labels[first] != labels[second]].sum()
    return total


def test_a_large_volume_always_starts_from_a_flow():
    """On clear probabilities too, since doubtful ones take up to a minute without."""
    for shape, starts in (((64, 64, 32), True), ((64, 64, 31), False), ((512, 512), False)):
        assert first_flow_pays(np.full(shape, 9.0), np.ones(shape)) == starts


@pytest.mark.parametrize(("weak_slices", "has_first_flow"), [(2, False), (3, True)])
def test_in_3d_a_first_flow_needs_a_tenth_of_weak_voxels_of_each_label(weak_slices, has_first_flow):
    """Of 20 slices, so many prefer each label weakly."""
    excess = np.where(np.arange(20)[:, None, None] < 10, 9.0, -9.0) * np.ones((20, 4, 4))
    excess[:weak_slices], excess[20 - weak_slices :] = 0.1, -0.1
    assert first_flow_pays(excess, np.ones(excess.shape)) == has_first_flow
