"""Sessions with an imported network tune only a copy of its last layer, with the gradients of autograd."""

import copy

import numpy as np
import pytest
import torch
from foreign_networks import SETTINGS, SmallUNet
from torch import nn
from torch.nn.functional import cross_entropy

from bifseg.cards.finetuning import FineTuning
from bifseg.core.errors import InputError
from bifseg.core.geometry import Box, Grid, Image
from bifseg.core.scribbles import Scribbles, Stroke
from bifseg.methods.bifseg.bifseg import BIFSeg
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks.external.imported_network import ImportedNetwork, ImportedSettings
from bifseg.networks.trained import TrainedNetwork

SHAPE = {2: (21, 26), 3: (7, 22, 18)}
SPACING = {2: (1.5, 0.7), 3: (5.0, 0.8, 0.8)}
BOX = {2: Box((2, 3), (15, 20)), 3: Box((1, 2, 1), (6, 15, 14))}
NETWORKS = {
    "two channels": {},
    "one sigmoid channel": {"outputs": 1, "end": "sigmoid"},
    "3x3 kernel": {"kernel": 3},
}
CASES = [(dimension, name) for dimension in (2, 3) for name in NETWORKS]


def trained(dimension, name="two channels", size=13, program=False, **settings):
    network = SmallUNet(dimension, **NETWORKS[name]).eval()
    content = ImportedSettings.of(SETTINGS | {"dimension": dimension} | settings)
    model = torch.jit.script(network) if program else network
    return network, TrainedNetwork(ImportedNetwork(model, content), size, {}, torch.device("cpu"))


def image_of(dimension):
    voxels = np.random.default_rng(2).random(SHAPE[dimension]).astype(np.float32)
    return Image(voxels, Grid.plain(SHAPE[dimension], SPACING[dimension]))


def scribbles_on(image, box):
    inside, outside = (np.array([np.add(box.lower, k)], np.intp) for k in (3, 1))
    strokes = [Stroke(True, inside.astype(float), inside), Stroke(False, outside.astype(float), outside)]
    return Scribbles(image.grid.shape, tuple(strokes))


@pytest.mark.parametrize("program", [False, True], ids=["plain", "scripted"])
@pytest.mark.parametrize(("dimension", "name"), CASES)
def test_one_step_equals_autograd_on_the_last_layer(dimension, name, program):
    """The weighted loss is that of the whole network's padded and cropped output, with earlier layers frozen."""
    network, foreign = trained(dimension, name, program=program)
    settings = FineTuning.defaults(dimension, iterations=1, learning_rate=0.5, anchor=0)
    crop = foreign.crop(image_of(dimension), BOX[dimension])
    rng = np.random.default_rng(1)
    labels = rng.random(crop.shape) < 0.5
    weights = rng.choice([0.0, 1.0, 5.0], crop.shape).astype(np.float32)

    by_hand = copy.deepcopy(network)
    values = torch.from_numpy((crop.values - crop.image.voxels.mean()) / crop.image.voxels.std())
    behind = [n for side in reversed(crop.shape) for n in (0, side % 2)]
    by_hand.end = "nothing"
    raw = by_hand(nn.functional.pad(values[None, None], behind))
    raw = raw[(slice(None), slice(None), *(slice(n) for n in crop.shape))]
    logits = torch.cat([torch.zeros_like(raw), raw], 1) if raw.shape[1] == 1 else raw
    loss = cross_entropy(logits, torch.from_numpy(labels.astype(np.int64))[None], reduction="none")
    w = torch.from_numpy(weights)
    ((w * loss[0]).sum() / w.sum()).backward()
    expected = [p.detach() - 0.5 * p.grad for p in (by_hand.last.weight, by_hand.last.bias)]

    tuned = ImageSpecificNetwork(foreign, crop, settings)
    tuned._descend(labels, weights)
    tuned_parameters = [tuned._classifier.weight, tuned._classifier.bias]
    for actual, desired, before in zip(
        tuned_parameters, expected, (network.last.weight, network.last.bias), strict=True
    ):
        torch.testing.assert_close(actual.detach(), desired, rtol=1e-5, atol=1e-6)
        assert not torch.equal(actual, before)


@pytest.mark.parametrize("program", [False, True], ids=["plain", "scripted"])
@pytest.mark.parametrize(("dimension", "name"), CASES)
def test_a_session_returns_masks_on_the_image_grid_and_changes_no_weight(dimension, name, program):
    _, foreign = trained(dimension, name, program=program)
    before = {key: value.clone() for key, value in foreign.network.state_dict().items()}
    image, box = image_of(dimension), BOX[dimension]
    scribbles = scribbles_on(image, box)
    method = BIFSeg(foreign, learning_rate=0.5)

    def play():
        return [method.start(image, box), method.adapt(), method.refine(scribbles)]

    first, again = play(), play()
    for mask, repeated in zip(first, again, strict=True):
        assert mask.shape == SHAPE[dimension]
        assert mask.dtype == bool
        assert not (mask & ~box.paste(np.ones(box.shape, bool), mask.shape)).any()
        np.testing.assert_array_equal(mask, repeated)
    label_map = scribbles.label_map()
    assert (first[2][label_map > 0] == (label_map[label_map > 0] == 1)).all()
    after = foreign.network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert not torch.equal(method._tuned._classifier.weight, before["classifier.weight"])


def test_features_are_computed_once():
    _, foreign = trained(2)
    runs = []
    foreign.network.features.model.register_forward_hook(lambda *_: runs.append(1))
    crop = foreign.crop(image_of(2), BOX[2])
    tuned = ImageSpecificNetwork(foreign, crop, FineTuning.defaults(2, alternations=3))
    tuned.fit(np.zeros(crop.shape, np.uint8))
    assert len(runs) == 1


@pytest.mark.parametrize("dimension", [2, 3])
def test_crops_fit_a_network_s_fixed_shape(dimension):
    shape = (16, 12, 10)[:dimension]
    _, foreign = trained(dimension, size=shape, shape=list(shape), divisible_by=1)
    crop = foreign.crop(image_of(dimension), BOX[dimension])
    assert all(side <= most for side, most in zip(crop.shape, shape, strict=True))
    assert any(side == most for side, most in zip(crop.shape, shape, strict=True))
    assert foreign.features(crop).shape[2:] == shape
    assert foreign.network.logits(foreign.features(crop), crop.shape).shape == (1, 2, *crop.shape)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"settings\.dimension: is missing; add it"),
        ({"dimension": 2}, r"settings\.normalisation: is missing; add it"),
        ({"dimension": 4}, r"settings\.dimension: .*2 or 3 \(is 4\)"),
        (SETTINGS | {"dimension": 2, "normalisation": {"mean": 1}}, "give mean and std, or low and high"),
        (SETTINGS | {"dimension": 2, "normalisation": "image"}, r"settings\.normalisation: .*\(is 'image'\)"),
        (SETTINGS | {"dimension": 2, "shape": [8, 8]}, "give either 'divisible_by' or 'shape'"),
        (
            SETTINGS | {"dimension": 2, "divisible_by": 1, "shape": [8, 8, 8]},
            "'shape' must have 2 sides in 2D",
        ),
        (SETTINGS | {"dimension": 2, "divisible_by": 0}, r"settings\.divisible_by: .*greater than 0"),
        (SETTINGS | {"dimension": 2, "foreground": []}, r"settings\.foreground: "),
        (SETTINGS | {"dimension": 2, "foreground": [-1]}, r"settings\.foreground\.0: "),
        (SETTINGS | {"dimension": 2, "output": "argmax"}, r"settings\.output: .*'softmax' or 'sigmoid'"),
        (SETTINGS | {"dimension": 2, "channel": 1}, r"settings\.channel: unknown key"),
    ],
)
def test_wrong_settings_are_bad_input(settings, message):
    with pytest.raises(InputError, match=message):
        ImportedSettings.of(settings)
