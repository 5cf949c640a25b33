"""Networks whose benchmarks can be repeated: seeded weights, and a classifier that is fitted to the benchmark's object.

Weights without training give doubtful probabilities, on which a min-cut takes many times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from bifseg.networks.trained import TrainedNetwork
from bifseg.sessions.users import SimulatedUser


def fitted(make: Callable[[], Any], size: int, user: SimulatedUser, steps: int = 30) -> TrainedNetwork:
    """A seeded network with its classifier fitted to the user's object by Adam; the features stay random."""
    torch.manual_seed(0)
    network = make().eval()
    trained = TrainedNetwork(network, size, {}, torch.device("cpu"))
    crop = trained.crop(user.image, user.box())
    features, truth = trained.features(crop), torch.from_numpy(crop.scaled(user.truth) >= 0.5)[None].long()
    optimizer = torch.optim.Adam(network.classifier.parameters(), lr=0.01)
    for _ in range(steps):
        loss = cross_entropy(network.logits(features, crop.shape), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return trained
