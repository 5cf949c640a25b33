"""The optimizers of training: torch's arithmetic, without the import of its compiler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from bifseg.cards.training import TrainingCard

_ADAM: dict[str, Any] = {"amsgrad": False, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


class Optimizer:
    """Adam, or SGD with momentum; the weights equal those of `torch.optim.Adam` and `torch.optim.SGD`.

    The first use of these classes in a process imports the compiler of torch, which takes more than a second.

    Args:
        parameters: weights to change.
        settings: it uses `optimizer`, `weight_decay` and `momentum`.

    Attributes:
        state: what a step needs of earlier steps, as a checkpoint stores it: tensors by name, one for each weight.
    """

    def __init__(self, parameters: Iterable[Tensor], settings: TrainingCard) -> None:
        self._weights, self._settings = list(parameters), settings
        zeros = [[torch.zeros_like(weight) for weight in self._weights] for _ in range(2)]
        self.state = {"velocity": zeros[0]}
        if settings.optimizer == "adam":
            steps = [torch.tensor(0.0) for _ in self._weights]  # not on a GPU, which would be waited for
            self.state = {"mean": zeros[0], "square": zeros[1], "steps": steps}

    def load(self, state: dict[str, list[Tensor]]) -> None:
        """Continue from a stored state.

        Args:
            state: value of `state` of an optimizer with the same settings and weights.
        """
        for name, tensors in self.state.items():
            for tensor, stored in zip(tensors, state[name], strict=True):
                tensor.copy_(stored)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Change the weights that have a gradient.

        Args:
            rate: learning rate.
        """
        settings = self._settings
        common: dict[str, Any] = {"lr": rate, "weight_decay": settings.weight_decay, "maximize": False}
        used = [k for k, weight in enumerate(self._weights) if weight.grad is not None]
        weights: Any = [self._weights[k] for k in used]
        gradients = [weight.grad for weight in weights]
        state: Any = {name: [tensors[k] for k in used] for name, tensors in self.state.items()}
        if settings.optimizer == "adam":
            mean, square, steps = (state[name] for name in ("mean", "square", "steps"))
            adam(weights, gradients, mean, square, [], steps, **common, **_ADAM)
        else:
            common |= {"momentum": settings.momentum, "dampening": 0.0, "nesterov": False}
            sgd(weights, gradients, state["velocity"], **common)
