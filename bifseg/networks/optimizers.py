"""The gradient steps of a training: SGD with momentum, or Adam.

These call torch's functions. The first use of `torch.optim.SGD` or `Adam` in a process would import the compiler of
torch, which takes about a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from bifseg.cards.training import TrainingCard


class Optimizer:
    """Changes parameters by their gradients.

    Args:
        parameters: the network's parameters.
        settings: name the rule, its momentum and weight decay.

    Attributes:
        state: what the rule keeps from step to step: by name, one value for each parameter. A checkpoint holds it.
    """

    def __init__(self, parameters: Iterable[Tensor], settings: TrainingCard) -> None:
        self._parameters = list(parameters)
        common: dict[str, Any] = {"weight_decay": settings.weight_decay, "maximize": False}
        self.state: dict[str, list[Any]]
        self._rule: Callable[..., None]
        if settings.optimizer == "sgd":
            self._rule = partial(sgd, momentum=settings.momentum, dampening=0.0, nesterov=False, **common)
            self.state = {"momentum_buffer_list": [None for _ in self._parameters]}
        else:
            self._rule = partial(
                adam, max_exp_avg_sqs=[], amsgrad=False, beta1=0.9, beta2=0.999, eps=1e-8, **common
            )
            self.state = {
                "exp_avgs": [torch.zeros_like(values) for values in self._parameters],
                "exp_avg_sqs": [torch.zeros_like(values) for values in self._parameters],
                "state_steps": [torch.tensor(0.0) for _ in self._parameters],
            }

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Change the parameters by their gradients, and remove the gradients.

        Args:
            learning_rate: of this step.
        """
        gradients = [values.grad for values in self._parameters]
        self._rule(self._parameters, gradients, **self.state, lr=learning_rate)
        for values in self._parameters:
            values.grad = None
