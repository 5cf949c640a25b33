"""The network update: each case of w(i), the gradient, and what must not change."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork, loss_weights
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork

SETTINGS = FineTuning.defaults(2)
BOX = {2: Box((0, 0), (14, 12)), 3: Box((0, 0, 0), (4, 12, 12))}
NETWORKS = {
    "pointwise 2D": lambda: PNet(4),
    "pointwise 3D": lambda: PCNet(4, head="1x1x1"),
    "3x3x3 head": lambda: PCNet(4),
}


def tuned_on(make, settings=None, seed=0):
    torch.manual_seed(seed)
    network = make().eval()
    trained = TrainedNetwork(network, 12, {}, torch.device("cpu"))
    box = BOX[network.dimension]
    voxels = np.random.default_rng(seed).random(box.shape).astype(np.float32)
    crop = trained.crop(Image(voxels, Grid.plain(box.shape)), box)
    settings = settings or FineTuning.defaults(network.dimension)
    return trained, crop, ImageSpecificNetwork(trained, crop, settings)


def test_defaults_of_2d_and_3d():
    flat, deep = FineTuning.defaults(2), FineTuning.defaults(3)
    assert (flat.strength, flat.t0, flat.t1) == (3.0, 0.2, 0.7)
    assert (deep.strength, deep.t0, deep.t1) == (10.0, 0.2, 0.6)
    for settings in (flat, deep):
        assert (settings.sigma, settings.eps, settings.omega) == (0.1, 0.2, 5.0)


CASES = {
    # name: (label, probability, scribble, near foreground, near background, w)
    "certain voxel": (True, 0.9, 0, False, False, 1),
    "certain background": (False, 0.1, 0, False, False, 1),
    "network in doubt": (True, 0.5, 0, False, False, 0),
    "at t0 there is no doubt": (False, 0.2, 0, False, False, 1),
    "at t1 there is no doubt": (True, 0.7, 0, False, False, 1),
    "scribble": (True, 0.9, 1, True, False, 5),
    "scribble on a doubtful voxel": (False, 0.5, 2, False, True, 5),
    "near foreground, labelled background": (False, 0.1, 0, True, False, 0),
    "near foreground, labelled foreground": (True, 0.9, 0, True, False, 1),
    "near background, labelled foreground": (True, 0.9, 0, False, True, 0),
    "near background, labelled background": (False, 0.1, 0, False, True, 1),
    "near both": (True, 0.9, 0, True, True, 0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_case_of_w(case):
    label, p, scribble, near_f, near_b, expected = case
    one = lambda value: np.array([value])  # noqa: E731
    near = (one(near_f), one(near_b))
    weights = loss_weights(one(label), one(p), one(np.uint8(scribble)), near, SETTINGS)
    assert weights.tolist() == [expected]


@pytest.mark.parametrize(("rule", "expected"), [("conflict", [1, 0]), ("all", [0, 0]), ("off", [1, 1])])
def test_rule_of_scribble_doubt(rule, expected):
    """Two voxels near a foreground scribble, labelled foreground and background."""
    settings = FineTuning.defaults(2, conflict=rule)
    near = (np.array([True, True]), np.array([False, False]))
    p = np.array([0.95, 0.05])
    weights = loss_weights(np.array([True, False]), p, np.zeros(2, np.uint8), near, settings)
    assert weights.tolist() == expected


def test_minus_w_weighs_all_alike():
    settings = FineTuning.defaults(2, weighted=False)
    labels, near = np.array([True, False, True]), (np.array([True] * 3), np.array([True] * 3))
    weights = loss_weights(labels, np.array([0.5, 0.5, 0.9]), np.array([1, 2, 0], np.uint8), near, settings)
    assert weights.tolist() == [1, 1, 1]


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_gradient_step_equals_the_formula_on_the_whole_map(make):
    """One step by the formula over all voxels, weights and all, against the step on the chosen rows."""
    settings = FineTuning.defaults(2 if make().dimension == 2 else 3, iterations=1, learning_rate=0.1)
    _, crop, tuned = tuned_on(make, settings)
    rng = np.random.default_rng(1)
    labels = rng.random(crop.shape) < 0.5
    weights = rng.choice([0.0, 1.0, 5.0], crop.shape).astype(np.float32)

    classifier = tuned._classifier
    before = [p.detach().clone() for p in classifier.parameters()]
    logits = classifier(tuned._features)
    target = torch.from_numpy(labels.astype(np.int64))[None]
    w = torch.from_numpy(weights)[None]
    loss = (w * cross_entropy(logits, target, reduction="none")).sum() / w.sum()
    gradients = torch.autograd.grad(loss, list(classifier.parameters()))
    tuned._descend(labels, weights)

    for old, gradient, new in zip(before, gradients, classifier.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_labels_of_voxels_without_weight_have_no_effect(make):
    _, crop, first = tuned_on(make)
    _, _, second = tuned_on(make)
    rng = np.random.default_rng(2)
    labels, weights = rng.random(crop.shape) < 0.5, rng.choice([0.0, 1.0], crop.shape).astype(np.float32)
    first._descend(labels, weights)
    second._descend(np.where(weights > 0, labels, ~labels), weights)
    for a, b in zip(first._classifier.parameters(), second._classifier.parameters(), strict=True):
        assert torch.equal(a, b)


def test_nothing_to_learn_from_changes_nothing():
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
    before = [p.detach().clone() for p in tuned._classifier.parameters()]
    tuned._descend(np.ones(crop.shape, bool), np.zeros(crop.shape, np.float32))
    assert all(torch.equal(a, b) for a, b in zip(before, tuned._classifier.parameters(), strict=True))


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_trained_weights_are_the_same_bits_after_a_session(make):
    trained, crop, tuned = tuned_on(make)
    before = {k: v.clone() for k, v in trained.network.state_dict().items()}
    scribbles = np.zeros(crop.shape, np.uint8)
    scribbles.flat[3], scribbles.flat[-4] = 1, 2
    first = tuned.fit(scribbles)
    assert not torch.equal(
        next(iter(tuned._classifier.parameters())), next(iter(trained.network.classifier.parameters()))
    )
    for key, value in trained.network.state_dict().items():
        assert torch.equal(value, before[key])
    again = ImageSpecificNetwork(trained, crop, tuned._settings).fit(scribbles)
    np.testing.assert_array_equal(first, again)


def test_labels_obey_the_scribbles():
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
    scribbles = np.zeros(crop.shape, np.uint8)
    scribbles[2:4, 2:4], scribbles[8:10, 8:10] = 1, 2
    labels = tuned.fit(scribbles)
    assert labels[2:4, 2:4].all()
    assert not labels[8:10, 8:10].any()
