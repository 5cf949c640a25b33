"""Gradient steps against those of torch's optimizers."""

import copy

import pytest
import torch
from torch import nn

from bifseg.cards.training import TrainingCard
from bifseg.networks.gradient_steps import GradientSteps

CARDS = {
    "sgd": TrainingCard(optimizer="sgd", momentum=0.9),
    "sgd without momentum": TrainingCard(optimizer="sgd", momentum=0.0),
    "adam": TrainingCard(optimizer="adam"),
}


def optimizer_of(card, parameters):
    """Torch's own."""
    if card.optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=0.1, momentum=card.momentum, weight_decay=card.weight_decay)
    return torch.optim.Adam(parameters, lr=0.1, weight_decay=card.weight_decay)


def backward(network, k):
    """Gradients of the k-th step; the last layer has none in the first."""
    part = network[:2] if k == 0 else network
    part(torch.randn(4, 3, generator=torch.Generator().manual_seed(k))).square().sum().backward()


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_steps_equal_those_of_torch_also_after_a_stop(card, tmp_path):
    ours = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
    theirs = copy.deepcopy(ours)
    steps, optimizer = GradientSteps(ours.parameters(), card), optimizer_of(card, theirs.parameters())
    for k in range(6):
        rate = 0.1 * 0.5 ** (k // 3)
        backward(ours, k)
        steps.take(rate)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        backward(theirs, k)
        optimizer.step()
        if k == 3:
            torch.save(steps.state(), tmp_path / "steps.pt")
            steps = GradientSteps(ours.parameters(), card)
            steps.resume(torch.load(tmp_path / "steps.pt", weights_only=True))
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
        assert all(p.grad is None for p in ours.parameters())
