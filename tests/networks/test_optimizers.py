"""Steps equal those of torch's own classes to the bit, also after a checkpoint."""

import copy

import pytest
import torch

from bifseg.cards.training import TrainingCard
from bifseg.networks.optimizers import Optimizer

RATES = (0.1, 0.1, 0.05, 0.05, 0.025)


@pytest.fixture
def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.ReLU(), torch.nn.Conv2d(3, 2, 3))


def descend(network, values):
    network(values).square().mean().backward()


@pytest.mark.parametrize(
    ("rule", "make"),
    [
        ("sgd", lambda parameters: torch.optim.SGD(parameters, momentum=0.9, weight_decay=0.01)),
        ("adam", lambda parameters: torch.optim.Adam(parameters, weight_decay=0.01)),
    ],
)
def test_steps_equal_those_of_torch(network, rule, make):
    settings = TrainingCard(optimizer=rule, momentum=0.9, weight_decay=0.01)
    other, batches = copy.deepcopy(network), torch.randn(len(RATES), 2, 1, 9, 9)
    own, theirs = Optimizer(network.parameters(), settings), make(other.parameters())
    before = [values.detach().clone() for values in network.parameters()]
    for k, (rate, batch) in enumerate(zip(RATES, batches, strict=True)):
        if k == 2:  # as a training that was stopped and resumed
            state, own = own.state, Optimizer(network.parameters(), settings)
            own.state = state
        descend(network, batch)
        own.step(rate)
        theirs.param_groups[0]["lr"] = rate
        theirs.zero_grad()
        descend(other, batch)
        theirs.step()
    for start, mine, expected in zip(before, network.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, expected)
        assert not torch.equal(mine, start)
