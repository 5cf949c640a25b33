"""The optimizers give the weights that torch's classes give, also after a checkpoint."""

import sys

import pytest
import torch

from bifseg.cards.training import TrainingCard
from bifseg.networks.optimizer import Optimizer

CLASSES = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def network():
    """Three layers, of which the second is used in every other step only and the last never."""
    torch.manual_seed(0)
    return torch.nn.ModuleList([torch.nn.Linear(5, 5) for _ in range(3)])


def gradients(net, iteration):
    generator = torch.Generator().manual_seed(iteration)
    values = net[0](torch.randn(4, 5, generator=generator)).tanh()
    net.zero_grad()
    (net[1](values) if iteration % 2 else values).square().sum().backward()


def rate(iteration):
    return 0.1 * 0.5 ** (iteration // 5)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("name", CLASSES)
def test_weights_are_those_of_torch_also_after_a_checkpoint(name, decay, momentum, tmp_path):
    settings = TrainingCard(optimizer=name, weight_decay=decay, momentum=momentum)
    net, of_torch = network(), network()
    more = {"momentum": momentum} if name == "sgd" else {}
    expected = CLASSES[name](of_torch.parameters(), lr=1.0, weight_decay=decay, **more)
    optimizer = Optimizer(net.parameters(), settings)
    for iteration in range(12):
        if iteration == 6:
            torch.save({"optimizer": optimizer.state}, tmp_path / "checkpoint.pt")
            optimizer = Optimizer(net.parameters(), settings)
            optimizer.load(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["optimizer"])
        gradients(net, iteration)
        optimizer.step(rate(iteration))
        gradients(of_torch, iteration)
        expected.param_groups[0]["lr"] = rate(iteration)
        expected.step()
        for weight, weight_of_torch in zip(net.parameters(), of_torch.parameters(), strict=True):
            assert torch.equal(weight, weight_of_torch)
    assert not torch.equal(net[1].weight, network()[1].weight)


@pytest.mark.parametrize("name", CLASSES)
def test_the_compiler_of_torch_is_not_imported(name, monkeypatch):
    """A process that trains would start more than a second later."""
    weight = torch.ones(2, requires_grad=True)
    weight.square().sum().backward()
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # an import of it fails
    monkeypatch.delitem(vars(torch), "_dynamo", raising=False)
    Optimizer([weight], TrainingCard(optimizer=name)).step(0.1)
    with pytest.raises(ImportError):
        CLASSES[name]([weight], lr=0.1).step()
