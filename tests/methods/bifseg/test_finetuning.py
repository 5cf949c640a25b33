"""The network update: each case of w(i), the gradient, and what must not change."""

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork, loss_weights, scribble_doubt
from bifseg.methods.graphs.crf import LabelUpdate
from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.pnet import PNet
from bifseg.networks.trained import TrainedNetwork

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


PAPER = {
    "scribbles_share": None,
    "strength_side": None,
    "kept_share": 0.0,
    "sigma": 0.1,
    "sigma_unit": "range",
    "full_neighbourhood": False,
    "largest_share": 1.0,
    "anchor": 0.0,
    "momentum": 0.0,
    "restart": False,
}


def test_defaults_of_2d_and_3d():
    flat, deep = FineTuning.defaults(2), FineTuning.defaults(3)
    assert (flat.t0, flat.t1) == (0.2, 0.7)
    assert (deep.t0, deep.t1) == (0.2, 0.6)
    for settings in (flat, deep):
        assert (settings.sigma_unit, settings.full_neighbourhood, settings.restart) == (
            "neighbours",
            True,
            True,
        )


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
    settings = FineTuning.defaults(2, largest_share=1.0, omega=5.0, scribbles_share=None)
    distances = tuple(np.where(one(near), 0.0, np.inf) for near in (near_f, near_b))
    weights = loss_weights(one(label), one(p), one(np.uint8(scribble)), distances, settings)
    assert weights.tolist() == [expected]


@pytest.mark.parametrize(
    ("others", "expected"),
    [(1000, 5.0), (150, 3.0), (20, 1.0), (0, 1.0)],
    ids=["large", "middle", "small", "none"],
)
def test_scribbles_of_a_label_weigh_at_most_their_share_of_its_other_voxels(others, expected):
    """Five scribbled voxels at a share of 0.1: omega is at most a fiftieth of the others, from 1 to 5."""
    labels = np.array([True] * (5 + others) + [False] * 500)
    scribbles = np.zeros(len(labels), np.uint8)
    scribbles[:5], scribbles[-1] = 1, 2
    far = np.full(len(labels), np.inf)
    settings = FineTuning.defaults(2, omega=5.0, scribbles_share=0.1)
    weights = loss_weights(labels, np.where(labels, 0.9, 0.1), scribbles, (far, far), settings)
    assert weights[:5].tolist() == pytest.approx([expected] * 5)
    assert weights[-1] == 5, "the other label's share is its own"
    assert (weights[scribbles == 0] == 1).all()


@pytest.mark.parametrize(("rule", "expected"), [("conflict", [1, 0]), ("all", [0, 0]), ("off", [1, 1])])
def test_rule_of_scribble_doubt(rule, expected):
    """Two voxels near a foreground scribble, labelled foreground and background."""
    settings = FineTuning.defaults(2, conflict=rule, largest_share=1.0)
    distances = (np.zeros(2), np.full(2, np.inf))
    p = np.array([0.95, 0.05])
    weights = loss_weights(np.array([True, False]), p, np.zeros(2, np.uint8), distances, settings)
    assert weights.tolist() == expected


def test_scribbles_take_no_part_of_the_share_of_doubt():
    """Under the rule `all`, three scribbled voxels at distance 0 left no doubt about the voxel beside them."""
    settings = FineTuning.defaults(2, conflict="all", largest_share=0.2)
    labels, scribbles = np.ones(10, bool), np.zeros(10, np.uint8)
    scribbles[:3] = 1
    distances = (np.array([0.0] * 3 + [0.01 * k for k in range(1, 8)]), np.full(10, np.inf))
    weights = loss_weights(labels, np.full(10, 0.9), scribbles, distances, settings)
    assert (weights == 0).tolist() == [False] * 3 + [True] * 2 + [False] * 5


def test_minus_w_weighs_all_alike():
    settings = FineTuning.defaults(2, weighted=False)
    labels, distances = np.array([True, False, True]), (np.zeros(3), np.zeros(3))
    weights = loss_weights(
        labels, np.array([0.5, 0.5, 0.9]), np.array([1, 2, 0], np.uint8), distances, settings
    )
    assert weights.tolist() == [1, 1, 1]


def test_doubt_takes_the_nearest_voxels_up_to_its_share_of_a_label():
    """Ten background voxels at growing distance from a foreground scribble: a share of 0.3 is the first three."""
    labels, distance = np.zeros(12, bool), np.linspace(0.0, 0.11, 12)
    labels[10:] = True
    settings = FineTuning.defaults(2, eps=0.2, largest_share=0.3)
    doubt = scribble_doubt(labels, (distance, np.full(12, np.inf)), settings)
    assert doubt.tolist() == [True] * 3 + [False] * 9


def test_doubt_takes_no_part_of_voxels_at_equal_distance():
    labels, distance = np.zeros(10, bool), np.full(10, 0.05)
    far = np.full(10, np.inf)
    share = FineTuning.defaults(2, eps=0.2, largest_share=0.5)
    assert not scribble_doubt(labels, (distance, far), share).any()
    assert scribble_doubt(labels, (distance, far), share.model_copy(update={"largest_share": 1.0})).all()


@pytest.mark.parametrize("rule", ["conflict", "all"])
def test_a_flat_crop_keeps_most_labels_in_the_loss(rule):
    """On a flat crop every distance is 0: without a bound, U_s takes all labels out of the loss."""
    labels = np.indices((8, 8)).sum(axis=0) < 6
    flat = np.zeros((8, 8))
    for share, kept in ((1.0, 0), (0.1, 64)):
        settings = FineTuning.defaults(2, conflict=rule, largest_share=share)
        assert (~scribble_doubt(labels, (flat, flat), settings)).sum() == kept


@pytest.mark.parametrize("anchor", [0.0, 0.3])
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_gradient_step_equals_the_formula_on_the_whole_map(make, anchor):
    """One step by the formula over all voxels, weights and all, against the step on the chosen rows."""
    settings = FineTuning.defaults(make().dimension, iterations=1, learning_rate=0.1, anchor=anchor)
    _, crop, tuned = tuned_on(make, settings)
    rng = np.random.default_rng(1)
    labels = rng.random(crop.shape) < 0.5
    weights = rng.choice([0.0, 1.0, 5.0], crop.shape).astype(np.float32)

    classifier = tuned._classifier
    before = [p.detach().clone() for p in classifier.parameters()]
    logits = classifier(tuned._features)
    target = torch.from_numpy(labels.astype(np.int64))[None]
    w = torch.from_numpy(weights)[None]
    before_p = torch.softmax(logits.detach(), 1)
    pulled = -(before_p * torch.log_softmax(logits, 1)).sum(1)
    losses = w * cross_entropy(logits, target, reduction="none") + anchor * pulled
    loss = losses.sum() / (w + anchor).sum()
    gradients = torch.autograd.grad(loss, list(classifier.parameters()))
    tuned._descend(labels, weights)

    for old, gradient, new in zip(before, gradients, classifier.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def test_steps_with_momentum_equal_those_of_torchs_optimizer():
    settings = FineTuning.defaults(2, iterations=4, learning_rate=0.1, momentum=0.9, anchor=0.0)
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
    labels = np.random.default_rng(1).random(crop.shape) < 0.5
    classifier = copy.deepcopy(tuned._classifier)
    optimizer = torch.optim.SGD(classifier.parameters(), lr=0.1, momentum=0.9)
    for _ in range(4):
        optimizer.zero_grad()
        cross_entropy(classifier(tuned._features), torch.from_numpy(labels.astype(np.int64))[None]).backward()
        optimizer.step()
    tuned._descend(labels, np.ones(crop.shape, np.float32))
    for expected, new in zip(classifier.parameters(), tuned._classifier.parameters(), strict=True):
        torch.testing.assert_close(new, expected, rtol=1e-4, atol=1e-6)


TUNING = """
import sys
from test_finetuning import FineTuning, NETWORKS, np, tuned_on
_, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
tuned._descend(np.ones(crop.shape, bool), np.ones(crop.shape, np.float32))
sys.exit("torch._dynamo" in sys.modules)
"""


def test_tuning_does_not_import_the_compiler_of_torch():
    """It takes as long as the rest of a method's start, and the first session would pay for it."""
    run = subprocess.run([sys.executable, "-c", TUNING], cwd=Path(__file__).parent, check=False)
    assert run.returncode == 0


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


def scribbled(crop):
    scribbles = np.zeros(crop.shape, np.uint8)
    scribbles[2:4, 2:4], scribbles[8:10, 8:10] = 1, 2
    return scribbles


@pytest.mark.parametrize(("restart", "same"), [(True, True), (False, False)])
def test_a_round_depends_on_the_rounds_before_only_without_restart(restart, same):
    settings = FineTuning.defaults(2, learning_rate=0.1, restart=restart)
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
    _, _, fresh = tuned_on(NETWORKS["pointwise 2D"], settings)
    tuned.fit(np.zeros(crop.shape, np.uint8))
    tuned.fit(scribbled(crop))
    fresh.fit(scribbled(crop))
    assert np.array_equal(tuned.probability, fresh.probability) == same


def test_a_strong_anchor_keeps_the_trained_probabilities():
    shifts = []
    for anchor in (0.0, 1.0, 100.0):
        settings = FineTuning.defaults(2, anchor=anchor)
        _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
        trained = tuned.probability.copy()
        tuned.fit(scribbled(crop))
        shifts.append(np.abs(tuned.probability - trained).mean())
    assert shifts[0] > shifts[1] > shifts[2]


@pytest.mark.parametrize("free", ["strength", "strength_one_label", "strength_alone"])
def test_lambda_by_the_labels_of_the_scribbles(free):
    """A strength of 0 is the network's own answer; a huge one leaves a single label, but for the scribbles."""
    names = ("strength_alone", "strength_one_label", "strength_one_label", "strength")
    strengths = {name: 0.0 if name == free else 1e3 for name in names}
    settings = FineTuning.defaults(2, **strengths, kept_share=0.0, sigma_unit="range", sigma=10.0)
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
    own = tuned.probability > 0.5
    inside, outside = (np.unravel_index(k, crop.shape) for k in (own.argmax(), own.argmin()))
    for name, marks in zip(names, ({}, {inside: 1}, {outside: 2}, {inside: 1, outside: 2}), strict=True):
        drawn = np.zeros(crop.shape, np.uint8)
        for voxel, label in marks.items():
            drawn[voxel] = label
        labels = tuned.update_labels(drawn)
        if name == free:
            np.testing.assert_array_equal(labels, own)
        else:
            assert min(labels.sum(), (~labels).sum()) <= 1


@pytest.mark.parametrize(
    ("strength", "share", "kept"), [(1.0, 0.8, 1.0), (1.0, 0.0, 0.0), (0.05, 0.8, 1.0), (1e9, 0.8, 1.0)]
)
def test_the_label_update_alone_keeps_a_share_of_a_faint_object(strength, share, kept):
    """16 pixels at 0.6 on 0.05: removing them costs 6.5, their contour 16 lambda; 1 removes and 0.25 keeps them."""
    settings = FineTuning.defaults(
        2, strength_alone=strength, strength_side=None, kept_share=share, full_neighbourhood=False,
        sigma_unit="range", sigma=1e3,
    )  # fmt: skip
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
    square = np.zeros(crop.shape, bool)
    square[4:8, 4:8] = True
    tuned.probability = np.where(square, 0.6, 0.05).astype(np.float32)
    labels = tuned.update_labels(np.zeros(crop.shape, np.uint8))
    np.testing.assert_array_equal(labels, square if kept else np.zeros_like(square))


def test_the_kept_share_does_not_hold_with_scribbles():
    settings = FineTuning.defaults(
        2, strength_one_label=1e3, strength_side=None, sigma_unit="range", sigma=1e3
    )
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"], settings)
    tuned.probability = np.full(crop.shape, 0.1, np.float32)
    tuned.probability[4:8, 4:8] = 0.9
    drawn = np.zeros(crop.shape, np.uint8)
    drawn[0, 0] = 2
    assert not tuned.update_labels(drawn).any()


@pytest.mark.parametrize(
    ("make", "lost_from"), [(NETWORKS["pointwise 2D"], 0.85), (NETWORKS["pointwise 3D"], 0.56)]
)
def test_lambda_follows_the_size_of_the_crop(make, lost_from):
    """A square or cube over half the crop, 0.7 against 0.3, is lost from lambda = log(7/3) side / (4 dimension) on.

    That limit is proportional to the side, so a lambda in proportion keeps or loses the object at every size.
    """
    for strength, remains in ((0.9 * lost_from, True), (1.1 * lost_from, False)):
        for side in (8, 16, 32):
            network = make().eval()
            settings = FineTuning.defaults(
                network.dimension, strength_alone=strength, strength_side=8, full_neighbourhood=False,
                sigma_unit="range", sigma=1e3, kept_share=0.0,
            )  # fmt: skip
            trained = TrainedNetwork(network, side, {}, torch.device("cpu"))
            shape = (8,) * network.dimension
            image = Image(np.random.default_rng(0).random(shape).astype(np.float32), Grid.plain(shape))
            crop = trained.crop(image, Box((0,) * len(shape), shape))
            tuned = ImageSpecificNetwork(trained, crop, settings)
            tuned.probability = np.full(crop.shape, 0.3, np.float32)
            tuned.probability[(slice(side // 4, -side // 4),) * len(shape)] = 0.7
            labels = tuned.update_labels(np.zeros(crop.shape, np.uint8))
            assert labels.any() == remains, (side, strength)


def test_sigma_in_units_of_the_neighbours_ignores_the_scale_of_the_contrast():
    """Halving all differences of a crop changes nothing: the boundary is as strong against its surround as before."""
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
    first = tuned.update_labels(np.zeros(crop.shape, np.uint8))
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
    crop.intensity = crop.intensity / 2
    np.testing.assert_array_equal(tuned.update_labels(np.zeros(crop.shape, np.uint8)), first)


def test_settings_of_the_paper_are_the_original_updates():
    """With the paper's settings the loss is the plain weighted one and the edges are 4 neighbours at sigma 0.1."""
    _, crop, tuned = tuned_on(
        NETWORKS["pointwise 2D"], FineTuning.defaults(2, **PAPER, strength_alone=3.0, strength=3.0)
    )
    none = np.zeros(crop.shape, np.uint8)
    expected = LabelUpdate(crop.intensity, crop.spacing, 3.0, 0.1, False)(tuned.probability, none)
    np.testing.assert_array_equal(tuned.update_labels(none), expected)


def test_labels_obey_the_scribbles():
    _, crop, tuned = tuned_on(NETWORKS["pointwise 2D"])
    labels = tuned.fit(scribbled(crop))
    assert labels[2:4, 2:4].all()
    assert not labels[8:10, 8:10].any()


def test_a_network_on_the_cpu_leaves_the_gpu_alone(monkeypatch):
    """Waiting for a GPU would reserve hundreds of MiB on it, also for methods that were told to use the CPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: pytest.fail("the GPU was used"))
    *_, tuned = tuned_on(NETWORKS["pointwise 2D"])
    assert tuned.seconds["network"] > 0
