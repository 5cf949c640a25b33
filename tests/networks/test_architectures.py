"""Parameter counts and receptive fields are facts of the architectures."""

import numpy as np
import pytest
import torch

from bifseg.cards import NetworkCard
from bifseg.errors import BadInput
from bifseg.networks.pcnet import PCNet
from bifseg.networks.pnet import PNet
from bifseg.networks.registry import build


def count(module):
    return sum(p.numel() for p in module.parameters())


def receptive_field(module, shape):
    """Extent per axis of the input voxels that move the middle output voxel.

    Positive weights and inputs keep every ReLU open, so no path is hidden.
    """
    module = module.double().eval()
    for p in module.parameters():
        p.data = p.data.abs() + 1e-3 if p.ndim > 1 else torch.zeros_like(p.data)
    image = torch.ones(1, 1, *shape, dtype=torch.double, requires_grad=True)
    middle = tuple(n // 2 for n in shape)
    module(image)[(0, slice(None), *middle)].sum().backward()
    moved = np.argwhere(image.grad[0, 0].numpy() != 0)
    return tuple(int(v) for v in moved.max(0) - moved.min(0) + 1)


def test_pnet_parameters():
    network = PNet(64)
    assert count(network.features) == 443_776
    assert count(network.classifier) == 41_346
    assert network.parameter_count() == 485_122


@pytest.mark.parametrize(("channels", "parameters"), [(16, 43_654), (32, 171_530), (64, 679_954)])
def test_pcnet_parameters(channels, parameters):
    assert PCNet(channels).parameter_count() == parameters


def test_pnet_sees_181_pixels():
    assert receptive_field(PNet(1), (199, 199)) == (181, 181)


def test_pcnet_features_see_85_by_85_by_9():
    assert receptive_field(PCNet(4).features, (15, 95, 95)) == (9, 85, 85)
    assert receptive_field(PCNet(4, head="1x1x1"), (15, 95, 95)) == (9, 85, 85)
    assert receptive_field(PCNet(4, head="3x3x3"), (15, 95, 95)) == (11, 87, 87)


@pytest.mark.parametrize(
    ("network", "shape"), [(PNet(4), (17, 23)), (PCNet(4), (3, 17, 23)), (PCNet(4), (1, 5, 5))]
)
def test_every_voxel_gets_two_logits(network, shape):
    assert network(torch.rand(1, 1, *shape)).shape == (1, 2, *shape)


@pytest.mark.parametrize("network", [PNet(4), PCNet(4, head="1x1x1")])
def test_pointwise_classifier_runs_on_any_selection(network):
    network = network.eval()
    shape = (9, 8) if network.dimension == 2 else (4, 9, 8)
    features = network.features(torch.rand(1, 1, *shape))
    whole = network.classifier(features).flatten(2)
    chosen = torch.tensor([3, 7, 50])
    rows = features.flatten(2)[0].T[chosen]
    torch.testing.assert_close(network.classifier.layers(rows).T[None], whole[:, :, chosen])


def test_unknown_architecture_and_setting_are_one_line():
    with pytest.raises(BadInput, match=r"architecture: unknown .vnet.; known are pnet, pcnet"):
        build(NetworkCard(architecture="vnet"))
    with pytest.raises(BadInput, match=r"settings of pnet: .*'width'"):
        build(NetworkCard(architecture="pnet", settings={"width": 3}))
    with pytest.raises(BadInput, match="head: unknown '5x5'"):
        build(NetworkCard(architecture="pcnet", settings={"head": "5x5"}))
