"""The compared CNNs: parameter counts, receptive fields, training, storage and fine-tuning."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from receptive_field import receptive_field
from torch import nn
from torch.nn.functional import cross_entropy, interpolate

from bifseg.cards.cards import NetworkCard
from bifseg.cards.finetuning import FineTuning
from bifseg.core.geometry import Box, Grid, Image
from bifseg.methods.bifseg.finetuning import ImageSpecificNetwork
from bifseg.networks.architectures.blocks import PointwiseClassifier
from bifseg.networks.architectures.deepmedic import DeepMedic
from bifseg.networks.architectures.fcn import FCN8s
from bifseg.networks.architectures.highres3dnet import HighRes3DNet
from bifseg.networks.architectures.unet import UNet
from bifseg.networks.registry import build
from bifseg.networks.trained import TrainedNetwork

SETTINGS = {
    "fcn": {"channels": 4, "fc": 8},
    "unet": {"channels": 4},
    "deepmedic": {"widths": [4] * 8, "hidden": 6},
    "highres3dnet": {"widths": [4, 5, 8], "hidden": 6},
}
BOX = {2: Box((0, 0), (14, 19)), 3: Box((0, 0, 0), (5, 12, 9))}


@pytest.fixture(params=[(name, norm) for name in SETTINGS for norm in (False, True)], ids=str)
def card(request):
    name, norm = request.param
    return NetworkCard(architecture=name, settings={**SETTINGS[name], "instance_norm": norm, "dropout": 0.0})


@pytest.fixture
def network(card):
    torch.manual_seed(0)
    return build(card)


def count(module):
    return sum(p.numel() for p in module.parameters())


def convolution(inputs, outputs, kernel):
    return inputs * outputs * kernel + outputs


def chain(widths, kernel):
    return sum(convolution(a, b, kernel) for a, b in pairwise(widths))


def along(axis, n, other_sides=1):
    """A shape or position of n voxels along one axis; testing one axis at a time is cheaper than a cube."""
    return tuple(n if k == axis else other_sides for k in range(3))


def test_fcn_parameters():
    """VGG16 with one input channel; its classifier's fc6 and fc7 as convolutions; scores of 256 + 512 + 4096."""
    with torch.device("meta"):
        network = FCN8s()
    vgg = chain([1, 64, 64, 128, 128, *[256] * 3, *[512] * 6], 9)
    assert vgg == 14_714_688 - 2 * 64 * 9  # torchvision's VGG16 features, less two input channels
    assert (
        count(network.features)
        == vgg + convolution(512, 4096, 49) + convolution(4096, 4096, 1)
        == 134_259_392
    )
    assert count(network.classifier) == 4864 * 2 + 2 == 9_730


def test_unet_parameters():
    down = chain([1, 64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024], 9)
    up = sum(convolution(2 * w, w, 4) + chain([2 * w, w, w], 9) for w in (512, 256, 128, 64))
    network = UNet()
    assert count(network.features) == down + up == 31_030_528
    assert count(network.classifier) == 64 * 2 + 2


def test_deepmedic_parameters():
    network = DeepMedic()
    assert count(network.features) == 2 * chain([1, 30, 30, 40, 40, 40, 40, 50, 50], 27) == 617_860
    assert count(network.classifier) == chain([100, 150, 150, 2], 1) == 38_102


def test_highres3dnet_parameters():
    widths = [1, 16] + [16] * 6 + [32] * 6 + [64] * 6
    network, normed = HighRes3DNet(), HighRes3DNet(instance_norm=True)
    assert count(network.features) == chain(widths, 27) == 802_912
    assert count(network.classifier) == chain([64, 80, 2], 1) == 5_362
    normalised = [16, *widths[1:-1]]  # behind the first convolution, before each of the others
    assert count(normed) - count(network) == 2 * sum(normalised) == 1_280


def test_fc7_of_fcn_has_a_receptive_field_of_404_pixels():
    features = FCN8s(1, 1).features
    assert receptive_field(nn.Sequential(*features.groups, features.fc), (512, 512)) == (404, 404)


@pytest.mark.parametrize(("pixel", "reach"), [((128, 128), (188, 188)), ((133, 128), (204, 188))])
def test_unet_has_a_receptive_field_of_188_to_204_pixels_by_position(pixel, reach):
    assert receptive_field(UNet(1).features, (256, 256), pixel) == reach


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("voxel", [27, 28, 29])
def test_deepmedic_has_receptive_fields_of_17_fine_and_51_coarse_voxels(axis, voxel):
    features = DeepMedic([1] * 8, 1).features
    line, middle = along(axis, 57), along(axis, voxel, 0)
    assert receptive_field(features, line, middle) == along(axis, 51)
    assert receptive_field(features.fine, along(axis, 33, 17)) == (17, 17, 17)


@pytest.mark.parametrize("axis", range(3))
def test_highres3dnet_has_a_receptive_field_of_87_voxels(axis):
    assert receptive_field(HighRes3DNet([1] * 3, 1).features, along(axis, 91)) == along(axis, 87)


def test_one_classifier_layer_equals_the_fused_scores_of_fcn_8s():
    """Scores per layer, upsampled and summed as in the original, against one layer on upsampled features."""
    torch.manual_seed(0)
    network = FCN8s(2, 5).double().eval()
    image = torch.rand(1, 1, 64, 96, dtype=torch.double)
    pools = [image]
    for group in network.features.groups:
        pools.append(group(pools[-1]))
    weight, bias = network.classifier.layers[1].weight, network.classifier.layers[1].bias
    score7, score4, score3 = weight.split([5, 16, 8], dim=1)

    def score(features, weight):
        return torch.einsum("bchw,kc->bkhw", features, weight)

    def twice(scores, factor=2):
        return interpolate(scores, scale_factor=factor, mode="bilinear", align_corners=False)

    fused = twice(score(network.features.fc(pools[5]), score7)) + score(pools[4], score4)
    fused = twice(twice(fused) + score(pools[3], score3), 8) + bias[:, None, None]
    torch.testing.assert_close(network(image), fused)


def test_added_channels_of_a_residual_block_start_at_zero():
    block = HighRes3DNet([4, 5, 8], 6).features[2 + 6].eval()
    for p in block.parameters():
        p.data.zero_()
    image = torch.rand(1, 5, 3, 4, 5)
    expected = torch.zeros(1, 8, 3, 4, 5)
    expected[:, 1:6] = image
    assert torch.equal(block(image), expected)


@pytest.mark.parametrize("flat", [(17, 96), (1, 5), (64, 33)])
@pytest.mark.parametrize("deep", [(10, 48, 33), (2, 5, 1)])
def test_features_and_logits_keep_the_image_shape(network, flat, deep):
    shape = flat if network.dimension == 2 else deep
    image = torch.rand(1, 1, *shape)
    features = network.eval().features(image)
    assert features.shape[2:] == shape
    assert network.classifier(features).shape == (1, 2, *shape)
    assert torch.equal(features, network.features(image))


def test_a_training_step_lowers_the_loss(network):
    shape = (2, 21, 34) if network.dimension == 2 else (2, 9, 12, 10)
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(shape, generator=generator)[:, None]
    target = (image[:, 0] > 0).long()
    optimizer = torch.optim.SGD(network.train().parameters(), lr=1e-3)
    before = cross_entropy(network(image), target)
    before.backward()
    assert all(p.grad is not None for p in network.parameters())
    optimizer.step()
    assert cross_entropy(network(image), target) < before


def on_a_crop(network):
    trained = TrainedNetwork(network.eval(), 12, {}, torch.device("cpu"))
    box = BOX[network.dimension]
    image = Image(np.random.default_rng(0).random(box.shape).astype(np.float32), Grid.plain(box.shape))
    return trained, trained.crop(image, box)


def test_a_saved_network_is_loaded_unchanged(card, network, tmp_path):
    trained, crop = on_a_crop(network)
    trained.save(tmp_path / "weights.pt", card)
    assert torch.equal(TrainedNetwork.load(tmp_path / "weights.pt").features(crop), trained.features(crop))


def test_fine_tuning_lowers_its_loss_and_leaves_the_network_alone(network):
    trained, crop = on_a_crop(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    settings = FineTuning.defaults(network.dimension, learning_rate=1e-3, weighted=False)
    tuned = ImageSpecificNetwork(trained, crop, settings)
    labels = crop.intensity > 0.5

    def loss():
        return -np.log(np.where(labels, tuned.probability, 1 - tuned.probability) + 1e-12).mean()

    first = loss()
    tuned.update_network(labels, np.zeros(crop.shape, np.uint8))
    assert loss() < first
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_scribbles_are_obeyed_with_each_network(network):
    trained, crop = on_a_crop(network)
    scribbles = np.zeros(crop.shape, np.uint8)
    scribbles.flat[3], scribbles.flat[-4] = 1, 2
    labels = ImageSpecificNetwork(trained, crop, FineTuning.defaults(network.dimension)).fit(scribbles)
    assert labels.flat[3]
    assert not labels.flat[-4]


@pytest.mark.parametrize("widths", [(5, 2), (5, 4, 2), (5, 4, 3, 2)])
def test_classifier_equals_its_matrix_products_at_any_depth(widths):
    torch.manual_seed(0)
    classifier = PointwiseClassifier(widths, [0.5] * (len(widths) - 1)).eval()
    rows = torch.rand(7, 5)
    linear = [layer for layer in classifier.layers if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == list(widths[1:])
    expected = rows
    for k, layer in enumerate(linear):
        expected = expected @ layer.weight.T + layer.bias
        expected = expected.clamp(min=0) if k < len(linear) - 1 else expected
    torch.testing.assert_close(classifier.layers(rows), expected)
    torch.testing.assert_close(classifier(rows.T[None, :, :, None])[0, :, :, 0].T, expected)
