"""Ranks of intensities as input of PC-Net."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata

from bifseg.networks.architectures.pcnet import PCNet
from bifseg.networks.architectures.ranks import Ranks


def image(seed):
    """Two crops of two channels, with equal intensities in many voxels."""
    return torch.tensor(np.random.default_rng(seed).integers(0, 40, (2, 2, 3, 5, 4)), dtype=torch.float32)


def test_ranks_are_scipys_in_each_crop_and_channel():
    crops = image(0)
    ranks = Ranks()(crops).numpy()
    for values, found in zip(crops.flatten(0, 1).numpy(), ranks.reshape(-1, 3, 5, 4), strict=True):
        expected = (rankdata(values) - 0.5) / values.size - 0.5
        np.testing.assert_allclose(found.ravel(), expected * 12**0.5, atol=1e-6)


def test_a_constant_channel_gives_0():
    assert not Ranks()(torch.full((1, 1, 2, 3, 4), 7.0)).any()


def test_a_network_of_ranks_sees_the_order_of_intensities_alone():
    crop = image(1)[:1, :1]
    for ranks in (True, False):
        torch.manual_seed(0)
        network = PCNet(channels=4, head="1x1x1", instance_norm=True, ranks=ranks).eval()
        with torch.no_grad():
            one, other = network(crop), network((crop + 1).log())
        assert torch.equal(one, other) == ranks
