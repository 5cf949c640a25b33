"""How fast this machine trains a network, measured in about a second."""

from __future__ import annotations

from time import perf_counter

import torch

from bifseg.cards.card import Precision
from bifseg.cards.cards import NetworkCard
from bifseg.networks.precision import arithmetic
from bifseg.networks.registry import SOURCES, build
from bifseg.networks.trained import DEFAULT_INPUT_SIZE

_LARGEST = {2: 64, 3: 32}  # side of the measured crop; time grows with the number of voxels
_AT_LEAST_S, _MOST = 0.3, 5


def training_seconds(card: NetworkCard, device: str = "cpu") -> float:
    """The expected time of a training, from a few measured gradient steps on a crop of noise.

    The time to read and augment images and to validate is left out; it is small compared with the steps of a large
    network.

    Args:
        card: architecture, input size, batch and iterations.
        device: name of a torch device.

    Returns:
        Seconds; 0 for a network that is trained elsewhere.

    Raises:
        InputError: the card cannot be built.
    """
    if card.architecture in SOURCES:
        return 0.0
    state = torch.get_rng_state()
    network = build(card).to(device).train()
    side = card.input_size or DEFAULT_INPUT_SIZE[network.dimension]
    measured = min(side, _LARGEST[network.dimension])
    inputs = len(card.channels) or 1
    values = torch.rand(1, inputs, *[measured] * network.dimension, device=device)
    precision = card.training.precision
    _step(network, values, precision)
    times = [_step(network, values, precision)]
    while len(times) < _MOST and sum(times) < _AT_LEAST_S:
        times.append(_step(network, values, precision))
    torch.set_rng_state(state)
    voxels = card.training.batch * (side / measured) ** network.dimension
    return min(times) * voxels * card.training.iterations


def _step(network: torch.nn.Module, values: torch.Tensor, precision: Precision) -> float:
    """Seconds of a forward and a backward pass."""
    started = perf_counter()
    with arithmetic(precision, values.device):
        logits = network(values)
    logits.float().sum().backward()
    if values.device.type == "cuda":
        torch.cuda.synchronize(values.device)
    return perf_counter() - started
